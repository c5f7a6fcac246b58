"""Where the counts are kept: in this process, or in a small file that all processes of a user share.

The file is read and written whole under `flock`, which the kernel takes from a process that dies. A process that is
stopped while it holds the lock would hold up everybody: after a moment the others go on without it, and at worst a
count is lost, which the venue's own count mends. Torn or foreign contents are taken for none.
"""

import contextlib
import fcntl
import os
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from core.venues.budget.windows import Mark

_LOOK_EVERY_S = 0.0005
_PATIENCE_S = 1.0
"""After waiting in vain, so long without waiting again."""
_MAX_BYTES = 65_536
_CRC_BYTES = 4
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Counts(msgspec.Struct):
    """Times are monotonic ns of one boot of the machine."""

    boot: str = ""
    away_until_ns: int = 0
    """The venue has told this address to stay away until then."""
    free_at_ns: int = 0
    """When the next request is due, where the venue wants them apart."""
    marks: dict[str, list[Mark]] = {}
    """By the limit's name."""
    limits: dict[str, int] = {}
    """What the venue has said of its limits to anybody who shares this: whoever has just begun goes by it, too."""
    speed: float | None = None
    """Venue seconds a real second, as known to whoever learnt the limits."""


class Ledger(Protocol):
    """Thread-safe."""

    def open(self) -> contextlib.AbstractContextManager[Counts]:
        """The counts, for a moment in which nobody else changes them; what the body makes of them is kept. The body
        must not wait for anything."""
        ...


class OwnLedger:
    """Of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Counts()

    @contextlib.contextmanager
    def open(self) -> Iterator[Counts]:
        with self._lock:
            yield self._counts


class SharedLedger:
    """A file. Raises `OSError` where it can't be used; later troubles with it are survived with the last counts."""

    def __init__(self, file: Path, *, longest_wait_s: float = 0.05) -> None:
        """`longest_wait_s`: for the lock, before it counts as held by a process that is stopped."""
        self._file = file
        self._longest_wait_s = longest_wait_s
        self._lock = threading.Lock()
        self._decoder = msgspec.msgpack.Decoder(Counts)
        self._boot = _boot_id()
        self._last = Counts(boot=self._boot)
        self._fd = _open(file)
        self._is_ill = False
        self._unlocked_at_s = -_PATIENCE_S
        self.unlocked = 0
        """How often the lock could not be had in time."""

    @contextlib.contextmanager
    def open(self) -> Iterator[Counts]:
        with self._lock, self._file_locked():
            counts = self._read()
            before = msgspec.msgpack.encode(counts)
            yield counts
            if (after := msgspec.msgpack.encode(counts)) != before:
                self._write(after)
            self._last = counts

    def close(self) -> None:
        with self._lock:
            os.close(self._fd)
            self._fd = -1

    @contextlib.contextmanager
    def _file_locked(self) -> Iterator[None]:
        is_locked = self._take_lock()
        try:
            yield
        finally:
            if is_locked:
                with contextlib.suppress(OSError):
                    fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _take_lock(self) -> bool:
        """Tries for a moment only: with the clock of the holder stopped it would be for ever."""
        is_held_up = time.monotonic() - self._unlocked_at_s < _PATIENCE_S
        until_s = time.monotonic() + (0.0 if is_held_up else self._longest_wait_s)
        while True:
            try:
                self._reopen_if_removed()
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until_s:
                    self.unlocked += 1
                    self._unlocked_at_s = time.monotonic()
                    return False
                time.sleep(_LOOK_EVERY_S)
            except OSError as error:
                self._complain(error)
                return False
            else:
                return True

    def _reopen_if_removed(self) -> None:
        """Somebody tidied up: without this everybody would go on in a file of his own."""
        if os.fstat(self._fd).st_nlink == 0:
            fresh = _open(self._file)
            os.close(self._fd)
            self._fd = fresh

    def _read(self) -> Counts:
        try:
            content = os.pread(self._fd, _MAX_BYTES, 0)
        except OSError as error:
            self._complain(error)
            return self._last
        found = self._decoded(content)
        return Counts(boot=self._boot) if found is None or found.boot != self._boot else found

    def _decoded(self, content: bytes) -> Counts | None:
        body = content[_CRC_BYTES:]
        if len(content) <= _CRC_BYTES or zlib.crc32(body) != int.from_bytes(content[:_CRC_BYTES], "little"):
            return None
        try:
            return self._decoder.decode(body)
        except msgspec.DecodeError:
            return None

    def _write(self, body: bytes) -> None:
        content = zlib.crc32(body).to_bytes(_CRC_BYTES, "little") + body
        try:
            os.pwrite(self._fd, content, 0)
            os.ftruncate(self._fd, len(content))
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        """Once: the daemon goes on with counts of its own."""
        if not self._is_ill:
            self._is_ill = True
            structlog.get_logger("budget").warning("budget_file_unusable", file=str(self._file), reason=str(error))


def _open(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:  # no such kernel: reboots are told by times of the future only
        return ""
