"""Bars as columns."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.simulation.engine.process import FloatArray
from core.simulation.engine.underlyings.sessions import IntArray


@dataclass(frozen=True, slots=True)
class Bars:
    """All columns have one length; `time_s` is each bar's beginning, UTC s."""

    time_s: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    trades: IntArray
    vwap: FloatArray

    def __len__(self) -> int:
        return len(self.time_s)

    def take(self, rows: NDArray[np.bool_] | IntArray | slice) -> "Bars":
        return of_columns([column[rows] for column in self.columns()])

    def columns(self) -> list[NDArray[Any]]:
        """In the order of the fields."""
        return [getattr(self, name) for name in Bars.__slots__]


def of_columns(columns: Iterable[NDArray[Any]]) -> Bars:
    return Bars(*columns)


def no_bars() -> Bars:
    nothing, no_numbers = np.empty(0), np.empty(0, dtype=np.int64)
    return Bars(no_numbers, nothing, nothing, nothing, nothing, nothing, no_numbers, nothing)


def join(parts: list[Bars]) -> Bars:
    if not parts:
        return no_bars()
    if len(parts) == 1:
        return parts[0]
    return of_columns(np.concatenate(each) for each in zip(*(part.columns() for part in parts), strict=True))


def collect(parts: Iterable[Bars], start_s: float, end_s: float, *, at_most: int, newest_first: bool) -> Bars:
    """The first bars of `parts` that begin in [start_s, end_s]. Within each part they are in order; they come out
    latest first where `newest_first`. No more parts are asked for than are needed."""
    found: list[Bars] = []
    n = 0
    for part in parts:
        chosen = part.take((part.time_s >= start_s) & (part.time_s <= end_s))
        found.append(chosen.take(slice(None, None, -1)) if newest_first else chosen)
        n += len(chosen)
        if n >= at_most:
            break
    return join(found).take(slice(0, at_most))


def aggregate(bars: Bars, starts_s: IntArray) -> Bars:
    """One bar for each run of equal `starts_s`, the beginning of the longer bar that each bar is part of."""
    if len(bars) == 0:
        return bars
    first = np.flatnonzero(np.concatenate(([True], starts_s[1:] != starts_s[:-1])))
    last = np.concatenate((first[1:], [len(bars)])) - 1
    volume = np.add.reduceat(bars.volume, first)
    paid = np.add.reduceat(bars.vwap * bars.volume, first)
    high, low = np.maximum.reduceat(bars.high, first), np.minimum.reduceat(bars.low, first)
    return Bars(
        starts_s[first],
        bars.open[first],
        high,
        low,
        bars.close[last],
        volume,
        np.add.reduceat(bars.trades, first),
        np.clip(paid / np.maximum(volume, 1e-9), low, high),
    )
