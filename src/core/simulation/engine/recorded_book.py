"""The recorded market: the house shows the book that an exchange's recorded streams tell of, at the recorded times.

As long as no order of an account is in the book, the house's levels are the recorded ones after every message, so best
bid and ask are too, and the tape holds the recorded trades and no others. The recorded market never saw our orders, so
what would have become of them is a rule:

- **Taking.** Orders take the recorded levels, at the recorded prices and quantities. What they took is gone until the
  recording next says something new of that level; others do not react to it. These trades print besides the recorded
  ones.
- **Resting.** An order joins behind what its level shows. Recorded trades at its price fill it once the queue ahead of
  it has traded or has been cancelled (`queue_position` says how that is estimated), and never with more than traded. A
  recorded trade at a worse price fills it first, at its own price, since a taker would have met it before. So does
  what is newly recorded on the other side at its price or better: this would have traded instead of resting, and while
  the order is there, nothing that crosses it is shown.
- **Stops** trigger on trades, recorded ones and those of accounts.
- Recorded trades keep price and quantity: an order that fills takes its part of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from core.domain.errors import DataFileError
from core.domain.instruments import Instrument
from core.simulation.engine.book import BookSide
from core.simulation.engine.events import Event
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.history import History
from core.simulation.engine.house import House
from core.simulation.engine.queue_position import LevelQueue
from core.simulation.engine.recorded_depth import Change, RecordedDepth
from core.simulation.engine.recorded_events import Recorded, TradeRecorded
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.venue import Venue

_MINUTE_NS = 60_000_000_000


class RecordedBookMarket:
    """`events` in order of time; those before the exchange's start only tell the book of that time.

    `events` may raise `DataFileError` where a file has changed since it was checked; so does `advance` then.
    """

    def __init__(self, exchange: Exchange, events: Iterator[Recorded], *, start_ns: int) -> None:
        self._exchange = exchange
        self._symbols = {name: _RecordedSymbol(exchange.house(name)) for name in exchange.symbols}
        self._events = events
        self._next: Recorded | None = None
        self._start_ns = start_ns
        self._minute_end_ns = start_ns - start_ns % _MINUTE_NS + _MINUTE_NS
        self._is_open = False

    def advance(self, now_ns: int) -> list[Event]:
        if not self._is_open:
            self._open()
        while (event := self._next) is not None and event.time_ns <= now_ns:
            self._close_minutes(event.time_ns)
            self._symbols[event.symbol].play(event)
            self._next = next(self._events, None)
        self._close_minutes(now_ns)
        return self._exchange.take_events(now_ns)

    def _open(self) -> None:
        self._is_open = True
        self._next = next(self._events, None)
        while (event := self._next) is not None and event.time_ns < self._start_ns:
            self._symbols[event.symbol].pass_over(event)
            self._next = next(self._events, None)
        for symbol in self._symbols.values():
            symbol.show_whole(self._start_ns)

    def _close_minutes(self, now_ns: int) -> None:
        while now_ns >= self._minute_end_ns:
            self._exchange.close_due(self._minute_end_ns)
            self._minute_end_ns += _MINUTE_NS


class _RecordedSymbol:
    __slots__ = ("_asks", "_bids", "_depth", "_house")

    def __init__(self, house: House) -> None:
        self._house = house
        self._depth = RecordedDepth()
        self._bids = _ShownSide(house.bids)
        self._asks = _ShownSide(house.asks)

    def pass_over(self, event: Recorded) -> None:
        """Know what it says of the book; nothing trades."""
        if not isinstance(event, TradeRecorded):
            self._depth.apply(event)

    def show_whole(self, now_ns: int) -> None:
        bids, asks = self._depth.bids.lots, self._depth.asks.lots
        self._show(
            [(key, 0, lots) for key, lots in bids.items()], [(key, 0, lots) for key, lots in asks.items()], now_ns
        )

    def play(self, event: Recorded) -> None:
        if isinstance(event, TradeRecorded):
            self._trade(event)
        else:
            self._show(*self._depth.apply(event), event.time_ns)

    def _show(self, bids: Sequence[Change], asks: Sequence[Change], now_ns: int) -> None:
        self._bids.learn_orders()
        self._asks.learn_orders()
        for side, other, changes in ((self._bids, self._asks, bids), (self._asks, self._bids, asks)):
            if other.book.queues:
                self._show_against(side, other, changes, now_ns)
            else:
                for key, _, lots in changes:
                    side.show(key, lots, now_ns)
        self._house.log(now_ns)

    def _show_against(self, side: "_ShownSide", other: "_ShownSide", changes: Sequence[Change], now_ns: int) -> None:
        """Show what does not cross the orders of the other side; what newly does trades with them."""
        for key, before, lots in changes:
            price = key * side.book.sign
            grown = lots - before
            if grown > 0:
                lots -= self._meet(other, price, grown, now_ns)
            side.show(key, 0 if other.has_orders_for(price) else lots, now_ns)

    def _meet(self, resting: "_ShownSide", price: int, lots: int, now_ns: int) -> int:
        """Let up to `lots` at `price` trade with the orders in their way; how many did."""
        limit_key, left = price * resting.book.sign, lots
        for key, order in resting.book.orders():
            if key < limit_key or not left:
                break
            traded = min(left, order.remaining)
            self._house.fill(resting.book, order, traded, now_ns)
            left -= traded
        return lots - left

    def _trade(self, trade: TradeRecorded) -> None:
        now_ns = trade.time_ns
        hit = self._bids if trade.buyer_is_maker else self._asks
        self._bids.learn_orders()
        self._asks.learn_orders()
        left = trade.lots
        if hit.book.queues:
            left -= self._fill_orders(hit, trade, now_ns)
        if left:
            self._house.print_trade(trade.price, left, now_ns, buyer_is_maker=trade.buyer_is_maker)
        self._house.log(now_ns)

    def _fill_orders(self, hit: "_ShownSide", trade: TradeRecorded, now_ns: int) -> int:
        """Give the orders of accounts their part of a trade; its lots."""
        key, left = trade.price * hit.book.sign, trade.lots
        for order_key, order in hit.book.orders():
            if order_key <= key or not left:
                break
            hit.queues[order_key].pass_through()
            traded = min(left, order.remaining)
            self._house.fill(hit.book, order, traded, now_ns)
            left -= traded
        queue = hit.queues.get(key)
        if queue is not None:
            at_price = {order.order_id: order for order_key, order in hit.book.orders() if order_key == key}
            shown = [(order_id, order.displayed) for order_id, order in at_price.items()]
            for order_id, traded in queue.trade(shown, trade.lots, left, now_ns):
                order = at_price[order_id]
                if traded == order.displayed < order.remaining:
                    queue.rejoin(order_id)
                self._house.fill(hit.book, order, traded, now_ns)
                left -= traded
        return trade.lots - left


class _ShownSide:
    """One side of the exchange's book, and the queues of the levels where accounts have orders."""

    __slots__ = ("book", "queues")

    def __init__(self, book: BookSide) -> None:
        self.book = book
        self.queues: dict[int, LevelQueue] = {}

    def learn_orders(self) -> None:
        """See which orders have come and gone. Call it before each change, so that a new order is measured against what
        was shown when it came."""
        if not (self.book.queues or self.queues):
            return
        ids: dict[int, list[int]] = {}
        for key, order in self.book.orders():
            ids.setdefault(key, []).append(order.order_id)
        self.queues = {key: self.queues.get(key) or LevelQueue(self.book.house_lots(key)) for key in ids}
        for key, queue in self.queues.items():
            queue.stand(ids[key], self.book.house_lots(key))

    def has_orders_for(self, price: int) -> bool:
        """Whether an order rests here that a taker with limit `price` would meet."""
        queues = self.book.queues
        return bool(queues) and max(queues) >= price * self.book.sign

    def show(self, key: int, lots: int, now_ns: int) -> None:
        """Let the house have just so many lots on a level, the queue of its orders kept."""
        missing = lots - self.book.house_lots(key)
        if missing > 0:
            self.book.add_house(key, missing)
        elif missing < 0:
            self.book.remove_house(key, -missing)
        if self.queues and (queue := self.queues.get(key)) is not None:
            queue.show(lots, now_ns)


def recorded_book_venue(
    instruments: Iterable[Instrument],
    events: Iterator[Recorded],
    *,
    fees: FeeSchedule,
    start_ns: int,
    ends_ns: Mapping[str, int],
    history: History | None = None,
) -> Venue:
    """A venue that plays `events` of these instruments, from `start_ns` on. `ends_ns`: time of each symbol's last
    event. `history`: candles before the start. Raises `DataFileError` where steps don't fit the engine's integers."""
    try:
        specs = [SymbolSpec.of(instrument) for instrument in instruments]
    except ValueError as error:
        raise DataFileError(f"the recording can't be played: {error}") from None
    exchange = Exchange(specs, fees=fees, start_ns=start_ns, history=history)
    return Venue(exchange, RecordedBookMarket(exchange, events, start_ns=start_ns), start_ns, dict(ends_ns))
