"""The replayed market: the house trades recorded candles again, each along a path that makes exactly that candle."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from math import sqrt

import numpy as np

from core.domain.candles import Candle
from core.domain.errors import DataFileError
from core.domain.instruments import InstrumentId
from core.simulation.engine.candle_path import RecordedCandle, path_through
from core.simulation.engine.draws import Draws
from core.simulation.engine.events import Event
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.intervals import LENGTH_MS, Interval
from core.simulation.engine.liquidity import Liquidity, Shape
from core.simulation.engine.recorded import (
    RecordedHistory,
    RecordedSymbol,
    common_start_ms,
    implied_instrument,
    interval_of,
    table,
    to_rows,
)
from core.simulation.engine.series import Rows
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.venue import LEVEL_SPREAD, TRADE_SPREAD, Venue

_MINUTE_NS = 60_000_000_000
_TRADES = 0.6
"""Share of messages that are trades; the rest are limit orders and cancellations."""


@dataclass(frozen=True, slots=True)
class _Message:
    """`lots` 0: no trade, the book alone changes."""

    time_ns: int
    price: int
    lots: int
    buyer_takes: bool


class ReplayMarket:
    """As long as no account trades, every candle of the exchange equals the recorded one (volume to the nearest lot).
    Orders of accounts in the price's way trade besides. After its last candle a symbol stands still.
    """

    def __init__(
        self,
        exchange: Exchange,
        symbols: Sequence[RecordedSymbol],
        liquidity: Sequence[Liquidity],
        *,
        messages_per_s: float,
        start_ns: int,
        seed: np.random.SeedSequence,
        draws: Draws,
    ) -> None:
        self._exchange = exchange
        self._symbols = symbols
        self._liquidity = liquidity
        self._houses = [exchange.house(symbol.name) for symbol in symbols]
        self._messages_per_s = messages_per_s
        self._seed = seed
        self._draws = draws
        self._start_ns = start_ns
        self._minute_end_ns = start_ns + _MINUTE_NS
        self._messages: list[Iterator[_Message]] = []
        self._due: list[tuple[int, int]] = []
        """Heap of (time, symbol index) of each symbol's next message."""
        self._next: dict[int, _Message] = {}
        self._is_open = False

    def advance(self, now_ns: int) -> list[Event]:
        if not self._is_open:
            self._open()
        while self._due and self._due[0][0] <= now_ns:
            time_ns, index = self._due[0]
            self._close_minutes(time_ns)
            self._play(index, self._next[index])
            self._queue_next(index)
        self._close_minutes(now_ns)
        return self._exchange.take_events(now_ns)

    def _open(self) -> None:
        self._is_open = True
        for index, (symbol, seed) in enumerate(zip(self._symbols, self._seed.spawn(len(self._symbols)), strict=True)):
            self._messages.append(self._messages_of(symbol, np.random.default_rng(seed)))
            self._stand(index, int(symbol.played[0, 1]), self._start_ns, buyer_takes=True)
            self._liquidity[index].tidy()
            self._houses[index].log(self._start_ns)
            first = next(self._messages[index], None)
            if first is not None:
                self._next[index] = first
                self._due.append((first.time_ns, index))
        heapify(self._due)

    def _queue_next(self, index: int) -> None:
        following = next(self._messages[index], None)
        if following is None:
            self._due = [entry for entry in self._due if entry[1] != index]
            heapify(self._due)
            return
        self._next[index] = following
        heapreplace(self._due, (following.time_ns, index))

    def _close_minutes(self, now_ns: int) -> None:
        while now_ns >= self._minute_end_ns:
            self._exchange.close_due(self._minute_end_ns)
            self._minute_end_ns += _MINUTE_NS

    def _messages_of(self, symbol: RecordedSymbol, rng: np.random.Generator) -> Iterator[_Message]:
        """Trades and other book changes of all candles, in order of time."""
        length_ns = LENGTH_MS[symbol.interval] * 1_000_000
        n_messages = self._messages_per_s * length_ns / 1e9
        last_price = int(symbol.played[0, 1])
        for row in symbol.played:
            candle = RecordedCandle(*(int(value) for value in row[:6]))
            path = path_through(candle, max(4, int(rng.poisson(n_messages * _TRADES))), rng)
            others = rng.random(int(rng.poisson(n_messages * (1 - _TRADES))))
            when = np.concatenate([path.when, others])
            lots = np.concatenate([path.lots, np.zeros(len(others), dtype=np.int64)])
            prices = np.concatenate([path.prices, np.zeros(len(others), dtype=np.int64)])
            order = np.argsort(when, kind="stable")
            ties = rng.random(len(when)) < 0.5
            begin_ns = candle.open_ms * 1_000_000
            for part, price, quantity, tie in zip(when[order], prices[order], lots[order], ties, strict=True):
                buyer_takes = bool(tie) if price in (0, last_price) else bool(price > last_price)
                yield _Message(begin_ns + int(part * length_ns), int(price), int(quantity), buyer_takes)
                last_price = int(price) or last_price

    def _play(self, index: int, message: _Message) -> None:
        house, liquidity = self._houses[index], self._liquidity[index]
        if house.is_halted:
            return
        if message.lots:
            self._stand(index, message.price, message.time_ns, buyer_takes=message.buyer_takes)
            side = house.asks if message.buyer_takes else house.bids
            liquidity.print_at(side, message.price, message.lots, message.time_ns)
        else:
            side = house.bids if message.buyer_takes else house.asks
            if self._draws.uniform() < 0.5:
                liquidity.add_somewhere(side)
            else:
                liquidity.withdraw_somewhere(side)
        liquidity.tidy()
        house.log(message.time_ns)

    def _stand(self, index: int, price: int, now_ns: int, *, buyer_takes: bool) -> None:
        """Quote so that the taker of the next trade pays `price`."""
        bid = max(1, price - 1) if buyer_takes else price
        self._liquidity[index].move_to(bid, bid + 1, 0, now_ns)


def replay_venue(
    candles: Mapping[InstrumentId, Iterable[Candle]],
    *,
    fees: FeeSchedule,
    seed: int,
    messages_per_s: float,
    history_candles: int = 500,
) -> Venue:
    """A venue that plays recorded candles, at the times they were recorded.

    The first `history_candles` (at most half) of each symbol become history; play starts where all have theirs. Steps
    come from the recorded prices. `messages_per_s` counts trading seconds.
    Raises `DataFileError` when a symbol's candles can't be played.
    """
    tables = {symbol: table(rows) for symbol, rows in candles.items()}
    intervals = {symbol: interval_of(symbol, rows) for symbol, rows in tables.items()}
    start_ms = common_start_ms(list(tables.values()), history_candles)
    recorded, specs, shapes = [], [], []
    for symbol, rows in tables.items():
        spec = SymbolSpec.of(implied_instrument(symbol, rows))
        first_played = int(np.searchsorted(rows[:, 0], start_ms))
        if first_played == len(rows):
            raise DataFileError(f"{symbol}: its candles end before those of the other symbols begin")
        symbol_rows = to_rows(spec, rows)
        recorded.append(RecordedSymbol(spec.name, intervals[symbol], symbol_rows, first_played))
        specs.append(spec)
        shapes.append(_shape(symbol_rows, intervals[symbol], messages_per_s))
    start_ns = start_ms * 1_000_000
    history = RecordedHistory({symbol.name: [(symbol.interval, symbol.before)] for symbol in recorded})
    exchange = Exchange(specs, fees=fees, start_ns=start_ns, history=history)
    draws_seed, market_seed = np.random.SeedSequence(seed).spawn(2)
    draws = Draws(draws_seed, level_spread=LEVEL_SPREAD, trade_spread=TRADE_SPREAD)
    liquidity = [Liquidity(exchange.house(spec.name), shape, draws) for spec, shape in zip(specs, shapes, strict=True)]
    market = ReplayMarket(
        exchange,
        recorded,
        liquidity,
        messages_per_s=messages_per_s,
        start_ns=start_ns,
        seed=market_seed,
        draws=draws,
    )
    return Venue(exchange, market, start_ns, {symbol.name: symbol.end_ns for symbol in recorded})


def _shape(rows: Rows, interval: Interval, messages_per_s: float) -> Shape:
    """Levels some way apart as the recorded moves ask for, and as deep as what trades between two messages."""
    messages = max(1.0, messages_per_s * LENGTH_MS[interval] / 1_000)
    height = float(np.median(rows[:, 2] - rows[:, 3]))
    volume = float(np.median(rows[:, 5]))
    return Shape(gap_ticks=max(0.5, height / sqrt(messages) / 4), level_lots=max(1.0, 2 * volume / messages))
