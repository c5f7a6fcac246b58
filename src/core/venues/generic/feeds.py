"""What ccxt.pro's caches say, as events: each follower remembers what it has told, so that the same may be shown to it
as often as one likes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.domain.candles import Candle, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import BookChanged, CandleChanged, QuoteChanged, TradePrinted
from core.market.candle_builder import TradeCandleBuilder
from core.venues.generic.decode import book_changed, candle, quote, touch, trade

BOOK_LEVELS = 50
_BOOK_EVERY_NS = 100_000_000
_REPEAT_NS = 2_000_000_000
_HISTORY = 3
"""Candles of a first picture that are told; what is older comes by REST."""


class CrossedBook(ValueError):
    """A bid at or above an ask: diffs were lost."""


class TradeFollower:
    """Trades of one instrument, each once, in the order of their times. One that comes after a later one is dropped and
    counted: it is in no candle, and what it would have filled has had its chance."""

    def __init__(self, instrument_id: InstrumentId, since_ms: int) -> None:
        """Trades before `since_ms`, which a venue may show for a start, are none of ours."""
        self.late = 0
        self._instrument_id = instrument_id
        self._last_ms = since_ms
        self._names: set[str] = set()
        self._told = 0
        self._newest: object = None

    def take(self, rows: Sequence[Mapping[str, Any]], received_ns: int) -> list[TradePrinted]:
        """Raises ValueError, KeyError or TypeError for a row that cannot be read; those before it are told again."""
        if not len(rows) or rows[-1] is self._newest:
            return []
        events: list[TradePrinted] = []
        for row in _since(rows, self._last_ms):
            at_ms = int(row["timestamp"])
            if at_ms < self._last_ms:
                continue
            name = str(row.get("id") or f"{row['price']}x{row['amount']}")
            if at_ms > self._last_ms:
                self._last_ms = at_ms
                self._names.clear()
            elif name in self._names:
                continue
            self._names.add(name)
            self._told += 1
            events.append(trade(self._instrument_id, row, self._told, received_ns))
        self._newest = rows[-1]
        return events


class CandleFollower:
    """A series as ccxt streams it, without a word of when a candle is closed: it is when the next one begins."""

    def __init__(self, instrument_id: InstrumentId, timeframe: Timeframe) -> None:
        self._instrument_id = instrument_id
        self._timeframe = timeframe
        self._forming: Candle | None = None
        self._closed: Candle | None = None
        self._cut: Candle | None = None
        """What was forming when the stream broke, which the cache still shows."""

    def take(self, rows: Sequence[Sequence[Any]], now_ns: int, received_ns: int) -> list[CandleChanged]:
        events: list[CandleChanged] = []
        for row in rows[-_HISTORY:]:
            found = candle(row)
            if found in (self._forming, self._closed, self._cut) or self._is_before_cut(found):
                continue
            forming = self._forming
            if forming is not None and found.open_ms < forming.open_ms:
                if self._closed is not None and found.open_ms == self._closed.open_ms:  # its last word came late
                    self._closed = found
                    events.append(self._event(found, True, now_ns, received_ns))
                continue
            if forming is not None and found.open_ms > forming.open_ms:
                self._closed = forming
                events.append(self._event(forming, True, now_ns, received_ns))
            self._forming = found
            events.append(self._event(found, False, now_ns, received_ns))
        return events

    def interrupted(self) -> None:
        """What was forming may have gone on unseen: it is not closed by what comes next."""
        self._cut = self._forming or self._cut
        self._forming = self._closed = None

    def _is_before_cut(self, found: Candle) -> bool:
        return self._cut is not None and found.open_ms < self._cut.open_ms

    def _event(self, found: Candle, closed: bool, now_ns: int, received_ns: int) -> CandleChanged:
        return CandleChanged(self._instrument_id, self._timeframe, found, closed, now_ns, received_ns)


class BuiltCandles:
    """A series built from trades, where the exchange streams no candles. The first candle has begun unseen and is never
    told as closed."""

    def __init__(self, instrument_id: InstrumentId, timeframe: Timeframe, grace_ms: int) -> None:
        """`grace_ms`: so long after a candle's end its last trade may come."""
        self._instrument_id = instrument_id
        self._timeframe = timeframe
        self._grace_ms = grace_ms
        self._builder = TradeCandleBuilder(timeframe)
        self._whole_from_ms: int | None = None
        self._told: Candle | None = None

    def take(self, trades: Iterable[TradePrinted], now_ms: int, received_ns: int) -> list[CandleChanged]:
        """Call it without trades, too: time closes candles."""
        events: list[CandleChanged] = []
        for each in trades:
            at_ms = each.event_ns // 1_000_000
            if self._whole_from_ms is None:
                self._whole_from_ms = self._timeframe.open_ms(at_ms) + self._timeframe.ms
            events += self._closed(self._builder.add(at_ms, each.price, each.quantity), now_ms, received_ns)
        events += self._closed(self._builder.advance(now_ms - self._grace_ms), now_ms, received_ns)
        forming = self._builder.forming
        if forming is not None and forming != self._told and self._is_whole(forming):
            self._told = forming
            events.append(self._event(forming, False, now_ms, received_ns))
        return events

    def interrupted(self) -> None:
        """Trades are missing: begin anew."""
        self._builder = TradeCandleBuilder(self._timeframe)
        self._whole_from_ms = None

    def _closed(self, candles: Iterable[Candle], now_ms: int, received_ns: int) -> list[CandleChanged]:
        return [self._event(each, True, now_ms, received_ns) for each in candles if self._is_whole(each)]

    def _is_whole(self, found: Candle) -> bool:
        return self._whole_from_ms is not None and found.open_ms >= self._whole_from_ms

    def _event(self, found: Candle, closed: bool, now_ms: int, received_ns: int) -> CandleChanged:
        return CandleChanged(self._instrument_id, self._timeframe, found, closed, now_ms * 1_000_000, received_ns)


class QuoteFollower:
    """Best bid and ask of one instrument, told when they change and, as a sign of life, when the exchange repeats them
    after a while."""

    def __init__(self, instrument_id: InstrumentId) -> None:
        self._instrument_id = instrument_id
        self._told: tuple[float, float, float, float] | None = None
        self._told_ns = 0
        self._seen: object = None

    def of_ticker(self, ticker: Mapping[str, Any], received_ns: int) -> list[QuoteChanged]:
        """Raises ValueError for a ticker that is not a quote."""
        if ticker is self._seen:
            return []
        self._seen = ticker
        found = quote(self._instrument_id, ticker, received_ns)
        if found is None:
            raise ValueError("a ticker without bid, ask or their quantities")
        return self._changed(found)

    def of_book(self, book: Mapping[str, Any], received_ns: int) -> list[QuoteChanged]:
        """Nothing while the book has not come yet. Raises `CrossedBook`."""
        mark = _mark(book)
        if mark == self._seen or not (len(book["bids"]) or len(book["asks"])):
            return []
        found = touch(self._instrument_id, book, received_ns)
        if found.bid >= found.ask > 0:
            raise CrossedBook(f"bid {found.bid} at or above ask {found.ask}")
        self._seen = mark
        return self._changed(found)

    def interrupted(self) -> None:
        """What the cache shows is old; the next quote is told even if it is the same."""
        self._told = None

    def _changed(self, found: QuoteChanged) -> list[QuoteChanged]:
        values = (found.bid, found.bid_quantity, found.ask, found.ask_quantity)
        if values == self._told and found.received_ns - self._told_ns < _REPEAT_NS:
            return []
        self._told, self._told_ns = values, found.received_ns
        return [found]


class BookFollower:
    """The order book of one instrument as full pictures, no more often than every tenth of a second."""

    def __init__(self, instrument_id: InstrumentId) -> None:
        self._instrument_id = instrument_id
        self._told_ns = 0
        self._seen: object = None

    def take(self, book: Mapping[str, Any], now_ns: int, received_ns: int) -> list[BookChanged]:
        """Nothing while the book has not come yet. Raises `CrossedBook`."""
        mark = _mark(book)
        is_empty = not (len(book["bids"]) or len(book["asks"]))
        if is_empty or mark == self._seen or received_ns - self._told_ns < _BOOK_EVERY_NS:
            return []
        event = book_changed(self._instrument_id, book, BOOK_LEVELS, now_ns, received_ns)
        if event.bids and event.asks and event.bids[0][0] >= event.asks[0][0]:
            raise CrossedBook(f"bid {event.bids[0][0]} at or above ask {event.asks[0][0]}")
        self._seen, self._told_ns = mark, received_ns
        return [event]


def _mark(book: Mapping[str, Any]) -> object:
    """Another one after each of its changes that matters: ccxt keeps one object and changes it."""
    bids, asks = book["bids"], book["asks"]
    best = (tuple(bids[0][:2]) if len(bids) else None, tuple(asks[0][:2]) if len(asks) else None)
    return book.get("nonce"), book.get("timestamp"), best


def _since(rows: Sequence[Mapping[str, Any]], time_ms: int) -> list[Mapping[str, Any]]:
    """The rows at the end that are not older, oldest first; sorted by time, since some exchanges send the newest
    first."""
    if len(rows) > 1 and int(rows[0]["timestamp"]) > int(rows[-1]["timestamp"]):
        rows = list(reversed(rows))
    found: list[Mapping[str, Any]] = []
    for index in range(len(rows) - 1, -1, -1):
        if int(rows[index]["timestamp"]) < time_ms:
            break
        found.append(rows[index])
    found.reverse()
    return sorted(found, key=lambda row: int(row["timestamp"]))
