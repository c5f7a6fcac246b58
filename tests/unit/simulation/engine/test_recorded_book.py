"""The recorded market: its book and trades as recorded, orders of accounts met by the stated rules."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.orders import OrderStatus, OrderType
from core.simulation.engine.events import BookChanged, Event, Trade
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.intervals import Interval
from core.simulation.engine.orders import NewOrder, OrderRecord
from core.simulation.engine.queue_position import TOGETHER_NS
from core.simulation.engine.recorded_book import RecordedBookMarket
from core.simulation.engine.recorded_events import BestQuoted, BookStarted, LevelsChanged, Recorded, TradeRecorded
from tests.unit.simulation.engine.exchanges import (
    BUY,
    FREE,
    SELL,
    START_NS,
    SYMBOL,
    exchange,
    filled,
    limit,
    market,
    status,
    stop,
    trades,
)

MS = 1_000_000
BIDS, ASKS = {99: 10, 98: 20, 97: 30}, {101: 10, 102: 20, 103: 30}
"""Lots of 0.001 by whole prices."""


class Tape:
    """A recording that a test writes while it plays. Prices in whole USDT, quantities in lots."""

    def __init__(self, *accounts: str) -> None:
        self.exchange = exchange(FREE)
        for account in accounts or ("ann",):
            self.exchange.open_account(account, {"BTC": Decimal(1_000), "USDT": Decimal(10_000_000)}, START_NS)
        self._written: list[Recorded] = []
        self.market = RecordedBookMarket(self.exchange, self._events(), start_ns=START_NS)
        self.now_ns = START_NS
        self._update_id = 1
        self.start()

    def _events(self) -> Iterator[Recorded]:
        while self._written:
            yield self._written.pop(0)

    def play(self, *events: Recorded) -> list[Event]:
        # A generator that has ended stays ended: give the market the next stretch of the recording.
        self._written += events
        self.market = _going_on(self.market, self._events())
        return self.market.advance(self.now_ns)

    def start(self) -> list[Event]:
        return self.play(BookStarted(SYMBOL, self.now_ns, self._next_id(), _levels(BIDS), _levels(ASKS)))

    def change(self, bids: dict[int, int] | None = None, asks: dict[int, int] | None = None) -> list[Event]:
        return self.play(LevelsChanged(SYMBOL, self.now_ns, self._next_id(), _levels(bids or {}), _levels(asks or {})))

    def quote(self, bid: int, bid_lots: int, ask: int, ask_lots: int) -> list[Event]:
        return self.play(BestQuoted(SYMBOL, self.now_ns, self._next_id(), bid * 100, bid_lots, ask * 100, ask_lots))

    def sold(self, price: int, lots: int) -> list[Event]:
        """A seller took from the bids."""
        return self.play(TradeRecorded(SYMBOL, self.now_ns, price * 100, lots, buyer_is_maker=True))

    def bought(self, price: int, lots: int) -> list[Event]:
        return self.play(TradeRecorded(SYMBOL, self.now_ns, price * 100, lots, buyer_is_maker=False))

    def wait(self, ns: int = TOGETHER_NS + 1) -> None:
        self.now_ns += ns

    def place(self, order: NewOrder, account: str = "ann") -> OrderRecord:
        self.market.advance(self.now_ns)
        return self.exchange.submit(account, order, self.now_ns)[0]

    def filled(self, record: OrderRecord) -> int:
        """Lots."""
        return int(filled(self.exchange, record) * 1_000)

    def best(self) -> tuple[int, int, int, int]:
        best = self.exchange.best(SYMBOL)
        return best.bid // 100, best.bid_quantity, best.ask // 100, best.ask_quantity

    def _next_id(self) -> int:
        self._update_id += 1
        return self._update_id


def _going_on(market: RecordedBookMarket, events: Iterator[Recorded]) -> RecordedBookMarket:
    if market._next is None:
        market._events = events
        if market._is_open:
            market._next = next(events, None)
    return market


def _levels(levels: dict[int, int]) -> tuple[tuple[int, int], ...]:
    return tuple((price * 100, lots) for price, lots in levels.items())


def test_the_book_follows_the_recording() -> None:
    tape = Tape()
    assert tape.best() == (99, 10, 101, 10)
    tape.change(bids={99: 0}, asks={101: 4})
    assert tape.best() == (98, 20, 101, 4)
    tape.quote(100, 1, 102, 7)
    assert tape.best() == (100, 1, 102, 7)


def test_recorded_trades_print_and_leave_the_book_alone() -> None:
    tape = Tape()
    events = tape.bought(101, 3)
    assert trades(events) == [(10_100, 3)]
    assert not [event for event in events if isinstance(event, BookChanged)]
    assert tape.exchange.candles(SYMBOL, Interval.M1)[-1].volume == 3


def test_a_taker_gets_the_recorded_levels_and_they_stay_taken() -> None:
    tape = Tape()
    order = tape.place(market(BUY, "0.025"))
    assert order.status is OrderStatus.FILLED
    assert order.filled_quote == (101 * 10 + 102 * 15) * 10**5
    assert tape.best() == (99, 10, 102, 5)
    tape.quote(99, 10, 101, 10)
    assert tape.best() == (99, 10, 102, 5), "the recording says nothing new of these asks"
    tape.change(asks={102: 21})
    assert tape.best() == (99, 10, 102, 21)
    tape.change(asks={101: 9})
    assert tape.best() == (99, 10, 101, 9)


def test_an_order_waits_for_the_queue_that_was_there_when_it_came() -> None:
    tape = Tape()
    order = tape.place(limit(BUY, "0.005", 99))
    tape.sold(99, 8)
    tape.change(bids={99: 2})
    assert tape.filled(order) == 0
    events = tape.sold(99, 4)
    assert tape.filled(order) == 2
    assert sum(lots for _, lots in trades(events)) == 4, "its part of the recorded trade, not one more"
    tape.sold(99, 100)
    assert status(tape.exchange, order) is OrderStatus.FILLED


def test_what_comes_later_stands_behind() -> None:
    tape = Tape()
    order = tape.place(limit(BUY, "0.005", 99))
    tape.change(bids={99: 500})
    tape.sold(99, 12)
    assert tape.filled(order) == 2


def test_cancellations_move_an_order_up_by_its_share() -> None:
    tape = Tape()
    order = tape.place(limit(BUY, "0.005", 99))
    tape.change(bids={99: 40})
    tape.change(bids={99: 20})
    tape.wait()
    tape.sold(99, 6)
    assert tape.filled(order) == 1, "of ten ahead, half have gone with half of the level"


def test_a_trade_beyond_an_order_fills_it_at_its_own_price() -> None:
    tape = Tape()
    order = tape.place(limit(BUY, "0.005", 99))
    assert trades(tape.sold(98, 7)) == [(9_900, 5), (9_800, 2)]
    assert status(tape.exchange, order) is OrderStatus.FILLED


def test_an_order_between_the_recorded_prices_is_first() -> None:
    tape = Tape()
    order = tape.place(limit(BUY, "0.005", 100))
    assert tape.best() == (100, 5, 101, 10)
    tape.sold(99, 3)
    assert tape.filled(order) == 3


def test_what_is_recorded_across_an_order_trades_with_it() -> None:
    tape = Tape()
    order = tape.place(limit(SELL, "0.008", 100))
    assert trades(tape.quote(100, 3, 101, 10)) == [(10_000, 3)]
    assert tape.best() == (99, 10, 100, 5), "the recorded bid has traded"
    assert trades(tape.quote(100, 9, 101, 10)) == [(10_000, 5)]
    assert status(tape.exchange, order) is OrderStatus.FILLED
    assert tape.best() == (100, 4, 101, 10)


def test_nothing_crosses_an_order_that_rests() -> None:
    tape = Tape()
    tape.place(limit(SELL, "0.100", 100))
    tape.change(bids={100: 5, 102: 5}, asks={101: 0})
    best = tape.best()
    assert best == (99, 10, 100, 90)


def test_stops_trigger_on_recorded_trades() -> None:
    tape = Tape()
    order = tape.place(stop(OrderType.STOP_LOSS, SELL, "0.005", 98))
    tape.sold(99, 1)
    assert status(tape.exchange, order) is OrderStatus.NEW
    events = tape.sold(98, 1)
    assert status(tape.exchange, order) is OrderStatus.FILLED
    assert trades(events) == [(9_800, 1), (9_900, 5)]


def test_two_accounts_share_a_trade_in_the_order_they_came() -> None:
    tape = Tape("ann", "bob")
    first = tape.place(limit(BUY, "0.005", 99))
    second = tape.place(limit(BUY, "0.005", 99), "bob")
    tape.sold(99, 17)
    assert (tape.filled(first), tape.filled(second)) == (5, 2)


def test_candles_close_where_nothing_trades() -> None:
    tape = Tape()
    tape.bought(101, 3)
    tape.wait(180_000 * MS)
    tape.market.advance(tape.now_ns)
    closed = tape.exchange.candles(SYMBOL, Interval.M1)
    assert [candle.volume for candle in closed][-4:-1] == [3, 0, 0]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.integers(95, 99), st.integers(0, 30), st.integers(101, 105)),
        st.tuples(st.just("quote"), st.integers(95, 100), st.integers(1, 30), st.integers(101, 105)),
        st.tuples(st.just("sold"), st.integers(95, 101), st.integers(1, 30), st.just(0)),
        st.tuples(st.just("bought"), st.integers(99, 105), st.integers(1, 30), st.just(0)),
        st.tuples(st.just("buy"), st.integers(96, 102), st.integers(1, 30), st.integers(0, 1)),
        st.tuples(st.just("sell"), st.integers(98, 104), st.integers(1, 30), st.integers(0, 1)),
        st.tuples(st.just("cancel"), st.just(0), st.just(0), st.integers(0, 1)),
    ),
    max_size=40,
)


def run(steps: Sequence[tuple[str, int, int, int]]) -> tuple[Tape, list[Event]]:
    tape, events = Tape("ann", "bob"), []
    for what, price, lots, other in steps:
        tape.wait(40 * MS)
        account = ("ann", "bob")[other % 2]
        if what == "change":
            events += tape.change({price: lots}, {other: lots})
        elif what == "quote":
            events += tape.quote(price, lots, other, lots)
        elif what == "sold":
            events += tape.sold(price, lots)
        elif what == "bought":
            events += tape.bought(price, lots)
        elif what == "cancel":
            if tape.exchange.open_orders(account, SYMBOL):
                events += tape.exchange.cancel_all(account, SYMBOL, tape.now_ns)[1]
        else:
            side = BUY if what == "buy" else SELL
            events += tape.exchange.submit(account, limit(side, Decimal(lots) / 1_000, price), tape.now_ns)[
                1
            ]  # a Decimal does as text does
        assert_sound(tape.exchange)
    return tape, events


def assert_sound(venue: Exchange) -> None:
    best = venue.best(SYMBOL)
    assert not (best.bid_quantity and best.ask_quantity) or best.bid < best.ask
    for asset in ("BTC", "USDT"):
        owned = sum(sum(venue.balances(account).get(asset, (0, 0))) for account in ("ann", "bob"))
        deposited = 2 * (1_000 if asset == "BTC" else 10_000_000)
        assert owned + venue.house_balances()[asset] + venue.fees_collected().get(asset, 0) == deposited
    for account in ("ann", "bob"):
        for trade in venue.trades(account):
            order = venue.order(account, SYMBOL, order_id=trade.order_id)
            assert order is not None
            assert order.filled <= order.quantity
            assert (order.price - trade.price) * trade.side.sign >= 0, "no worse than its limit"


@given(STEPS)
def test_money_is_kept_and_no_order_fills_beyond_its_word(steps: list[tuple[str, int, int, int]]) -> None:
    run(steps)


@given(STEPS)
def test_the_same_recording_and_orders_make_the_same_events(steps: list[tuple[str, int, int, int]]) -> None:
    first, second = (msgspec.json.encode(run(steps)[1]) for _ in range(2))
    assert first == second


@given(STEPS)
def test_resting_orders_get_no_more_than_the_recording_brings(steps: list[tuple[str, int, int, int]]) -> None:
    """With makers alone every recorded trade keeps its quantity on the tape, or loses nothing of it."""
    tape = Tape()
    for price in (97, 98, 99):
        tape.place(limit(BUY, "0.007", price))
    for what, price, lots, _ in steps:
        tape.wait(40 * MS)
        if what == "sold":
            printed = [event for event in tape.sold(price, lots) if isinstance(event, Trade)]
            assert sum(event.quantity for event in printed) == lots


@pytest.mark.parametrize("cut", [1, 7, 1_000])
def test_how_time_is_cut_into_calls_does_not_matter(cut: int) -> None:
    events: list[Recorded] = [BookStarted(SYMBOL, START_NS, 1, _levels(BIDS), _levels(ASKS))]
    for index in range(300):
        time_ns = START_NS + index * 700 * MS
        events.append(BestQuoted(SYMBOL, time_ns, 2 + index, 9_900 + index % 5, 1 + index % 3, 10_000, 5))
        events.append(TradeRecorded(SYMBOL, time_ns, 10_000, 1 + index % 4, buyer_is_maker=False))
    venue = exchange(FREE)
    replay = RecordedBookMarket(venue, iter(events), start_ns=START_NS)
    seen: list[Event] = []
    for step in range(0, 240_000, 240_000 // cut):
        seen += replay.advance(START_NS + step * MS)
    seen += replay.advance(START_NS + 240_000 * MS)
    whole_venue = exchange(FREE)
    assert seen == RecordedBookMarket(whole_venue, iter(events), start_ns=START_NS).advance(START_NS + 240_000 * MS)
