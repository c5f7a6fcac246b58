"""One series of closed candles in shared memory: a writer in the daemon, readers in worker processes.

Rows fill from the front; when they are full, the last `capacity - 1` move back to the front. So the newest `n` candles
always lie side by side, an append never touches a window handed out before, and only two things do: that move, and a
rewrite (a revised candle, a backfill). Both raise the generation to an odd number, change the rows, and raise it to the
next even one; a reader that finds the generation unchanged after its computation has computed on what it saw (a
sequence lock with one writer). Words of 8 bytes are written whole, in program order on x86-64.
"""

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.domain.candles import Candle
from core.domain.errors import ComputeError
from core.market.candle_memory import RingHandle, RingMemory, map_read_only

_GENERATION, _END, _COUNT = 0, 1, 2
_MAX_TRIES = 250
_TRY_EVERY_S = 0.001


class RingWindow(NamedTuple):
    """The newest closed candles of one series, oldest first; arrays of shape (n,)."""

    open_ms: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    generation: int
    """Of the ring when the window was taken; see `RingReader.is_intact`."""

    @property
    def columns(self) -> tuple[NDArray[np.int64] | NDArray[np.float64], ...]:
        return self[:6]


class RingVersion(NamedTuple):
    """Another one after every change of a closed candle."""

    last_open_ms: int
    """Of the newest candle, UTC ms; -1 while there is none."""
    generation: int


def rows_for(capacity: int) -> int:
    """Rows of a ring: a quarter more than its capacity, so that moving back costs little an append."""
    return capacity + max(capacity // 4, 8)


class RingWriter:
    """The daemon's side. Not safe for two threads."""

    __slots__ = ("_capacity", "_count", "_end", "_memory", "_rows", "handle", "last_open_ms")

    def __init__(self, handle: RingHandle, memory: RingMemory) -> None:
        self.handle = handle
        self.last_open_ms: int | None = None
        """Open time of the newest candle; `None` while empty."""
        self._memory = memory
        self._capacity = handle.capacity
        self._rows = handle.rows
        self._end = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def version(self) -> RingVersion:
        last_ms = -1 if self.last_open_ms is None else self.last_open_ms
        return RingVersion(last_ms, int(self._memory.header[_GENERATION]))

    def append(self, candle: Candle) -> None:
        if self._end == self._rows:
            self._move_back()
        self._write(self._end, candle)
        self._publish(self._end + 1, min(self._count + 1, self._capacity), candle.open_ms)

    def at(self, open_ms: int) -> Candle | None:
        """The stored candle that opened then, without its quote volume and trade count; `None` if there is none."""
        row = self._row(open_ms)
        if row is None:
            return None
        memory = self._memory
        return Candle(
            open_ms=open_ms,
            open=float(memory.open[row]),
            high=float(memory.high[row]),
            low=float(memory.low[row]),
            close=float(memory.close[row]),
            volume=float(memory.volume[row]),
        )

    def revise(self, candle: Candle) -> None:
        """Overwrites the candle with the same open time. Raises KeyError when there is none."""
        row = self._row(candle.open_ms)
        if row is None:
            raise KeyError(candle.open_ms)
        self._memory.header[_GENERATION] += 1
        self._write(row, candle)
        self._memory.header[_GENERATION] += 1

    def rewrite(self, candles: Sequence[Candle]) -> None:
        """Replaces all with the last `capacity` of `candles` (oldest first)."""
        kept = candles[-self._capacity :]
        values = zip(*((c.open_ms, c.open, c.high, c.low, c.close, c.volume) for c in kept), strict=True)
        self._memory.header[_GENERATION] += 1
        for column, new in zip(self._memory.columns, values, strict=False):  # no candles: no columns
            column[: len(kept)] = new
        self._publish(len(kept), len(kept), kept[-1].open_ms if kept else None)
        self._memory.header[_GENERATION] += 1

    def candles(self) -> list[Candle]:
        """All stored candles, oldest first."""
        window = self.window(self._capacity)
        return [Candle(*row) for row in zip(*(column.tolist() for column in window.columns), strict=True)]

    def window(self, n: int) -> RingWindow:
        """Copies of the newest `n` candles (fewer while there are fewer): they stay as they are."""
        generation = int(self._memory.header[_GENERATION])
        return _copy(_cut(self._memory, self._end - min(n, self._count), self._end, generation))

    def _row(self, open_ms: int) -> int | None:
        start = self._end - self._count
        times = self._memory.open_ms[start : self._end]
        position = int(np.searchsorted(times, open_ms))
        return start + position if position < self._count and int(times[position]) == open_ms else None

    def _move_back(self) -> None:
        kept = self._capacity - 1
        self._memory.header[_GENERATION] += 1
        for column in self._memory.columns:
            column[:kept] = column[self._rows - kept : self._rows]
        self._publish(kept, kept, self.last_open_ms)
        self._memory.header[_GENERATION] += 1

    def _publish(self, end: int, count: int, last_open_ms: int | None) -> None:
        """Readers take the count first and the end second, so the end must never lag the count."""
        self._memory.header[_END] = end
        self._memory.header[_COUNT] = count
        self._end, self._count, self.last_open_ms = end, count, last_open_ms

    def _write(self, row: int, candle: Candle) -> None:
        memory = self._memory
        memory.open_ms[row] = candle.open_ms
        memory.open[row] = candle.open
        memory.high[row] = candle.high
        memory.low[row] = candle.low
        memory.close[row] = candle.close
        memory.volume[row] = candle.volume


class RingReader:
    """A worker's side: windows without a copy, over memory that another process writes."""

    __slots__ = ("_capacity", "_memory")

    def __init__(self, memory: RingMemory, capacity: int) -> None:
        self._memory = memory
        self._capacity = capacity

    def window(self, n: int) -> RingWindow:
        """Read-only views of the newest `n` candles (fewer while there are fewer).

        The writer may move rows at any moment: compute first, then ask `is_intact`, and do it again if it says no.
        Raises ComputeError when the ring stays in the middle of a rewrite (its writer was killed there).
        """
        header = self._memory.header
        for _ in range(_MAX_TRIES):
            generation = int(header[_GENERATION])
            count = int(header[_COUNT])
            end = int(header[_END])
            if generation % 2 == 0 and int(header[_GENERATION]) == generation:
                return _cut(self._memory, end - min(n, count), end, generation)
            time.sleep(_TRY_EVERY_S)
        raise ComputeError("the candle ring is in the middle of a rewrite that does not end")

    def is_intact(self, window: RingWindow) -> bool:
        """Whether the window still holds what it held when it was taken."""
        return int(self._memory.header[_GENERATION]) == window.generation


@lru_cache(maxsize=4_096)
def attach(handle: RingHandle) -> RingReader:
    """Maps the ring read-only (once a segment and process). Raises what `map_read_only` raises."""
    return RingReader(RingMemory(_mapped(handle.segment), handle.offset, handle.rows), handle.capacity)


def _cut(memory: RingMemory, start: int, end: int, generation: int) -> RingWindow:
    rows = slice(start, end)
    return RingWindow(
        memory.open_ms[rows],
        memory.open[rows],
        memory.high[rows],
        memory.low[rows],
        memory.close[rows],
        memory.volume[rows],
        generation,
    )


def _copy(window: RingWindow) -> RingWindow:
    return RingWindow(
        window.open_ms.copy(),
        window.open.copy(),
        window.high.copy(),
        window.low.copy(),
        window.close.copy(),
        window.volume.copy(),
        window.generation,
    )


_mapped = lru_cache(maxsize=64)(map_read_only)
