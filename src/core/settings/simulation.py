"""`[simulation]`: the embedded venue."""

from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field

from core.settings.section import Section
from core.settings.simulated_data import AlpacaSettings, DeribitSettings


class SimulationSettings(Section):
    host: str = "127.0.0.1"
    port: int = Field(default=18_080, ge=0, le=65_535)
    admin_port: int = Field(default=0, ge=0, le=65_535)
    """Ledger and, later, faults; 0: any free port."""
    proxy_port: int | None = Field(default=None, ge=0, le=65_535)
    """A CONNECT proxy that answers as the real venue's hosts, over TLS; 0: any free port, `None`: no proxy."""
    speed: float = Field(default=20.0, gt=0, le=60)
    """Venue seconds per real second. At 60 a one-minute candle lasts one real second."""
    seed: int | None = None
    """`None`: a new random market each start, its seed logged."""
    market: Literal["generated", "replay", "forwarded"] = "generated"
    """`forwarded` is what paper mode on another venue makes of it: that venue's market, sent in by the daemon."""
    replay_files: tuple[Path, ...] = ()
    """Candle files (CSV, Parquet, Feather), one a symbol: `BTC-USDT-1m.csv` plays as BTC/USDT. Or the files of one
    recording of an exchange's raw streams; candle files beside those are the history before it."""
    messages_per_s: float = Field(default=20.0, gt=0)
    """Market messages a real second and active symbol."""
    deposit: dict[str, Decimal] = Field(default_factory=lambda: {"USDT": Decimal(100_000)})
    """What a new account starts with."""
    maker_fee_bps: Decimal = Decimal(10)
    taker_fee_bps: Decimal = Decimal(10)
    usdm_deposit: dict[str, Decimal] = Field(default_factory=lambda: {"USDT": Decimal(100_000)})
    """What the wallet for perpetuals starts with, where there are any (`BTC/USDT:USDT`)."""
    usdm_maker_fee_bps: Decimal = Decimal(2)
    usdm_taker_fee_bps: Decimal = Decimal(5)
    funding_interval_h: int = Field(default=8, ge=1, le=8)
    """Hours of venue time between two funding payments; the market's rate is for eight of them."""
    usdm_weight_limit: int = Field(default=2_400, gt=0)
    """As `weight_limit`, for the perpetuals' own API."""
    listen_key_s: float = Field(default=3_600.0, gt=0)
    """Real seconds that a listen key lives after its last use."""
    weight_limit: int = Field(default=6_000, gt=0)
    """Request weight that one address may use in a minute of venue time; beyond it the answer is 429."""
    limits: Literal["real", "relaxed"] = "real"
    """`relaxed`: a thousand times the weights, orders, connects and messages, for tests of speed; the venue says so in
    its log and its health."""
    faults_file: Path | None = None
    """TOML with the faults that the venue shall show, and when (docs/simulation.md); `None`: none."""
    random_faults: int | None = None
    """Seed of faults drawn at random; `None`: none."""
    fault_intensity: float = Field(default=0.5, gt=0, le=60)
    """Faults at random that begin in a venue minute, on average."""
    latency_ms: float = Field(default=2.0, ge=0)
    """Added to every REST answer, real time."""
    alpaca: AlpacaSettings = Field(default_factory=AlpacaSettings)
    """Alpaca's data API, on the same port."""
    deribit: DeribitSettings = Field(default_factory=DeribitSettings)
    """Deribit's public API, on the same port."""
