"""`[api]`: what a running daemon shows and takes over HTTP."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from core.settings.section import Section


class ApiSettings(Section):
    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = Field(default=18_700, ge=0, le=65_535)
    """0: any free port, written to `data_dir/api.port`."""
    token: Annotated[SecretStr, Field(min_length=16)] | None = None
    """May do everything. `None`: a random one, written to `data_dir/api.token` (mode 0600) for the commands of this
    machine. Tokens that may do less: `live_bot.py token new`."""
    token_file: Path | None = None
    tls_certificate: Path | None = None
    """PEM, with its chain; `None`: plain HTTP."""
    tls_key: Path | None = None
    """PEM. `None`: it is in the certificate's file."""
    plain_http: bool = False
    """Listen beyond this machine without TLS: right behind a proxy that adds it, wrong everywhere else."""
    allowed_hosts: tuple[str, ...] = ()
    """Names by which it may be called, beside addresses and `localhost`."""
    requests_per_s: float = Field(default=50.0, gt=0, le=100_000)
    """Of each token, and of each address without one; twice as many may come at once."""
    commands_per_s: float = Field(default=10.0, gt=0, le=1_000)
    """The same for what changes something."""
