"""Where the price is going: averages, what they differ by, and how directed the movement is."""

from collections.abc import Mapping

from core.domain.candles import CandleWindow
from core.features.indicator import (
    Column,
    Indicator,
    Numbers,
    period,
    previous,
    settled_ema,
    settled_wilder,
)
from core.features.lazy_talib import talib

_EXPONENTIAL = 1
"""TA-Lib's `MA_Type.EMA`."""


def _ema(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.EMA(window.close, timeperiod=period(p)),)


def _ema_gap(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (window.close / talib.EMA(window.close, timeperiod=period(p)) - 1,)


def _sma(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.SMA(window.close, timeperiod=period(p)),)


def _sma_gap(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (window.close / talib.SMA(window.close, timeperiod=period(p)) - 1,)


def _macd(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    line, signal, histogram = talib.MACD(
        window.close, fastperiod=int(p["fast"]), slowperiod=int(p["slow"]), signalperiod=int(p["signal"])
    )
    return line, signal, histogram


def _ppo(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.PPO(window.close, fastperiod=int(p["fast"]), slowperiod=int(p["slow"]), matype=_EXPONENTIAL),)


def _trix(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.TRIX(window.close, timeperiod=period(p)),)


def _slope(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.LINEARREG_SLOPE(window.close, timeperiod=period(p)) / window.close,)


def _directional(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    high, low, close, n = window.high, window.low, window.close, period(p)
    return (
        talib.ADX(high, low, close, timeperiod=n),
        talib.PLUS_DI(high, low, close, timeperiod=n),
        talib.MINUS_DI(high, low, close, timeperiod=n),
    )


def _aroon(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.AROONOSC(window.high, window.low, timeperiod=period(p)),)


def _donchian(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    n = period(p)
    return previous(talib.MAX(window.high, timeperiod=n)), previous(talib.MIN(window.low, timeperiod=n))


TREND: Mapping[str, Indicator] = {
    "ema": Indicator(("",), {"period": 20}, lambda p: settled_ema(p["period"]), _ema),
    # How far the close stands from the average, as a fraction of it: comparable between symbols, as all `_gap`s.
    "ema_gap": Indicator(("",), {"period": 20}, lambda p: settled_ema(p["period"]), _ema_gap),
    "sma": Indicator(("",), {"period": 20}, period, _sma, is_windowed=True),
    "sma_gap": Indicator(("",), {"period": 20}, period, _sma_gap, is_windowed=True),
    "macd": Indicator(
        ("line", "signal", "histogram"),
        {"fast": 12, "slow": 26, "signal": 9},
        lambda p: settled_ema(max(p["fast"], p["slow"]) + p["signal"]),
        _macd,
    ),
    # MACD's line in percent of the slow average.
    "ppo": Indicator(("",), {"fast": 12, "slow": 26}, lambda p: settled_ema(max(p["fast"], p["slow"])), _ppo),
    # Three averages on end, each of which has to forget its start.
    "trix": Indicator(("",), {"period": 15}, lambda p: settled_ema(3 * p["period"]) + 1, _trix),
    # Of the line of least squares through the last closes, a candle, as a fraction of the close.
    "slope": Indicator(("",), {"period": 20}, period, _slope, is_windowed=True),
    # Wilder's ADX smooths what is smoothed already.
    "directional": Indicator(
        ("adx", "plus", "minus"), {"period": 14}, lambda p: 2 * settled_wilder(p["period"]), _directional
    ),
    "aroon": Indicator(("",), {"period": 25}, lambda p: period(p) + 1, _aroon, is_windowed=True),
    # Of the candles before this one: a breakout is measured against what stood when the candle began.
    "donchian": Indicator(("high", "low"), {"period": 20}, lambda p: period(p) + 1, _donchian, is_windowed=True),
}
