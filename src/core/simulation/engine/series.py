"""Closed candles of one symbol and interval, kept as flat 64-bit integers: 80 bytes a candle."""

from array import array
from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.simulation.engine.events import Candle
from core.simulation.engine.intervals import LENGTH_MS, Interval

ROW = 10
"""A row: open_ms, open, high, low, close, volume, quote_volume, n_trades, taker_buy_volume, taker_buy_quote_volume."""
PRICES, AMOUNTS, N_TRADES = slice(1, 5), slice(5, ROW), 7
"""Columns of it."""
CANDLES_KEPT = 1_500
MOST = 2**62
"""Sums of volumes stop growing here: no real market gets near, a file with the wrong units can."""

Rows = NDArray[np.int64]
"""(n_candles, ROW), oldest first."""


class CandleSeries:
    """Keeps the last `CANDLES_KEPT` candles at least, twice as many at most."""

    __slots__ = ("_flat", "interval")

    def __init__(self, interval: Interval) -> None:
        self.interval = interval
        self._flat = array("q")

    def __len__(self) -> int:
        return len(self._flat) // ROW

    def append(self, candle: Candle) -> None:
        self._flat.extend([value if value < MOST else MOST for value in to_row(candle)])
        if len(self._flat) >= 2 * CANDLES_KEPT * ROW:
            del self._flat[: -CANDLES_KEPT * ROW]

    def extend(self, rows: Rows) -> None:
        self._flat.frombytes(np.ascontiguousarray(rows[-CANDLES_KEPT:], dtype=np.int64).tobytes())

    def last(self) -> Candle | None:
        return to_candle(self._flat[-ROW:], self.interval) if self._flat else None

    def rows_since(self, open_ms: int) -> Rows:
        """A copy of the rows that open at `open_ms` or later."""
        rows = self._rows()
        return rows[int(np.searchsorted(rows[:, 0], open_ms)) :].copy()

    def select(self, start_ms: int | None, end_ms: int | None, limit: int) -> list[Candle]:
        """Candles that open within [start_ms, end_ms]: the oldest `limit` if `start_ms` is given, else the newest."""
        rows = self._rows()
        first = 0 if start_ms is None else int(np.searchsorted(rows[:, 0], start_ms))
        last = len(rows) if end_ms is None else int(np.searchsorted(rows[:, 0], end_ms, side="right"))
        chosen = rows[max(first, last - limit) : last] if start_ms is None else rows[first : min(last, first + limit)]
        return [to_candle(row, self.interval) for row in chosen.tolist()]

    def _rows(self) -> Rows:
        # A view, never kept: the array can't grow while one exists.
        return np.frombuffer(self._flat, dtype=np.int64).reshape(-1, ROW)


def to_row(candle: Candle) -> tuple[int, ...]:
    open_ms, _close_ms, *values = msgspec.structs.astuple(candle)
    return (open_ms, *values[: ROW - 1])


def to_candle(row: Iterable[int], interval: Interval) -> Candle:
    open_ms, *values = row
    return Candle(open_ms, interval.next_open_ms(open_ms) - 1, *values)


def join_rows(parts: Iterable[tuple[Interval, Rows]], interval: Interval) -> Rows:
    """Candles of `interval` made of the rows of finer (or equal) ones: parts in order of time, coarsest first.

    Parts that `interval` can't be made of are left out. A first or last candle that the rows don't cover whole is made
    of what there is.
    """
    usable = [rows for part, rows in parts if LENGTH_MS[interval] % LENGTH_MS[part] == 0 and len(rows)]
    if not usable:
        return np.empty((0, ROW), dtype=np.int64)
    rows = np.concatenate(usable)
    opens = interval.open_ms_array(rows[:, 0])
    starts = np.flatnonzero(np.diff(opens, prepend=opens[0] - 1))
    ends = np.append(starts[1:], len(rows)) - 1
    joined = np.empty((len(starts), ROW), dtype=np.int64)
    joined[:, 0] = opens[starts]
    joined[:, 1] = rows[starts, 1]
    joined[:, 2] = np.maximum.reduceat(rows[:, 2], starts)
    joined[:, 3] = np.minimum.reduceat(rows[:, 3], starts)
    joined[:, 4] = rows[ends, 4]
    joined[:, 5:] = bounded_sums(rows[:, 5:], starts)
    return joined


def bounded_sums(values: Rows, starts: NDArray[np.int64]) -> Rows:
    """Sums of stretches of rows, each beginning at one of `starts`; no more than `MOST`."""
    too_large = np.add.reduceat(values.astype(np.float64), starts, axis=0) >= MOST
    sums: Rows = np.where(too_large, MOST, np.add.reduceat(values, starts, axis=0))
    return sums
