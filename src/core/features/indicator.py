"""What an indicator is: TA-Lib's C functions and numpy on float64 columns, with the warm-up that they need.

Recursive averages start from a guess and forget it exponentially. Their warm-up is the number of candles after which
the guess weighs under 1e-4, so that the same candle gives the same value whatever the window began with: an EMA of
period p keeps (1 - 2/(p+1))^k of its start after k candles, about exp(-2k/p); Wilder's smoothing (1 - 1/p)^k.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.domain.candles import CandleWindow

Column = NDArray[np.float64]  # (n_candles,)
Numbers = Mapping[str, float]

_EMA_PERIODS_TO_SETTLE = 5
_WILDER_PERIODS_TO_SETTLE = 10


@dataclass(frozen=True, slots=True)
class Indicator:
    """One kind of indicator. `compute` answers one column per output, NaN where the window is too short for a value."""

    outputs: tuple[str, ...]
    """Suffixes of its columns; a single empty one where there is one column."""
    defaults: Numbers
    warmup: Callable[[Numbers], int]
    """Candles after which the last value no longer depends on where the window began."""
    compute: Callable[[CandleWindow, Numbers], tuple[Column, ...]]
    """May divide nothing by nothing, which gives NaN: numpy's complaints are the caller's to silence."""
    is_windowed: bool = False
    """Whether a value depends on the last `warmup` candles only; an average that refers to itself has no such end."""


def period(p: Numbers) -> int:
    return int(p["period"])


def settled_ema(candles: float) -> int:
    """Warm-up of an exponential average over so many candles."""
    return _EMA_PERIODS_TO_SETTLE * int(candles)


def settled_wilder(candles: float) -> int:
    """Warm-up of Wilder's smoothing of differences over so many candles."""
    return _WILDER_PERIODS_TO_SETTLE * int(candles) + 1


def previous(column: Column) -> Column:
    """Each candle's value moved to the candle after it."""
    moved = np.empty_like(column)
    moved[:1] = np.nan
    moved[1:] = column[:-1]
    return moved
