"""`[api]`: the loopback API of the running daemon."""

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
    """`None`: a random token, written to `data_dir/api.token` (mode 0600) for the commands of this machine."""
    token_file: Path | None = None
