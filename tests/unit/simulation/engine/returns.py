"""Statistics of returns and quotes, and the bands a made-up market must stay in.

The bands are drawn around what the recorded data say (`test_recorded_statistics.py` measures them again): the
BTC-PERP minutes of 2021-12-31 to 2022-02-01 as a whole, and their seven separate stretches of 6,432 minutes, which show
how much such numbers vary from week to week on one and the same market; and 28,040 best quotes of Binance's BTC/USDT of
2024-08-08.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Band:
    """`recorded`: all 45,030 minutes (or all quotes); `weeks`: lowest and highest of the seven stretches."""

    recorded: float
    weeks: tuple[float, float]
    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


EXCESS_KURTOSIS = Band(23.3, (7.1, 47.5), 5.0, 60.0)
TAIL_INDEX = Band(2.81, (2.51, 3.56), 2.3, 4.0)
"""Hill's estimator on the largest 2% of |returns|."""
AUTOCORRELATION = {
    1: Band(0.325, (0.200, 0.333), 0.15, 0.42),
    5: Band(0.252, (0.106, 0.285), 0.08, 0.36),
    15: Band(0.227, (0.124, 0.240), 0.07, 0.32),
    60: Band(0.176, (0.056, 0.175), 0.03, 0.26),
}
"""Of |returns|, by lag in minutes."""
RETURN_AUTOCORRELATION = Band(0.017, (-0.039, 0.085), -0.10, 0.10)
"""Of returns themselves, lag 1: nothing to be had there."""
DEVIATION_BPS = Band(9.88, (6.20, 13.43), 5.0, 16.0)
"""Standard deviation of BTC's one-minute log returns."""
VOLUME_CORRELATION = Band(0.482, (0.414, 0.495), 0.2, 0.7)
"""Of log volume and log |return|."""

SPREAD_MEAN_BPS = Band(0.0503, (0.0503, 0.0503), 0.015, 0.12)
"""Mean over quotes, each counting once."""
SPREAD_MEDIAN_BPS = Band(0.00162, (0.00162, 0.00162), 0.0014, 0.0020)
ONE_TICK_SHARE = Band(0.881, (0.881, 0.881), 0.80, 0.99)
"""Of quotes that stand one tick (0.01) apart."""


def log_returns(closes: Floats) -> Floats:
    returns: Floats = np.diff(np.log(closes))
    return returns


def excess_kurtosis(returns: Floats) -> float:
    centred = returns - returns.mean()
    return float((centred**4).mean() / returns.var() ** 2 - 3)


def tail_index(returns: Floats, share: float = 0.02) -> float:
    """Hill's estimator: the inverse mean log excess of the largest `share` of |returns| over the next one."""
    largest = np.sort(np.abs(returns))[::-1]
    count = int(len(largest) * share)
    return float(1 / np.log(largest[:count] / largest[count]).mean())


def autocorrelation(values: Floats, lag: int) -> float:
    centred = values - values.mean()
    return float((centred[lag:] * centred[:-lag]).mean() / values.var())


def volume_correlation(returns: Floats, volumes: Floats) -> float:
    """`volumes` of the candles that `returns` end with."""
    moved = np.abs(returns) > 0
    return float(np.corrcoef(np.log(np.abs(returns[moved])), np.log(volumes[moved] + 1))[0, 1])


def assert_within_bands(returns: Floats) -> None:
    """One-minute log returns must look like the recorded ones, but for their scale."""
    assert excess_kurtosis(returns) in EXCESS_KURTOSIS
    assert tail_index(returns) in TAIL_INDEX
    assert autocorrelation(returns, 1) in RETURN_AUTOCORRELATION
    for lag, band in AUTOCORRELATION.items():
        assert autocorrelation(np.abs(returns), lag) in band, lag
