"""From the engine's events to market stream frames.

Trades, best quotes and closed candles go out with the turn of the pump that made them; forming candles, book diffs and
tickers at their own pace. Paces are of *real* time, whatever the clock's speed: they bound what a client must digest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from core.simulation.engine.events import BookChanged, CandleClosed, Trade
from core.simulation.engine.market_data import MarketData
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.tape import aggregate
from core.simulation.engine.views import Best
from core.simulation.server import market_frames
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.spelling import MarketSpelling
from core.simulation.server.stream_hub import StreamHub, Topic
from core.simulation.server.stream_names import SPOT_STREAMS, StreamKind

KLINE_PACE_MS = 250
TICKER_PACE_MS = 1_000

_OF_SYMBOL_TICKERS = (StreamKind.TICKER, StreamKind.MINI_TICKER, StreamKind.AVERAGE_PRICE)


@dataclass(slots=True)
class _SymbolState:
    spec: SymbolSpec
    phase: int
    """Spreads the symbols' slow frames over the turns of the pump."""
    best: Best | None = None
    diffs: dict[int, market_frames.BookDiff] = field(default_factory=dict)
    """By pace in ms; only paces that somebody listens to."""
    sent_book_id: dict[str, int] = field(default_factory=dict)
    """By partial-depth stream: the update id of its last frame."""
    candle_changed: bool = False
    traded: bool = False


class MarketPublisher:
    """`handle` takes events as they happen; `turn` is called once per `turn_ms` real ms and sends what is due."""

    def __init__(
        self,
        exchange: MarketData,
        hub: StreamHub,
        now_ms: Callable[[], int],
        *,
        turn_ms: int,
        frames: MarketSpelling = market_frames,
        book_periods_ms: Sequence[int] = SPOT_STREAMS.book_periods_ms,
    ) -> None:
        self._exchange = exchange
        self._hub = hub
        self._now_ms = now_ms
        self._turn_ms = turn_ms
        self._frames = frames
        self._book_periods_ms = book_periods_ms
        self._turns = 0
        self._symbols = {name: _SymbolState(spec, phase) for phase, (name, spec) in enumerate(exchange.symbols.items())}

    def handle(self, events: Sequence[object]) -> None:
        """Queue the frames of what is public among `events`; the hub's `flush` sends them."""
        quotes: dict[str, BookChanged] = {}
        traded: dict[str, list[Trade]] = {}
        event_ms = self._now_ms()
        for event in events:
            if isinstance(event, BookChanged):
                quotes[event.symbol] = event
                self._collect_diff(event)
            elif isinstance(event, Trade):
                traded.setdefault(event.symbol, []).append(event)
            elif isinstance(event, CandleClosed):
                self._close_candle(event, event_ms)
        for symbol, trades in traded.items():
            state = self._symbols[symbol]
            state.traded = state.candle_changed = True
            self._send_trades(state, trades, event_ms)
            self._send_aggregates(state, trades, event_ms)
        for event in quotes.values():
            self._send_quote(event, event_ms)

    def turn(self) -> None:
        """Send the slow frames of the symbols whose turn it is."""
        self._turns += 1
        event_ms = self._now_ms()
        for state in self._symbols.values():
            if state.candle_changed and self._is_due(KLINE_PACE_MS, state.phase):
                self._send_klines(state, event_ms)
            for pace_ms in self._book_periods_ms:
                if self._is_due(pace_ms, state.phase):
                    self._send_books(state, pace_ms, event_ms)
            if state.traded and self._is_due(TICKER_PACE_MS, state.phase):
                self._send_tickers(state, event_ms)
        if self._is_due(TICKER_PACE_MS, 0):
            self._send_all_tickers(event_ms)

    def _is_due(self, pace_ms: int, phase: int) -> bool:
        return is_due(self._turns + phase, pace_ms, self._turn_ms)

    def _send_quote(self, event: BookChanged, event_ms: int) -> None:
        state = self._symbols[event.symbol]
        best = Best(
            update_id=event.last_update_id,
            bid=event.best_bid,
            bid_quantity=event.best_bid_quantity,
            ask=event.best_ask,
            ask_quantity=event.best_ask_quantity,
        )
        if state.best is not None and _same_prices(state.best, best):
            return
        state.best = best
        topics = (
            *self._hub.topics(StreamKind.BOOK_TICKER, event.symbol),
            *self._hub.topics(StreamKind.BOOK_TICKER, None),
        )
        if topics:
            payload = self._frames.book_ticker(state.spec, best, event.time_ns // NS_PER_MS, event_ms)
            for topic in topics:
                self._hub.publish(topic, payload)

    def _send_trades(self, state: _SymbolState, trades: list[Trade], event_ms: int) -> None:
        topics = self._hub.topics(StreamKind.TRADE, state.spec.name)
        for trade in trades if topics else ():
            payload = self._frames.trade(state.spec, trade, event_ms)
            for topic in topics:
                self._hub.publish(topic, payload)

    def _send_aggregates(self, state: _SymbolState, trades: list[Trade], event_ms: int) -> None:
        """The engine ends a taker's matching within one call, so each aggregate is whole."""
        topics = self._hub.topics(StreamKind.AGG_TRADE, state.spec.name)
        if not topics:
            return
        for joined in aggregate(trades):
            payload = self._frames.aggregate_trade(state.spec, joined, event_ms)
            for topic in topics:
                self._hub.publish(topic, payload)

    def _close_candle(self, event: CandleClosed, event_ms: int) -> None:
        state = self._symbols[event.symbol]
        if self._exchange.is_halted(event.symbol):
            return
        for topic in self._hub.topics(StreamKind.KLINE, event.symbol):
            if topic.name.interval is event.interval:
                payload = self._frames.kline(
                    state.spec,
                    event.interval,
                    event.candle,
                    closed=True,
                    event_ms=max(event_ms, event.candle.close_ms + 1),
                )
                self._hub.publish(topic, payload)

    def _send_klines(self, state: _SymbolState, event_ms: int) -> None:
        state.candle_changed = False
        for topic in self._hub.topics(StreamKind.KLINE, state.spec.name):
            interval = topic.name.interval
            assert interval is not None  # noqa: S101 - the name of a kline stream has one
            candle = self._exchange.forming_candle(state.spec.name, interval)
            payload = self._frames.kline(state.spec, interval, candle, closed=False, event_ms=event_ms)
            self._hub.publish(topic, payload)

    def _collect_diff(self, event: BookChanged) -> None:
        state = self._symbols[event.symbol]
        topics = self._hub.topics(StreamKind.DIFF_DEPTH, event.symbol)
        if not topics:
            state.diffs.clear()
            return
        for pace_ms in {topic.name.period_ms for topic in topics}:
            diff = state.diffs.get(pace_ms)
            if diff is None:
                diff = market_frames.BookDiff(event.first_update_id, event.last_update_id)
                state.diffs[pace_ms] = diff
            diff.last_id = event.last_update_id
            diff.time_ns = event.time_ns
            diff.bids.update(event.bids)
            diff.asks.update(event.asks)

    def _send_books(self, state: _SymbolState, pace_ms: int, event_ms: int) -> None:
        diff = state.diffs.pop(pace_ms, None)
        if diff is not None:
            payload = self._frames.depth_update(state.spec, diff, event_ms)
            for topic in self._hub.topics(StreamKind.DIFF_DEPTH, state.spec.name):
                if topic.name.period_ms == pace_ms:
                    self._hub.publish(topic, payload)
        for topic in self._hub.topics(StreamKind.PARTIAL_DEPTH, state.spec.name):
            if topic.name.period_ms == pace_ms:
                self._send_partial_book(state, topic, event_ms)

    def _send_partial_book(self, state: _SymbolState, topic: Topic, event_ms: int) -> None:
        book = self._exchange.depth(state.spec.name, topic.name.levels)
        sent_id = state.sent_book_id.get(topic.name.text, 0)
        if sent_id != book.last_update_id:
            state.sent_book_id[topic.name.text] = book.last_update_id
            self._hub.publish(topic, self._frames.partial_depth(state.spec, book, sent_id, event_ms))

    def _send_tickers(self, state: _SymbolState, event_ms: int) -> None:
        state.traded = False
        for kind in _OF_SYMBOL_TICKERS:
            topics = self._hub.topics(kind, state.spec.name)
            if topics:
                payload = self._ticker_payload(kind, state, event_ms)
                for topic in topics:
                    self._hub.publish(topic, payload)

    def _send_all_tickers(self, event_ms: int) -> None:
        for kind in (StreamKind.TICKER, StreamKind.MINI_TICKER):
            for topic in self._hub.topics(kind, None):
                rows = [self._ticker_payload(kind, state, event_ms) for state in self._symbols.values()]
                self._hub.publish(topic, b"[" + b",".join(rows) + b"]")

    def _ticker_payload(self, kind: StreamKind, state: _SymbolState, event_ms: int) -> bytes:
        name = state.spec.name
        if kind is StreamKind.AVERAGE_PRICE:
            trades = self._exchange.recent_trades(name, 1)
            last_ms = trades[-1].time_ns // NS_PER_MS if trades else event_ms
            price = state.spec.price_text(self._exchange.average_price(name))
            return market_frames.average_price(state.spec, price, last_ms, event_ms)
        ticker = self._exchange.ticker_24h(name)
        if kind is StreamKind.MINI_TICKER:
            return msgspec.json.encode(self._frames.mini_ticker(state.spec, ticker, event_ms))
        return msgspec.json.encode(self._frames.full_ticker(state.spec, ticker, self._exchange.best(name), event_ms))


def is_due(turn: int, pace_ms: int, turn_ms: int) -> bool:
    """Whether this turn of the pump, of those every `turn_ms`, is one of those every `pace_ms`."""
    return turn % max(1, pace_ms // turn_ms) == 0


def _same_prices(before: Best, after: Best) -> bool:
    return (
        before.bid == after.bid
        and before.bid_quantity == after.bid_quantity
        and before.ask == after.ask
        and before.ask_quantity == after.ask_quantity
    )
