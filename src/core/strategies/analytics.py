"""What sizing needs to know of a window, whatever the strategy looks at."""

import math

import numpy as np

from core.domain.candles import CandleWindow, Timeframe
from core.strategies.spec import Analytics

VOLATILITY_CANDLES = 120
"""Log returns that the volatility is taken from, where the window has them."""
MIN_VOLATILITY_CANDLES = 20
YEAR_MS = 31_557_600_000
"""365.25 days: crypto trades all year."""
ANALYTICS_WINDOW = VOLATILITY_CANDLES + 1


def measure(window: CandleWindow, timeframe: Timeframe) -> Analytics:
    """Last close and realised volatility of a valid, non-empty window."""
    return Analytics(
        last_close=float(window.close[-1]),
        annualised_volatility=_realised_volatility(window, timeframe),
    )


def _realised_volatility(window: CandleWindow, timeframe: Timeframe) -> float | None:
    """Sample standard deviation of close-to-close log returns times the square root of the candles in a year."""
    returns = np.diff(np.log(window.close[-ANALYTICS_WINDOW:]))
    if len(returns) < MIN_VOLATILITY_CANDLES:
        return None
    return float(returns.std(ddof=1) * math.sqrt(YEAR_MS / timeframe.ms))
