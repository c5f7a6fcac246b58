"""`[storage]`: where state lives."""

from pathlib import Path

from pydantic import Field

from core.settings.section import Section


class StorageSettings(Section):
    data_dir: Path = Path("var")
    """Journals, ledgers, simulated accounts. systemd's `STATE_DIRECTORY` replaces the default."""
    runtime_dir: Path | None = None
    """Where the daemons of this user on this machine keep what they share while they run: how much of each venue's
    limits is used. `None`: systemd's `RUNTIME_DIRECTORY`, else `metronome` in the user's runtime folder, else a folder
    of the user's in the temporary one."""
    journal_url: str | None = None
    """SQLAlchemy URL; `None`: SQLite, one file per (mode, venue, account) in `data_dir`."""
    accept_new_account: bool = False
    """Live trading with a key that has no journal in `data_dir`, where other keys have one, is refused without this."""
    lease_s: float = Field(default=15.0, ge=3.0, le=600.0)
    """How long a daemon has its account without renewing, which it does five times as often. A successor of one that
    vanished on another machine waits that long, and a little longer; one on the same machine need not wait."""
    min_free_disk_mb: int = Field(default=100, ge=0)
