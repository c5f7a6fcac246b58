"""All that is known of the market now: candles, quotes, order books, and the health of the feeds that bring them."""

from collections.abc import Sequence
from decimal import Decimal

from core.domain.candles import Candle, SeriesKey
from core.domain.freshness import Quote, Stamp
from core.domain.instruments import InstrumentId
from core.domain.market import (
    BookChanged,
    CandleChanged,
    MarkChanged,
    MarketEvent,
    QuoteChanged,
    StreamInterrupted,
    TradePrinted,
)
from core.market.book_sync import Step
from core.market.books import Books
from core.market.candle_store import Applied, CandleStore
from core.market.feed_states import Channel, Cure
from core.market.feeds import FeedHealth
from core.market.quotes import Quotes

_BRIDGE_NS = 2_000_000_000
_MARK_STANDS_NS = 10_000_000_000
"""A mark price that quotes have outlived by so much is not used any more."""


class MarketPicture:
    """One door for market events. Owned by the loop."""

    def __init__(self, candles: CandleStore, quotes: Quotes, feeds: FeedHealth) -> None:
        self.candles = candles
        self.quotes = quotes
        self.feeds = feeds
        self.books = Books(self._want_snapshot)
        self._wanted_snapshots: dict[InstrumentId, None] = {}
        self.messages = 0
        self.interruptions = 0
        self._checked_ns = 0
        self._marks: dict[InstrumentId, MarkChanged] = {}
        self._series: dict[InstrumentId, list[SeriesKey]] = {}
        for key in sorted(candles.keys(), key=lambda key: key.timeframe.ms):
            self._series.setdefault(key.instrument_id, []).append(key)

    def apply(self, event: MarketEvent) -> Applied | None:
        """Takes one event; what became of it if it was a candle, else `None`."""
        self.messages += 1
        self.feeds.observe(event)
        if isinstance(event, QuoteChanged | TradePrinted):
            self.quotes.apply(event)
        elif isinstance(event, CandleChanged):
            applied = self.candles.apply(event)
            if applied is Applied.GAP:
                self.feeds.gapped(event.instrument_id, Channel.CANDLES)
            return applied
        elif isinstance(event, StreamInterrupted):
            self.interruptions += 1
            self.quotes.interrupted(event)
            self.books.interrupted(event.instrument_ids)
        elif isinstance(event, BookChanged):
            self._apply_book(event)
        elif isinstance(event, MarkChanged):
            self._marks[event.instrument_id] = event
        return None

    def backfill(self, key: SeriesKey, candles: Sequence[Candle], now_ms: int) -> None:
        """Candles from REST; `now_ms` is trading time. An instrument's candle feed is mended when all its series are
        whole. Raises KeyError for a series that the store does not have."""
        self.candles.backfill(key, candles, now_ms)
        if all(self.candles.gap(each) is None for each in self._series[key.instrument_id]):
            self.feeds.mended(key.instrument_id, Channel.CANDLES)

    def check(self, now_ns: int) -> list[Cure]:
        """Judge all feeds now (monotonic time); what to do about those that are ill."""
        self._checked_ns = now_ns
        self.books.check(now_ns)
        return self.feeds.check(now_ns)

    def wanted_snapshots(self) -> tuple[InstrumentId, ...]:
        """Books that need a snapshot by REST, since the last call; give it to `apply` or say `snapshot_failed`."""
        wanted = tuple(self._wanted_snapshots)
        self._wanted_snapshots.clear()
        return wanted

    def price(self, instrument_id: InstrumentId) -> float | None:
        """What one unit is worth now: a perpetual's mark price; the middle of the quote; while there is none, the
        newest candle's close; `None` before anything came."""
        quote = self.quotes.quote(instrument_id)
        mark = self._marks.get(instrument_id)
        if mark is not None and (quote is None or quote.received_ns - mark.received_ns < _MARK_STANDS_NS):
            return mark.mark
        if quote is not None and quote.bid > 0 and quote.ask > 0:
            return (quote.bid + quote.ask) / 2
        if instrument_id not in self._series:
            return None
        finest = self._series[instrument_id][0]
        forming = self.candles.forming(finest)
        if forming is not None:
            return forming.close
        closes = self.candles.window(finest, 1).close
        return float(closes[-1]) if len(closes) else None

    def exact_price(self, instrument_id: InstrumentId) -> Decimal | None:
        """`price`, where money moves."""
        price = self.price(instrument_id)
        return None if price is None else Decimal(repr(price))

    def quote(self, instrument_id: InstrumentId) -> Quote | None:
        """Best bid and ask as money; `None` before the first."""
        held = self.quotes.quote(instrument_id)
        if held is None:
            return None
        stamp = Stamp(held.event_ns, self.quote_confirmed_ns(instrument_id), held.sequence)
        return Quote(Decimal(repr(held.bid)), Decimal(repr(held.ask)), stamp)

    def mark(self, instrument_id: InstrumentId) -> MarkChanged | None:
        """The newest mark price and funding rate; `None` on spot and before the first."""
        return self._marks.get(instrument_id)

    def quote_confirmed_ns(self, instrument_id: InstrumentId) -> int:
        """Monotonic time of the last proof that the held quote still holds: its arrival or, since an unchanged quote is
        not sent again, the last check that found its feed well."""
        quote = self.quotes.quote(instrument_id)
        received_ns = quote.received_ns if quote is not None else 0
        state = self.feeds.state(instrument_id, Channel.QUOTES)
        return max(received_ns, self._checked_ns) if state is not None and state.is_healthy else received_ns

    def _want_snapshot(self, instrument_id: InstrumentId) -> None:
        self._wanted_snapshots[instrument_id] = None

    def _apply_book(self, event: BookChanged) -> None:
        step = self.books.apply(event)
        if step in (Step.GAP, Step.TOO_OLD):
            self.feeds.gapped(event.instrument_id, Channel.BOOK)
        elif step is Step.APPLIED:
            if event.is_snapshot:
                self.feeds.mended(event.instrument_id, Channel.BOOK)
            self._bridge_quote(event)

    def _bridge_quote(self, event: BookChanged) -> None:
        """The book's touch stands in for a quote that has not been heard of for a while."""
        held = self.quotes.quote(event.instrument_id)
        if held is not None and event.received_ns - held.received_ns < _BRIDGE_NS:
            return
        book = self.books.book(event.instrument_id)
        bid, ask = (book.best_bid, book.best_ask) if book is not None else (None, None)
        if bid is None or ask is None:
            return
        self.quotes.apply(
            QuoteChanged(
                instrument_id=event.instrument_id,
                bid=bid[0],
                bid_quantity=bid[1],
                ask=ask[0],
                ask_quantity=ask[1],
                sequence=event.last_sequence,
                event_ns=event.event_ns,
                received_ns=event.received_ns,
            )
        )
