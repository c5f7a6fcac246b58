"""Candles and the timeframes they cover."""

from dataclasses import dataclass
from enum import Enum

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.domain.instruments import InstrumentId


class Timeframe(Enum):
    """A candle's length. `Timeframe("5m")` parses; `.ms` is its length in milliseconds."""

    ms: int

    M1 = "1m"
    M3 = "3m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    H6 = "6h"
    H12 = "12h"
    D1 = "1d"

    def __init__(self, text: str) -> None:
        self.ms = int(text[:-1]) * {"m": 60_000, "h": 3_600_000, "d": 86_400_000}[text[-1]]

    def open_ms(self, time_ms: int) -> int:
        """Open time of the candle that contains `time_ms` (UTC ms since the epoch)."""
        return time_ms - time_ms % self.ms


class Candle(msgspec.Struct, frozen=True, gc=False):
    """One OHLCV candle; prices and base-asset volume as float64, `open_ms` in UTC ms. A candle is *closed* when the
    venue said so or its successor has begun; only closed candles are traded on."""

    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float = 0.0
    n_trades: int = 0


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """Names one candle series."""

    instrument_id: InstrumentId
    timeframe: Timeframe


@dataclass(frozen=True, slots=True, eq=False)
class CandleWindow:
    """The last `n` closed candles of one series as columns, oldest first. Arrays may be read-only views of shared
    memory: readers never write into them."""

    open_ms: NDArray[np.int64]  # (n,)
    open: NDArray[np.float64]  # (n,)
    high: NDArray[np.float64]  # (n,)
    low: NDArray[np.float64]  # (n,)
    close: NDArray[np.float64]  # (n,)
    volume: NDArray[np.float64]  # (n,) base asset

    def __len__(self) -> int:
        return len(self.open_ms)

    def last(self, n: int) -> "CandleWindow":
        """Views of its newest `n` candles (fewer where there are fewer)."""
        if n >= len(self.open_ms):
            return self
        rows = slice(len(self.open_ms) - n, None)
        return CandleWindow(
            open_ms=self.open_ms[rows],
            open=self.open[rows],
            high=self.high[rows],
            low=self.low[rows],
            close=self.close[rows],
            volume=self.volume[rows],
        )
