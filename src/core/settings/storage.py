"""`[storage]`: where state lives."""

from pathlib import Path

from pydantic import Field

from core.settings.section import Section


class StorageSettings(Section):
    data_dir: Path = Path("var")
    """Journals, ledgers, simulated accounts. systemd's `STATE_DIRECTORY` replaces the default."""
    journal_url: str | None = None
    """SQLAlchemy URL; `None`: SQLite, one file per (mode, venue, account) in `data_dir`."""
    min_free_disk_mb: int = Field(default=100, ge=0)
