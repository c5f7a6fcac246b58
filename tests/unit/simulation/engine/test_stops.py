from decimal import Decimal

import pytest

from core.domain.orders import OrderStatus, OrderType, Side
from core.simulation.engine.events import OrderChange, OrderChanged
from core.simulation.engine.exchange import Exchange
from tests.unit.simulation.engine.exchanges import (
    BUY,
    SELL,
    SYMBOL,
    changes,
    limit,
    market,
    place,
    quote_house,
    status,
    stop,
    submit,
    trades,
    with_accounts,
)


def last_at(venue: Exchange, price: int) -> None:
    """Let the house trade one lot at `price` and nothing else rest there."""
    house = venue.house(SYMBOL)
    house.asks.add_house(-price * 100, 1)
    house.take(house.asks, 1, price * 100, venue.now_ns)
    house.log(venue.now_ns)


def quoting(*accounts: str) -> Exchange:
    venue = with_accounts(*accounts)
    quote_house(venue, {90: 50_000, 89: 50_000}, {110: 50_000, 111: 50_000})
    last_at(venue, 100)
    return venue


@pytest.mark.parametrize(
    ("order_type", "side", "at", "quiet", "reached"),
    [
        (OrderType.STOP_LOSS, SELL, 95, 96, 95),
        (OrderType.STOP_LOSS, BUY, 105, 104, 105),
        (OrderType.TAKE_PROFIT, SELL, 105, 104, 106),
        (OrderType.TAKE_PROFIT, BUY, 95, 96, 94),
    ],
)
def test_a_stop_sleeps_until_a_trade_reaches_it(
    order_type: OrderType, side: Side, at: int, quiet: int, reached: int
) -> None:
    venue = quoting("a")
    record = place(venue, "a", stop(order_type, side, 1, at))
    assert not record.is_working
    assert venue.depth(SYMBOL, 1).bids == ((9_000, 50_000),)
    venue.take_events(venue.now_ns)
    last_at(venue, quiet)
    assert status(venue, record) is OrderStatus.NEW
    venue.take_events(venue.now_ns)
    last_at(venue, reached)
    events = venue.take_events(venue.now_ns)
    assert changes(events) == [OrderChange.TRIGGERED, OrderChange.TRADE]
    assert trades(events)[-1] == ((9_000 if side is SELL else 11_000), 1_000)
    assert status(venue, record) is OrderStatus.FILLED


def test_a_triggered_stop_limit_rests_at_its_limit() -> None:
    venue = quoting("a")
    record = place(venue, "a", stop(OrderType.STOP_LOSS_LIMIT, SELL, 2, 95, 94))
    assert venue.balances("a")["BTC"] == (Decimal(998), Decimal(2))
    last_at(venue, 94)
    found = venue.order("a", SYMBOL, order_id=record.order_id)
    assert found is not None
    assert (found.status, found.is_working) == (OrderStatus.NEW, True)
    assert found.working_ns >= found.created_ns > 0
    assert venue.best(SYMBOL).ask == 9_400


def test_stops_set_each_other_off() -> None:
    venue = quoting("a", "b")
    place(venue, "a", stop(OrderType.STOP_LOSS, SELL, 60, 95))
    second = place(venue, "b", stop(OrderType.STOP_LOSS, SELL, 1, 90))
    last_at(venue, 95)
    assert status(venue, second) is OrderStatus.FILLED
    assert venue.last_price(SYMBOL) == 8_900


def test_a_waiting_buyer_locks_its_stop_price_and_expires_if_the_book_asks_for_more_than_it_has() -> None:
    venue = with_accounts("poor", deposits={"USDT": 105})
    quote_house(venue, {90: 50_000}, {110: 50_000})
    last_at(venue, 100)
    record = place(venue, "poor", stop(OrderType.STOP_LOSS, BUY, 1, 105))
    assert venue.balances("poor")["USDT"] == (Decimal(0), Decimal(105))
    venue.take_events(venue.now_ns)
    last_at(venue, 105)
    assert changes(venue.take_events(venue.now_ns)) == [OrderChange.TRIGGERED, OrderChange.EXPIRED]
    assert status(venue, record) is OrderStatus.EXPIRED
    assert venue.balances("poor")["USDT"] == (Decimal(105), Decimal(0))


def test_a_cancelled_stop_gives_its_lock_back_and_never_triggers() -> None:
    venue = quoting("a")
    record = place(venue, "a", stop(OrderType.STOP_LOSS, SELL, 1, 95))
    other = place(venue, "a", stop(OrderType.STOP_LOSS, SELL, 1, 95))
    venue.cancel("a", SYMBOL, order_id=record.order_id, now_ns=venue.now_ns)
    assert venue.balances("a")["BTC"] == (Decimal(999), Decimal(1))
    last_at(venue, 94)
    assert status(venue, record) is OrderStatus.CANCELLED
    assert status(venue, other) is OrderStatus.FILLED


def test_an_accounts_own_trade_triggers_stops_in_the_same_breath() -> None:
    venue = quoting("a", "b")
    place(venue, "a", stop(OrderType.TAKE_PROFIT, SELL, 1, 110))
    events = submit(venue, "b", market(BUY, 1))
    owners = [event.order.account for event in events if isinstance(event, OrderChanged)]
    assert owners == ["b", "b", "a", "a"]


def test_the_nearest_stop_triggers_first() -> None:
    venue = quoting("a")
    far = place(venue, "a", stop(OrderType.STOP_LOSS, SELL, 1, 92))
    near = place(venue, "a", stop(OrderType.STOP_LOSS, SELL, 1, 97))
    place(venue, "a", limit(BUY, 1, 91))
    venue.take_events(venue.now_ns)
    last_at(venue, 92)
    triggered = [
        event.order.order_id
        for event in venue.take_events(venue.now_ns)
        if isinstance(event, OrderChanged) and event.change is OrderChange.TRIGGERED
    ]
    assert triggered == [near.order_id, far.order_id]
