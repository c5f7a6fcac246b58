"""What the built-in features cost with nothing around them: bare calls of TA-Lib's functions (not of their
wrappers, which look for pandas first) and of numpy. A worker's job."""

import time
from collections.abc import Sequence

import numpy as np

from core.domain.candles import CandleWindow
from core.features.lazy_talib import talib
from core.market.ring_windows import RingRequest, over_rings


def raw_us(requests: Sequence[RingRequest], rounds: int) -> float:
    """Time for one symbol's columns, in µs; windows are at hand, results are dropped."""
    windows: list[CandleWindow] = over_rings(requests, lambda found: [window for _, window in found], "raw")
    began_ns = time.perf_counter_ns()
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(rounds):
            for window in windows:
                columns(window)
    return (time.perf_counter_ns() - began_ns) / (rounds * len(windows)) / 1_000


def columns(window: CandleWindow) -> list[object]:
    o, h, low, c, v = window.open, window.high, window.low, window.close, window.volume
    found: list[object] = [talib.ROCP(c, n) for n in (1, 5, 20, 60)]
    found += [c / talib.EMA(c, n) - 1 for n in (9, 21, 50)]
    found += [c / talib.SMA(c, 100) - 1, talib.PPO(c, 12, 26, 1), talib.TRIX(c, 15), talib.LINEARREG_SLOPE(c, 20) / c]
    found += [talib.ADX(h, low, c, 14), talib.PLUS_DI(h, low, c, 14), talib.MINUS_DI(h, low, c, 14)]
    found += [talib.RSI(c, 7), talib.RSI(c, 14), talib.CMO(c, 14), talib.WILLR(h, low, c, 14)]
    found += [talib.STOCH(h, low, c, 14, 3, 0, 3, 0), talib.STOCHRSI(c, 14, 14, 3, 0)]
    found += [talib.NATR(h, low, c, 7), talib.NATR(h, low, c, 14)]
    moved = c - c[:1]
    upper, middle, lower = talib.BBANDS(moved, 20, 2.0, 2.0)
    found += [(moved - lower) / (upper - lower), (upper - lower) / (middle + c[:1])]
    found.append(talib.STDDEV(np.log(c[1:] / c[:-1]), 20, 1.0))
    lowest = talib.MIN(low, 20)
    found.append((c - lowest) / (talib.MAX(h, 20) - lowest))
    found += [talib.MFI(h, low, c, v, 14), v / talib.SMA(v, 20), talib.BOP(o, h, low, c)]
    found += [(h - np.maximum(o, c)) / c, (np.minimum(o, c) - low) / c]
    return found
