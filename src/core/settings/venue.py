"""`[venue]`: where the market comes from."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator

from core.settings.section import Section

_CREDENTIALS = frozenset(
    {"apiKey", "secret", "password", "uid", "login", "twofa", "privateKey", "walletAddress", "token", "accountId"}
)
"""What ccxt takes as one."""


class VenueSettings(Section):
    name: str = "sim"
    """`sim` (embedded, a process of its own), `binance`, or any exchange by ccxt's name for it, e.g. `kraken`."""
    adapter: Literal["auto", "ccxt"] = "auto"
    """`auto`: the venue's own adapter where it has one, else ccxt's unified methods; `ccxt`: those in any case."""
    base_url: str | None = None
    """REST root that speaks the venue's protocol, e.g. `http://127.0.0.1:18080`; `None`: the venue's own."""
    ws_base_url: str | None = None
    """WebSocket root, e.g. `ws://127.0.0.1:18080`; `None`: the venue's own."""
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    secret: SecretStr | None = None
    secret_file: Path | None = None
    password: SecretStr | None = None
    """The third part that some exchanges want (okx, kucoin: passphrase)."""
    password_file: Path | None = None
    accept_withdrawal_key: bool = False
    """Live trading with a key that may withdraw is refused without this."""
    ccxt: dict[str, Any] = Field(default_factory=dict)
    """Settings of ccxt's own, laid over ours key by key: `urls`, `options`, `hostname`, `headers`, `rateLimit`. Only
    where ccxt's unified methods serve the exchange."""
    request_timeout_s: float = Field(default=10.0, gt=0, le=25)
    """Total time one REST call may take, body included; enforced by shutting its socket."""
    recv_window_ms: int = Field(default=5_000, gt=0, le=60_000)
    stale_stream_s: float = Field(default=15.0, gt=0)
    """A connection without any frame for so long (real time) is dialled again."""
    max_streams_per_connection: int = Field(default=1_024, ge=16, le=1_024)
    """Streams are spread over as many connections as this needs; 1,024 is Binance's own limit."""
    instruments_every_s: float = Field(default=1_800.0, gt=0)
    """How often (real time) the venue is asked for its rules: steps, minima, halts, delistings. Sooner after a refusal
    that names them (every 10 s at most), and every 5 min while something that is traded is halted or delisted."""
    leverage: int = Field(default=1, ge=1, le=125)
    """Perpetuals: position value over its margin. How much is traded is for `[sizing]` to say, not for this."""
    margin_type: Literal["isolated", "cross"] = "isolated"
    """Perpetuals: `isolated` risks a position's own margin, `cross` the whole wallet."""

    @field_validator("ccxt")
    @classmethod
    def _without_credentials(cls, given: dict[str, Any]) -> dict[str, Any]:
        if found := sorted(_CREDENTIALS.intersection(given)):
            raise ValueError(
                f"{found[0]} is a secret and has no place there; use venue.api_key, venue.secret or venue.password"
            )
        return given
