"""The file of an earlier epoch's books, out of the way under another name."""

from pathlib import Path

from core.domain.errors import JournalError
from core.execution.journal.engine import Database
from core.runtime.durable_files import sync_folder


def put_aside(database: Database, epoch: str) -> str | None:
    """Its new name; `None`: a server's database keeps it as an older book. Raises `JournalError`."""
    file = database.file
    if file is None:
        return None
    aside = _free_name(file, epoch)
    try:
        database.close()
        file.rename(aside)
        for suffix in ("-wal", "-shm"):
            left = file.with_name(file.name + suffix)
            if left.exists():
                left.rename(aside.with_name(aside.name + suffix))
        sync_folder(file.parent)
    except OSError as error:
        raise JournalError(f"can't be put aside as {aside.name}: {error.strerror}") from None
    return str(aside)


def _free_name(file: Path, epoch: str) -> Path:
    safe = "".join(char if char.isalnum() else "_" for char in epoch)
    stem, n = f"{file.stem}.epoch-{safe}", 1
    candidate = file.with_name(f"{stem}{file.suffix}")
    while candidate.exists():
        n += 1
        candidate = file.with_name(f"{stem}-{n}{file.suffix}")
    return candidate
