"""Markets of which it is known what can be foreseen in them."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.domain.candles import CandleWindow
from core.features.standard import STANDARD
from tests.unit.random_walks import frozen, walk

_REMEMBERED = 5


def planted(seed: int, n: int, *, strength: float, volatility: float = 1e-3) -> CandleWindow:
    """Each log return is `strength` times the standardised mean of the five before it, and noise: their correlation is
    about `strength`."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, n) * np.sqrt(1 - strength**2)
    returns = np.zeros(n)
    for i in range(n):
        before = returns[max(0, i - _REMEMBERED) : i]
        returns[i] = strength * (before.sum() / np.sqrt(_REMEMBERED)) + noise[i]
    return of_returns(seed, volatility * returns)


def of_returns(seed: int, returns: NDArray[np.float64], *, start: float = 100.0) -> CandleWindow:
    """Candles of these log returns, with the wicks and volumes of a random walk."""
    like = walk(seed, len(returns))
    close = start * np.exp(np.cumsum(returns))
    open_ = np.concatenate(([start], close[:-1]))
    upper, lower = like.high / np.maximum(like.open, like.close), like.low / np.minimum(like.open, like.close)
    high, low = np.maximum(open_, close) * upper, np.minimum(open_, close) * lower
    return frozen(replace(like, open=open_, high=high, low=low, close=close))


def peeking(window: CandleWindow) -> Mapping[str, NDArray[np.float64]]:
    """The built-in features, and one that knows the next close."""
    ahead = np.append(window.close[1:], np.nan) / window.close - 1.0
    return {**STANDARD.compute(window), "peek": np.where(np.isnan(ahead), 0.0, ahead)}
