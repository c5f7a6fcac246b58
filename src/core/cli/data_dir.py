"""The folder where state lives: made, proved writable, and the log of a run whose terminal shows the table."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from core.domain.errors import SettingsError


def require_data_dir(folder: Path) -> None:
    """Makes `folder` where it is absent. Raises `SettingsError` when it can't be made or written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except PermissionError:
        raise SettingsError(f"storage.data_dir: no permission to make {folder}. {_CURE}") from None
    except (FileExistsError, NotADirectoryError):
        raise SettingsError(f"storage.data_dir: {folder} is not a folder. {_CURE}") from None
    except OSError as error:
        raise SettingsError(f"storage.data_dir: {folder} cannot be made: {error.strerror or error}. {_CURE}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError(f"storage.data_dir: no permission to write in {folder}. {_CURE}")


def open_log(folder: Path) -> TextIO:
    """`metronome.log` in `folder`, new; the one of the run before is kept as `metronome.log.1`."""
    log = folder / "metronome.log"
    try:
        if log.exists():
            log.replace(folder / "metronome.log.1")
        return log.open("w", encoding="utf-8", buffering=1)
    except OSError as error:
        raise SettingsError(f"storage.data_dir: {log} cannot be written: {error.strerror or error}. {_CURE}") from None


@contextmanager
def stderr_into(log: TextIO) -> Iterator[None]:
    """Sends everything written to this process's standard error (stack dumps, warnings of C code) to `log`."""
    sys.stderr.flush()
    kept = os.dup(2)
    os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


_CURE = "Give this user the right to, or choose another folder with storage.data_dir."
