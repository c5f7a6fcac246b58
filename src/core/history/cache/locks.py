"""One writer a folder, across processes: flock, which the kernel takes from a process that dies. Blocking."""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.domain.errors import CacheError

_LONGEST_WAIT_S = 20.0
_LOOK_EVERY_S = 0.005


@contextmanager
def locked(root: Path, folder: Path) -> Iterator[None]:
    """Raises `CacheError` where another process does not let go of it, and `OSError`.

    The locks have files of their own, which stay: one that is deleted with its folder is soon two locks.
    """
    locks = root / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(str(folder.relative_to(root)).encode()).hexdigest()[:24]
    descriptor = os.open(locks / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    until_s = time.monotonic() + _LONGEST_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until_s:
                raise CacheError(f"{folder}: another process has been writing for {_LONGEST_WAIT_S:.0f} s") from None
            time.sleep(_LOOK_EVERY_S)
        else:
            return
