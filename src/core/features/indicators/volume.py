"""Who goes along: indicators that weigh the price with the volume."""

from collections.abc import Mapping

from core.domain.candles import CandleWindow
from core.features.indicator import Column, Indicator, Numbers, period
from core.features.lazy_talib import talib


def _money_flow(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.MFI(window.high, window.low, window.close, window.volume, timeperiod=period(p)),)


def _volume_ratio(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (window.volume / talib.SMA(window.volume, timeperiod=period(p)),)


def _correlation(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.CORREL(window.close, window.volume, timeperiod=period(p)),)


VOLUME: Mapping[str, Indicator] = {
    "money_flow": Indicator(("",), {"period": 14}, lambda p: period(p) + 1, _money_flow, is_windowed=True),
    # Of this candle to the average one's.
    "volume_ratio": Indicator(("",), {"period": 20}, period, _volume_ratio, is_windowed=True),
    # Of closes and volumes.
    "volume_correlation": Indicator(("",), {"period": 20}, period, _correlation, is_windowed=True),
}
