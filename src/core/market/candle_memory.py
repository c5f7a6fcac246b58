"""Shared memory that candle rings live in: an anonymous file (memfd) which worker processes map read-only.

Not `multiprocessing.shared_memory`: in Python 3.11 its resource tracker unlinks blocks that others still use, and a
killed process leaks them. A memfd has no name, so the kernel frees it with its last user, however that one died.
Another process of the same user opens it by `/proc/<pid>/fd/<n>`; the token in its first bytes tells a segment from
another one that later got the same descriptor number.
"""

import mmap
import os
import secrets
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HEADER_BYTES = 64
RING_HEADER_WORDS = 8
_WORD = 8
_COLUMNS = 6


class SegmentHandle(NamedTuple):
    """Where a segment can be opened from; picklable."""

    path: str
    token: int
    size: int


class RingHandle(NamedTuple):
    """One ring in a segment; picklable, valid as long as the store that gave it lives."""

    segment: SegmentHandle
    offset: int
    capacity: int
    """Candles that a window may hold."""
    rows: int


def ring_bytes(rows: int) -> int:
    return (RING_HEADER_WORDS + _COLUMNS * rows) * _WORD


class RingMemory:
    """Typed views of one ring's bytes: a header of int64 words and six columns of `rows` values."""

    __slots__ = ("close", "header", "high", "low", "open", "open_ms", "volume")

    def __init__(self, buffer: mmap.mmap, offset: int, rows: int) -> None:
        self.header: NDArray[np.int64] = np.frombuffer(buffer, np.int64, RING_HEADER_WORDS, offset)
        start = offset + RING_HEADER_WORDS * _WORD
        self.open_ms: NDArray[np.int64] = np.frombuffer(buffer, np.int64, rows, start)
        columns = [np.frombuffer(buffer, np.float64, rows, start + n * rows * _WORD) for n in range(1, _COLUMNS)]
        self.open, self.high, self.low, self.close, self.volume = columns

    @property
    def columns(self) -> tuple[NDArray[np.int64] | NDArray[np.float64], ...]:
        """open_ms (rows,) int64, then open, high, low, close, volume (rows,) float64."""
        return self.open_ms, self.open, self.high, self.low, self.close, self.volume


class Segment:
    """One memfd with room for `n_rings` rings of `rows` rows. Closing it frees the memory once no worker maps it."""

    def __init__(self, n_rings: int, capacity: int, rows: int) -> None:
        self._capacity = capacity
        self._rows = rows
        self._n_rings = n_rings
        self._used = 0
        size = HEADER_BYTES + n_rings * ring_bytes(rows)
        self._fd = os.memfd_create("metronome-candles", os.MFD_CLOEXEC)
        os.ftruncate(self._fd, size)
        self._buffer = mmap.mmap(self._fd, size)
        token = secrets.randbits(62)
        self._buffer[:_WORD] = token.to_bytes(_WORD, "little")
        self._handle = SegmentHandle(path=f"/proc/{os.getpid()}/fd/{self._fd}", token=token, size=size)

    @property
    def is_full(self) -> bool:
        return self._used == self._n_rings

    def allocate(self) -> tuple[RingHandle, RingMemory]:
        """The next free ring, zeroed. Raises IndexError when the segment is full."""
        if self.is_full:
            raise IndexError("no free ring in this segment")
        size = ring_bytes(self._rows)
        offset = HEADER_BYTES + self._used * size
        self._used += 1
        # Written now, so that the machine gives the memory at the start, and not page by page over the next days.
        self._buffer[offset : offset + size] = bytes(size)
        handle = RingHandle(segment=self._handle, offset=offset, capacity=self._capacity, rows=self._rows)
        return handle, RingMemory(self._buffer, offset, self._rows)

    def close(self) -> None:
        """Closes the descriptor; the mapping goes with the last array over it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def map_read_only(handle: SegmentHandle) -> mmap.mmap:
    """Maps a segment of another process (or of this one).

    Raises FileNotFoundError when its owner is gone, PermissionError when it runs as another user, and ValueError when
    the descriptor now holds something else.
    """
    fd = os.open(handle.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if os.fstat(fd).st_size != handle.size:
            raise ValueError(f"{handle.path} no longer holds the candle segment it was handed out for")
        buffer = mmap.mmap(fd, handle.size, access=mmap.ACCESS_READ)
    finally:
        os.close(fd)
    if int.from_bytes(buffer[:_WORD], "little") != handle.token:
        raise ValueError(f"{handle.path} no longer holds the candle segment it was handed out for")
    return buffer
