"""The indicators that features are made of: TA-Lib's C functions on float64 columns, each with its warm-up.

Recursive averages start from a guess and forget it exponentially. Their warm-up is the number of candles after which
the guess weighs under 1e-4, so that the same candle gives the same value whatever the window began with: an EMA of
period p keeps (1 - 2/(p+1))^k of its start after k candles, about exp(-2k/p); Wilder's smoothing (1 - 1/p)^k.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import talib
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


def _ema(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.EMA(window.close, timeperiod=int(p["period"])),)


def _sma(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.SMA(window.close, timeperiod=int(p["period"])),)


def _rsi(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.RSI(window.close, timeperiod=int(p["period"])),)


def _atr(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    return (talib.ATR(window.high, window.low, window.close, timeperiod=int(p["period"])),)


def _bollinger(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    upper, middle, lower = talib.BBANDS(
        window.close, timeperiod=int(p["period"]), nbdevup=p["deviations"], nbdevdn=p["deviations"]
    )
    return upper, middle, lower


def _macd(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    line, signal, histogram = talib.MACD(
        window.close, fastperiod=int(p["fast"]), slowperiod=int(p["slow"]), signalperiod=int(p["signal"])
    )
    return line, signal, histogram


def _donchian(window: CandleWindow, p: Numbers) -> tuple[Column, ...]:
    period = int(p["period"])
    return _previous(talib.MAX(window.high, timeperiod=period)), _previous(talib.MIN(window.low, timeperiod=period))


def _previous(column: Column) -> Column:
    """Each candle's value moved to the candle after it."""
    moved = np.empty_like(column)
    moved[:1] = np.nan
    moved[1:] = column[:-1]
    return moved


def _settled_ema(p: Numbers) -> int:
    return _EMA_PERIODS_TO_SETTLE * int(p["period"])


def _settled_wilder(p: Numbers) -> int:
    return _WILDER_PERIODS_TO_SETTLE * int(p["period"]) + 1


INDICATORS: Mapping[str, Indicator] = {
    "ema": Indicator(("",), {"period": 20}, _settled_ema, _ema),
    "sma": Indicator(("",), {"period": 20}, lambda p: int(p["period"]), _sma),
    "rsi": Indicator(("",), {"period": 14}, _settled_wilder, _rsi),
    "atr": Indicator(("",), {"period": 14}, _settled_wilder, _atr),
    "bollinger": Indicator(
        ("upper", "middle", "lower"), {"period": 20, "deviations": 2.0}, lambda p: int(p["period"]), _bollinger
    ),
    "macd": Indicator(
        ("line", "signal", "histogram"),
        {"fast": 12, "slow": 26, "signal": 9},
        lambda p: _EMA_PERIODS_TO_SETTLE * int(max(p["fast"], p["slow"]) + p["signal"]),
        _macd,
    ),
    # Of the candles before this one: a breakout is measured against what stood when the candle began.
    "donchian": Indicator(("high", "low"), {"period": 20}, lambda p: int(p["period"]) + 1, _donchian),
}
