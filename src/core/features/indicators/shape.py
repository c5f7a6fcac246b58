"""What a single candle looks like."""

from collections.abc import Mapping

import numpy as np

from core.domain.candles import CandleWindow
from core.features.indicator import Column, Indicator, Numbers
from core.features.lazy_talib import talib


def _balance(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.BOP(window.open, window.high, window.low, window.close),)


def _shadows(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    above = window.high - np.maximum(window.open, window.close)
    below = np.minimum(window.open, window.close) - window.low
    return above / window.close, below / window.close


SHAPE: Mapping[str, Indicator] = {
    # Balance of power: the body by the range, -1 to 1; 0 without a range.
    "balance": Indicator(("",), {}, lambda p: 1, _balance, is_windowed=True),
    # As fractions of the close.
    "shadow": Indicator(("upper", "lower"), {}, lambda p: 1, _shadows, is_windowed=True),
}
