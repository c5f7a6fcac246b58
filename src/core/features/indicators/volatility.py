"""How much it moves: ranges, deviations, and where the price stands within them."""

from collections.abc import Mapping

import numpy as np

from core.domain.candles import CandleWindow
from core.features.indicator import Column, Indicator, Numbers, period, previous, settled_wilder
from core.features.lazy_talib import talib


def _atr(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.ATR(window.high, window.low, window.close, timeperiod=period(p)),)


def _natr(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.NATR(window.high, window.low, window.close, timeperiod=period(p)),)


def _bollinger(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    upper, middle, lower = talib.BBANDS(
        window.close, timeperiod=period(p), nbdevup=p["deviations"], nbdevdn=p["deviations"]
    )
    return upper, middle, lower


def _bollinger_place(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    # TA-Lib takes the deviation from a sum of squares: measured from the first close it loses no digits.
    start = window.close[:1]
    moved = window.close - start
    upper, middle, lower = talib.BBANDS(moved, timeperiod=period(p), nbdevup=p["deviations"], nbdevdn=p["deviations"])
    width = upper - lower
    return (moved - lower) / width, width / (middle + start)


def _deviation(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    returns = np.log(window.close / previous(window.close))
    return (talib.STDDEV(returns, timeperiod=period(p), nbdev=1.0),)


def _channel_place(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    low = talib.MIN(window.low, timeperiod=period(p))
    return ((window.close - low) / (talib.MAX(window.high, timeperiod=period(p)) - low),)


VOLATILITY: Mapping[str, Indicator] = {
    "atr": Indicator(("",), {"period": 14}, lambda p: settled_wilder(p["period"]), _atr),
    # In percent of the close.
    "natr": Indicator(("",), {"period": 14}, lambda p: settled_wilder(p["period"]), _natr),
    "bollinger": Indicator(
        ("upper", "middle", "lower"), {"period": 20, "deviations": 2.0}, period, _bollinger, is_windowed=True
    ),
    # 0 at the lower band, 1 at the upper; their distance as a fraction of the average.
    "bollinger_place": Indicator(
        ("place", "width"), {"period": 20, "deviations": 2.0}, period, _bollinger_place, is_windowed=True
    ),
    # Population standard deviation of the log returns of single candles.
    "deviation": Indicator(("",), {"period": 20}, lambda p: period(p) + 1, _deviation, is_windowed=True),
    # 0 at the lowest low, 1 at the highest high, this candle's included.
    "channel_place": Indicator(("",), {"period": 20}, period, _channel_place, is_windowed=True),
}
