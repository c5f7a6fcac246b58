"""`[history]`: where recorded series come from, where they are kept, and how politely they are asked for."""

from pathlib import Path

from pydantic import Field, SecretStr

from core.settings.section import Section


class HistorySettings(Section):
    source: str = "alpaca"
    """`alpaca`, `deribit`, `files`, or any exchange by ccxt's name for it, e.g. `binance`."""
    dir: Path | None = None
    """The cache; `None`: `history` in `storage.data_dir`."""
    files_dir: Path | None = None
    """Of the source `files`: the folder to read."""
    base_url: str | None = None
    """REST root that speaks the source's protocol, e.g. `http://127.0.0.1:18090`; `None`: the source's own. Exchanges
    of ccxt take theirs from `venue.ccxt`."""
    alpaca_api_key: SecretStr | None = None
    alpaca_api_key_file: Path | None = None
    alpaca_secret: SecretStr | None = None
    alpaca_secret_file: Path | None = None
    alpaca_feed: str = "iex"
    """Of stock bars: `iex` (free), `sip` (all exchanges, paid)."""
    requests_at_once: int = Field(default=32, ge=1, le=256)
    """Threads that wait for answers."""
    requests_per_min: float | None = Field(default=None, gt=0)
    """`None`: what the source documents."""
    request_timeout_s: float = Field(default=30.0, gt=0, le=300)
    """Total time one request may take, body included; enforced by shutting its socket."""
    attempts: int = Field(default=5, ge=1, le=20)
    """How often a page is asked for before its series is given up for this load."""
    first_backoff_s: float = Field(default=0.5, gt=0, le=60)
    """Before a page is asked for again; doubled each time, and jittered."""
    contracts: int = Field(default=100, ge=0, le=10_000)
    """Option bars: of so many contracts of each underlying, those nearest to the money."""
    contract_days: int = Field(default=90, ge=1, le=1_500)
    """Option bars: of contracts that expire within so many days."""
    chain_max_age_s: float = Field(default=900.0, ge=0)
    """An option chain in the cache that is younger is not asked for again."""
    min_quality: float = Field(default=0.75, ge=0, le=1)
    """A series that scores less is refused for training and for trading, with the reasons."""
