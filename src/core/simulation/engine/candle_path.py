"""A plausible way of the price through one recorded candle: trades that make exactly this candle again.

The first trade is at the open, the last at the close, high and low are both touched and never passed, and the
quantities add up to the volume (where it has fewer lots than prices to touch, each gets one). Between these points the
price wanders like a Brownian bridge. A rising candle usually sees its low first, a falling one its high.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

_EXTREME_AGAINST_FIRST = 0.7
"""How often the extreme against the candle's direction comes before the one with it."""
_WANDER = 0.5
"""Standard deviation of the wandering half-way, in candle heights."""


@dataclass(frozen=True, slots=True)
class RecordedCandle:
    """Times in ms, prices in ticks, volume in lots."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int


@dataclass(frozen=True, slots=True)
class Path:
    """Trades in order: `when` as part of the candle's time in [0, 1), prices in ticks, lots of at least 1."""

    when: NDArray[np.float64]
    prices: IntArray
    lots: IntArray


def path_through(candle: RecordedCandle, n_trades: int, rng: np.random.Generator) -> Path:
    """About `n_trades` trades that make `candle`; fewer if its volume has fewer lots, none if it has no volume.

    A candle whose volume is smaller than the number of prices it must touch trades one lot at each of them.
    """
    if candle.volume == 0:
        empty = np.empty(0, dtype=np.int64)
        return Path(np.empty(0), empty, empty)
    corners = _corners(candle, rng)
    count = max(len(corners), min(n_trades, candle.volume))
    at = _positions(len(corners), count, rng)
    way = np.interp(np.arange(count), at, corners)
    prices = np.clip(np.rint(way + _wander(candle, at, count, rng)), candle.low, candle.high).astype(np.int64)
    prices[at] = corners
    return Path(np.sort(rng.random(count)), prices, _split(max(candle.volume, count), count, rng))


def _corners(candle: RecordedCandle, rng: np.random.Generator) -> IntArray:
    """The prices that must be touched, in order; one that follows itself is left out."""
    against_first = rng.random() < _EXTREME_AGAINST_FIRST
    low_first = (candle.close >= candle.open) == against_first
    extremes = (candle.low, candle.high) if low_first else (candle.high, candle.low)
    corners = [candle.open]
    for price in (*extremes, candle.close):
        if price != corners[-1]:
            corners.append(price)
    return np.array(corners, dtype=np.int64)


def _positions(n_corners: int, count: int, rng: np.random.Generator) -> IntArray:
    """Which trades are the corners: the first one, the last one, and any between."""
    if n_corners == 1:
        return np.zeros(1, dtype=np.int64)
    between = np.sort(rng.choice(count - 2, n_corners - 2, replace=False)) + 1 if n_corners > 2 else ()
    return np.array([0, *between, count - 1], dtype=np.int64)


def _wander(candle: RecordedCandle, at: IntArray, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Brownian bridges that are 0 at the corners, scaled to the candle's height."""
    steps = rng.standard_normal(count) / np.sqrt(max(count, 1))
    walk = np.cumsum(steps)
    bridge: NDArray[np.float64] = walk - np.interp(np.arange(count), at, walk[at])
    return bridge * (_WANDER * (candle.high - candle.low))


def _split(volume: int, count: int, rng: np.random.Generator) -> IntArray:
    """`volume` lots in `count` parts of at least 1 that add up to it exactly, unequal as trades are."""
    weights = rng.exponential(size=count) ** 2 + 1e-9
    bounds = np.floor(np.cumsum(weights) / weights.sum() * (volume - count)).astype(np.int64)
    bounds[-1] = volume - count
    parts: IntArray = np.diff(bounds, prepend=0) + 1
    return parts
