"""What a model is asked to foresee: whether it will have paid to be long from a candle's close on.

`forward_return`: to the close so many candles later. `triple_barrier` (López de Prado, "Advances in Financial Machine
Learning", 2018, chapter 3): to whichever comes first of a price above, a price below, both at a distance in
volatilities, and the end of the horizon.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.domain.candles import CandleWindow, Timeframe


class LabelDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Raises `ValueError` for numbers that make no sense."""

    kind: Literal["forward_return", "triple_barrier"] = "forward_return"
    horizon_candles: int = 15
    barrier_volatilities: float = 1.0
    """`triple_barrier`: distance of both barriers, in volatilities of the whole horizon."""
    volatility_candles: int = 100
    """`triple_barrier`: span of the exponential average that measures volatility."""

    def __post_init__(self) -> None:
        if self.horizon_candles < 1 or self.volatility_candles < 2 or not self.barrier_volatilities > 0:
            raise ValueError("a label needs a horizon and barriers above 0, and a volatility over 2 candles or more")


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """One row a candle; what is not known is NaN and `False`."""

    outcome: NDArray[np.float64]  # (n,) return of a long from this close to its exit, before costs
    exit_ms: NDArray[np.int64]  # (n,) UTC; when the outcome was known: until then it overlaps with what comes later
    is_known: NDArray[np.bool_]  # (n,)


def label(window: CandleWindow, timeframe: Timeframe, definition: LabelDefinition) -> Labels:
    """Of the last candles, and of those before a gap, nothing is known."""
    if definition.kind == "triple_barrier":
        outcome, held = _triple_barrier(window, definition)
    else:
        outcome, held = _forward_return(window, definition)
    n, horizon = len(window), definition.horizon_candles
    close_ms = window.open_ms + timeframe.ms
    is_whole = np.zeros(n, bool)
    if n > horizon:
        is_whole[:-horizon] = window.open_ms[horizon:] - window.open_ms[:-horizon] == horizon * timeframe.ms
    return Labels(outcome, close_ms + held * timeframe.ms, is_whole & np.isfinite(outcome))


Held = NDArray[np.int64]
"""Candles from a close to the exit."""


def _forward_return(window: CandleWindow, definition: LabelDefinition) -> tuple[NDArray[np.float64], Held]:
    n, horizon = len(window), definition.horizon_candles
    outcome = np.full(n, np.nan)
    if n > horizon:
        outcome[:-horizon] = window.close[horizon:] / window.close[:-horizon] - 1.0
    return outcome, np.full(n, horizon, np.int64)


def _triple_barrier(window: CandleWindow, definition: LabelDefinition) -> tuple[NDArray[np.float64], Held]:
    """A candle that reaches both barriers counts as having reached the lower one first."""
    n, horizon = len(window), definition.horizon_candles
    outcome, held = _forward_return(window, definition)
    distance = definition.barrier_volatilities * volatility(window, definition) * np.sqrt(horizon)
    upper, lower = window.close * (1.0 + distance), window.close * (1.0 - distance)
    is_open = np.isfinite(distance)
    outcome[~is_open] = np.nan
    for ahead in range(1, min(horizon, n - 1) + 1):
        now, later = slice(0, n - ahead), slice(ahead, n)
        fell = is_open[now] & (window.low[later] <= lower[now])
        rose = is_open[now] & ~fell & (window.high[later] >= upper[now])
        for reached, sign in ((fell, -1.0), (rose, 1.0)):
            outcome[now][reached] = sign * distance[now][reached]
            held[now][reached] = ahead
            is_open[now][reached] = False
    return outcome, held


def volatility(window: CandleWindow, definition: LabelDefinition) -> NDArray[np.float64]:
    """Of one candle, as known at its close; NaN while too little is known."""
    import pandas as pd  # noqa: PLC0415  the daemon reads manifests, and must not pay for pandas

    returns = pd.Series(window.close).pct_change()
    span = definition.volatility_candles
    measured: NDArray[np.float64] = returns.ewm(span=span, min_periods=span).std().to_numpy(np.float64)
    return measured
