"""What is measured: blocking operations, some of which hang, beside features and signals of made-up markets."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.domain.candles import Candle, SeriesKey, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import CandleChanged
from core.market.candle_store import CandleStore

_FIRST_OPEN_MS = 1_760_000_040_000
_VOLATILITY = 1e-3
"""Of one candle's logarithmic return."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The same for all ways. Operations are asked for all at once, again and again; features and signals of all
    symbols are computed meanwhile, one call after the other, each with a fresh candle of every symbol."""

    operations: int = 500
    hung: int = 4
    """So many of the operations hang for `hang_s`: they cannot succeed."""
    operation_s: float = 0.01
    """Mean time that an operation blocks its thread; the single ones take from half to one and a half of it."""
    hang_s: float = 2.0
    deadline_s: float = 1.5
    """Within which an operation has to be done, counted from when it was asked for."""
    symbols: int = 100
    candles: int = 500
    seconds: float = 3.0
    """For at least so long; what is under way then is finished."""

    def waits_s(self) -> list[float]:
        """How long each operation blocks; the hung ones are spread among the others."""
        waits = [self.operation_s * (0.5 + (number * 0.618) % 1.0) for number in range(self.operations)]
        for number in range(self.hung):
            waits[number * self.operations // self.hung] = self.hang_s
        return waits


def block(seconds: float) -> None:
    """Stands for a request to a venue, whose thread waits for the answer."""
    time.sleep(seconds)


class Markets:
    """Random walks, in the rings that the daemon's candles lie in. Close the store when done."""

    def __init__(self, symbols: int, candles: int, *, seed: int = 1) -> None:
        self.keys = tuple(SeriesKey(InstrumentId(f"SYM{n:03d}/USDT"), Timeframe.M1) for n in range(symbols))
        self.candles = candles
        """Of each symbol, and of each window."""
        self.store = CandleStore(self.keys, capacity=candles + 100)
        self._random = np.random.default_rng(seed)
        self._next_open_ms = _FIRST_OPEN_MS
        self._prices = dict.fromkeys(self.keys, 100.0)
        moves = self._moves(candles)
        for column, key in enumerate(self.keys):
            first = [self._candle(key, *moves[row][column], number=row) for row in range(candles)]
            self.store.backfill(key, first, first[-1].open_ms + key.timeframe.ms)
        self._next_open_ms += candles * Timeframe.M1.ms

    @property
    def newest_open_ms(self) -> int:
        """Of the newest closed candles, UTC ms."""
        return self._next_open_ms - Timeframe.M1.ms

    def close_candles(self) -> Iterator[CandleChanged]:
        """One more candle of each symbol as it is iterated over, as a stream would bring them."""
        moves = self._moves(1)[0]
        for column, key in enumerate(self.keys):
            candle = self._candle(key, *moves[column])
            event = CandleChanged(key.instrument_id, key.timeframe, candle, True, candle.open_ms + key.timeframe.ms, 0)
            self.store.apply(event)
            yield event
        self._next_open_ms += Timeframe.M1.ms

    def _moves(self, candles: int) -> list[list[list[float]]]:
        """(candles, symbols, 3): the logarithmic return and the two shadows, as parts of the price."""
        drawn = self._random.normal(0.0, _VOLATILITY, (candles, len(self.keys), 3))
        drawn[:, :, 1:] = np.abs(drawn[:, :, 1:]) / 2
        moves: list[list[list[float]]] = drawn.tolist()
        return moves

    def _candle(self, key: SeriesKey, moved: float, above: float, below: float, *, number: int = 0) -> Candle:
        opened = self._prices[key]
        closed = self._prices[key] = opened * (1.0 + moved)
        high, low = max(opened, closed) * (1.0 + above), min(opened, closed) * (1.0 - below)
        return Candle(self._next_open_ms + number * key.timeframe.ms, opened, high, low, closed, 10.0 + 1e3 * above)
