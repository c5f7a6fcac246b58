"""Candles from finer candles, and candles from trades: pure and exact.

Sums are of decimals, as the venue wrote them, and become float64 at the end, so a built candle equals the venue's own
bit by bit. Decimal text survives a float64 (shortest repr) up to 15 significant digits.
"""

from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from core.domain.candles import Candle, Timeframe


class BuiltCandle(NamedTuple):
    """A closed candle of the target timeframe. `missing` source candles of its interval never came."""

    candle: Candle
    missing: int


class CandleAggregator:
    """Closed candles of `source` in, oldest first; closed candles of `target` out.

    Build every timeframe from the finest one: sums of sums would round twice. Raises ValueError when `target` is no
    multiple of `source`.
    """

    def __init__(self, source: Timeframe, target: Timeframe) -> None:
        if target.ms % source.ms or target.ms == source.ms:
            raise ValueError(f"{target.value} candles cannot be built from {source.value} candles")
        self._source = source
        self._target = target
        self._per_candle = target.ms // source.ms
        self._parts: list[Candle] = []

    def add(self, candle: Candle) -> list[BuiltCandle]:
        """Returns what this candle completes: the running interval when it is its last part, and before that an
        interval whose last parts are missing. A candle older than the previous one is ignored."""
        built: list[BuiltCandle] = []
        if self._parts:
            if candle.open_ms <= self._parts[-1].open_ms:
                return built
            if self._target.open_ms(candle.open_ms) != self._target.open_ms(self._parts[0].open_ms):
                built.extend(self.flush())
        self._parts.append(candle)
        if candle.open_ms + self._source.ms == self._target.open_ms(candle.open_ms) + self._target.ms:
            built.extend(self.flush())
        return built

    def flush(self) -> list[BuiltCandle]:
        """Closes the running interval as it stands; empty when nothing runs."""
        parts, self._parts = self._parts, []
        if not parts:
            return []
        candle = Candle(
            open_ms=self._target.open_ms(parts[0].open_ms),
            open=parts[0].open,
            high=max(part.high for part in parts),
            low=min(part.low for part in parts),
            close=parts[-1].close,
            volume=_exact_sum([part.volume for part in parts]),
            quote_volume=_exact_sum([part.quote_volume for part in parts]),
            n_trades=sum(part.n_trades for part in parts),
        )
        return [BuiltCandle(candle, self._per_candle - len(parts))]


_Prices = tuple[Decimal, Decimal, Decimal, Decimal]
"""Open, high, low, close."""


class EmptyIntervals(Enum):
    """What a venue does with an interval in which nothing traded."""

    FLAT = "flat"
    """A candle at the last close without volume (Binance)."""
    SKIP = "skip"
    """No candle at all (Coinbase, most stock feeds)."""


class TradeCandleBuilder:
    """Trades in, oldest first; closed candles out. Prices and quantities are the venue's decimal texts."""

    def __init__(self, timeframe: Timeframe, empty: EmptyIntervals = EmptyIntervals.FLAT) -> None:
        self.late = 0
        """Trades that came after their candle was closed; they are in no candle."""
        self._timeframe = timeframe
        self._empty = empty
        self._open_ms: int | None = None
        self._prices: _Prices | None = None  # None: no trade yet
        self._volume = self._quote_volume = Decimal(0)
        self._n_trades = 0
        self._last_close: Decimal | None = None

    def add(self, time_ms: int, price: str, quantity: str) -> list[Candle]:
        """Returns the candles that this trade, being later, closes. Raises decimal.InvalidOperation for texts that are
        no numbers."""
        exact_price, exact_quantity = Decimal(price), Decimal(quantity)
        closed = self.advance(time_ms)
        if self._open_ms is None:
            self._open_ms = self._timeframe.open_ms(time_ms)
        elif time_ms < self._open_ms:
            self.late += 1
            return closed
        if self._prices is None:
            self._prices = (exact_price,) * 4
        else:
            first, high, low, _ = self._prices
            self._prices = first, max(high, exact_price), min(low, exact_price), exact_price
        self._volume += exact_quantity
        self._quote_volume += exact_price * exact_quantity
        self._n_trades += 1
        return closed

    def advance(self, now_ms: int) -> list[Candle]:
        """Closes what ended by `now_ms` (trading time). Call it after the last trade of a candle can have come."""
        closed: list[Candle] = []
        while self._open_ms is not None and now_ms >= self._open_ms + self._timeframe.ms:
            candle = self._close(self._open_ms)
            if candle is not None:
                closed.append(candle)
            self._open_ms += self._timeframe.ms
            if self._empty is EmptyIntervals.SKIP:
                self._open_ms = max(self._open_ms, self._timeframe.open_ms(now_ms))
        return closed

    @property
    def forming(self) -> Candle | None:
        """The candle so far; `None` when nothing traded in it."""
        if self._open_ms is None or self._prices is None:
            return None
        return self._candle(self._open_ms, self._prices)

    def _close(self, open_ms: int) -> Candle | None:
        if self._prices is None:
            if self._empty is EmptyIntervals.SKIP or self._last_close is None:
                return None
            self._prices = (self._last_close,) * 4
        candle = self._candle(open_ms, self._prices)
        self._last_close = self._prices[3]
        self._prices = None
        self._volume = self._quote_volume = Decimal(0)
        self._n_trades = 0
        return candle

    def _candle(self, open_ms: int, prices: _Prices) -> Candle:
        first, high, low, last = prices
        return Candle(
            open_ms=open_ms,
            open=float(first),
            high=float(high),
            low=float(low),
            close=float(last),
            volume=float(self._volume),
            quote_volume=float(self._quote_volume),
            n_trades=self._n_trades,
        )


def _exact_sum(values: list[float]) -> float:
    """Sum of the decimals that the floats stand for, rounded once."""
    return float(sum((Decimal(repr(value)) for value in values), Decimal(0)))
