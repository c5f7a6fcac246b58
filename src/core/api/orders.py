"""What the daemon has its serving process do."""

import msgspec

from core.api.tokens import Token


class Orders(msgspec.Struct, frozen=True):
    data_dir: str
    tokens: tuple[Token, ...]
    """Beside those of the token file."""
    hosts: tuple[str, ...]
    requests_per_s: float
    commands_per_s: float
    silent_after_s: float
    tls_certificate: str | None = None
    tls_key: str | None = None
    ledger: str | None = None
    """The file of the recorded decisions; `None`: none are recorded."""
