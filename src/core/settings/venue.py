"""`[venue]`: where the market comes from."""

from pathlib import Path

from pydantic import Field, SecretStr

from core.settings.section import Section


class VenueSettings(Section):
    name: str = "sim"
    """`sim` (embedded, a process of its own) or a venue with an adapter: `binance`."""
    base_url: str | None = None
    """REST root that speaks the venue's protocol, e.g. `http://127.0.0.1:18080`; `None`: the venue's own."""
    ws_base_url: str | None = None
    """WebSocket root, e.g. `ws://127.0.0.1:18080`; `None`: the venue's own."""
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    secret: SecretStr | None = None
    secret_file: Path | None = None
    request_timeout_s: float = Field(default=10.0, gt=0, le=25)
    """Total time one REST call may take, body included; enforced by shutting its socket."""
    recv_window_ms: int = Field(default=5_000, gt=0, le=60_000)
    stale_stream_s: float = Field(default=15.0, gt=0)
    """A connection without any frame for so long (real time) is dialled again."""
    max_streams_per_connection: int = Field(default=1_024, ge=16, le=1_024)
    """Streams are spread over as many connections as this needs; 1,024 is Binance's own limit."""
