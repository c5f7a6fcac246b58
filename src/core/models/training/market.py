"""The candles that are learned from, of all symbols of a model."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.domain.candles import CandleWindow, Timeframe
from core.domain.instruments import InstrumentId

Grid = NDArray[np.float64]  # (n_candles, n_symbols)


@dataclass(frozen=True, eq=False)
class Market:
    """Closed candles, oldest first; gaps are allowed."""

    series: Mapping[InstrumentId, CandleWindow]
    timeframe: Timeframe

    @property
    def symbols(self) -> tuple[InstrumentId, ...]:
        return tuple(self.series)

    @property
    def window_ms(self) -> tuple[int, int]:
        """From the first candle's open to the last one's close, UTC ms; (0, 0) without candles."""
        opens = [window.open_ms for window in self.series.values() if len(window)]
        if not opens:
            return 0, 0
        return int(min(each[0] for each in opens)), int(max(each[-1] for each in opens)) + self.timeframe.ms

    def fingerprint(self) -> str:
        """32 hex characters of every value: two trainings with the same one saw the same candles."""
        digest = hashlib.blake2b(self.timeframe.value.encode(), digest_size=16)
        for symbol, window in self.series.items():
            digest.update(b"\0" + symbol.encode() + b"\0")
            for name in window.__slots__:
                digest.update(np.ascontiguousarray(getattr(window, name)).tobytes())
        return digest.hexdigest()

    def changes(self, first_open_ms: int, last_open_ms: int) -> "Changes":
        """Of all candles that open between, both included."""
        change = np.zeros(((last_open_ms - first_open_ms) // self.timeframe.ms + 1, len(self.series)))
        for number, window in enumerate(self.series.values()):
            places = (window.open_ms[1:] - first_open_ms) // self.timeframe.ms
            within = (places >= 0) & (places < len(change))
            change[places[within], number] = (window.close[1:] / window.close[:-1] - 1.0)[within]
        return Changes(first_open_ms, self.timeframe.ms, change)


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """How the market moved, candle by candle, on one grid for all symbols."""

    first_open_ms: int
    candle_ms: int
    change: Grid
    """Over the candle, as a fraction; 0 where there is no candle."""

    def __len__(self) -> int:
        return len(self.change)

    def next_candle(self, known_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Place of the candle that opens at each time: that of its own candle is one less."""
        return (known_ms - self.first_open_ms) // self.candle_ms

    @property
    def candles_a_day(self) -> float:
        return 86_400_000 / self.candle_ms
