"""How fast it goes, and how far it has gone: oscillators and returns."""

from collections.abc import Mapping

from core.domain.candles import CandleWindow
from core.features.indicator import Column, Indicator, Numbers, period, settled_wilder
from core.features.lazy_talib import talib


def _change(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.ROCP(window.close, timeperiod=period(p)),)


def _rsi(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.RSI(window.close, timeperiod=period(p)),)


def _cmo(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.CMO(window.close, timeperiod=period(p)),)


def _cci(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.CCI(window.high, window.low, window.close, timeperiod=period(p)),)


def _williams(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.WILLR(window.high, window.low, window.close, timeperiod=period(p)),)


def _stochastic(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    k, d = talib.STOCH(
        window.high,
        window.low,
        window.close,
        fastk_period=period(p),
        slowk_period=int(p["slow"]),
        slowd_period=int(p["signal"]),
    )
    return k, d


def _stochastic_rsi(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    k, d = talib.STOCHRSI(
        window.close, timeperiod=period(p), fastk_period=int(p["range"]), fastd_period=int(p["signal"])
    )
    return k, d


def _ultimate(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (
        talib.ULTOSC(
            window.high,
            window.low,
            window.close,
            timeperiod1=int(p["short"]),
            timeperiod2=int(p["middle"]),
            timeperiod3=int(p["long"]),
        ),
    )


MOMENTUM: Mapping[str, Indicator] = {
    # Since the close so many candles ago, as a fraction of it.
    "change": Indicator(("",), {"period": 10}, lambda p: period(p) + 1, _change, is_windowed=True),
    "rsi": Indicator(("",), {"period": 14}, lambda p: settled_wilder(p["period"]), _rsi),
    "cmo": Indicator(("",), {"period": 14}, lambda p: settled_wilder(p["period"]), _cmo),
    "cci": Indicator(("",), {"period": 20}, period, _cci, is_windowed=True),
    "williams": Indicator(("",), {"period": 14}, period, _williams, is_windowed=True),
    "stochastic": Indicator(
        ("k", "d"),
        {"period": 14, "slow": 3, "signal": 3},
        lambda p: int(p["period"] + p["slow"] + p["signal"]) - 2,
        _stochastic,
        is_windowed=True,
    ),
    "stochastic_rsi": Indicator(
        ("k", "d"),
        {"period": 14, "range": 14, "signal": 3},
        lambda p: settled_wilder(p["period"]) + int(p["range"] + p["signal"]),
        _stochastic_rsi,
    ),
    "ultimate": Indicator(
        ("",),
        {"short": 7, "middle": 14, "long": 28},
        lambda p: int(max(p["short"], p["middle"], p["long"])) + 1,
        _ultimate,
        is_windowed=True,
    ),
}
