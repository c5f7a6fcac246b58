"""Orders meet the book: price-time priority, times in force, what each side pays."""

from decimal import Decimal

import pytest

from core.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from core.simulation.engine.events import OrderChange, OrderChanged, Trade
from core.simulation.engine.refusals import Refusal, RefusalKind
from tests.unit.simulation.engine.exchanges import (
    BUY,
    SELL,
    SYMBOL,
    book_changes,
    changes,
    filled,
    limit,
    market,
    place,
    quote_house,
    status,
    submit,
    trades,
    with_accounts,
)


def test_a_limit_order_rests_at_its_price_and_locks_its_funds() -> None:
    venue = with_accounts("a")
    record = place(venue, "a", limit(BUY, "0.5", 100))
    assert (record.status, record.price, record.quantity, record.is_working) == (OrderStatus.NEW, 10_000, 500, True)
    assert venue.balances("a")["USDT"] == (Decimal(999_950), Decimal(50))
    assert venue.depth(SYMBOL, 5).bids == ((10_000, 500),)


def test_better_prices_trade_first_then_older_orders() -> None:
    venue = with_accounts("a", "b", "c", "taker")
    worse = place(venue, "a", limit(SELL, 1, 102))
    first = place(venue, "a", limit(SELL, 1, 101))
    second = place(venue, "b", limit(SELL, 1, 101))
    best = place(venue, "c", limit(SELL, 1, 100))
    events = submit(venue, "taker", limit(BUY, "2.5", 102))
    assert trades(events) == [(10_000, 1_000), (10_100, 1_000), (10_100, 500)]
    assert [status(venue, record) for record in (best, first, second, worse)] == [
        OrderStatus.FILLED,
        OrderStatus.FILLED,
        OrderStatus.PARTIALLY_FILLED,
        OrderStatus.NEW,
    ]


def test_what_the_house_had_on_a_level_before_trades_before_an_order_and_after_it_behind() -> None:
    venue = with_accounts("a", "taker")
    house = quote_house(venue, {}, {100: 1_000})
    mine = place(venue, "a", limit(SELL, 1, 100))
    house.asks.add_house(-10_000, 1_000)
    place(venue, "taker", market(BUY, "1.5"))
    assert filled(venue, mine) == Decimal("0.5")
    place(venue, "taker", market(BUY, 1))
    assert filled(venue, mine) == 1
    assert venue.depth(SYMBOL, 5).asks == ((10_000, 500),)


def test_a_taker_gets_the_makers_price_and_its_lock_back() -> None:
    venue = with_accounts("maker", "taker")
    place(venue, "maker", limit(SELL, 1, 100))
    record = place(venue, "taker", limit(BUY, 2, 110))
    assert (record.status, record.filled_quote) == (OrderStatus.PARTIALLY_FILLED, 100 * 10**8)
    assert venue.balances("taker") == {"BTC": (Decimal(1_001), Decimal(0)), "USDT": (Decimal(999_790), Decimal(110))}
    assert venue.balances("maker") == {"BTC": (Decimal(999), Decimal(0)), "USDT": (Decimal(1_000_100), Decimal(0))}


def test_events_of_a_trade_come_in_order_and_tell_both_owners() -> None:
    venue = with_accounts("maker", "taker")
    place(venue, "maker", limit(SELL, 1, 100))
    events = submit(venue, "taker", limit(BUY, 1, 100))
    assert changes(events) == [OrderChange.NEW, OrderChange.TRADE, OrderChange.TRADE]
    assert [event.sequence for event in events] == list(range(events[0].sequence, events[0].sequence + len(events)))
    taker, maker = (event for event in events if isinstance(event, OrderChanged) and event.trade is not None)
    assert taker.trade is not None
    assert maker.trade is not None
    (public,) = (event for event in events if isinstance(event, Trade))
    assert taker.trade.trade_id == maker.trade.trade_id == public.trade_id == 1
    assert (taker.order.account, taker.trade.is_maker) == ("taker", False)
    assert (maker.order.account, maker.trade.is_maker) == ("maker", True)
    assert not public.buyer_is_maker
    assert book_changes(events)[0].asks == ((10_000, 0),)


def test_immediate_or_cancel_expires_the_rest() -> None:
    venue = with_accounts("a", "taker")
    place(venue, "a", limit(SELL, 1, 100))
    events = submit(venue, "taker", limit(BUY, 3, 100, TimeInForce.IOC))
    assert changes(events)[-1] is OrderChange.EXPIRED
    assert venue.open_orders("taker") == []
    assert venue.balances("taker")["USDT"] == (Decimal(999_900), Decimal(0))


@pytest.mark.parametrize(("quantity", "status_wanted"), [(2, OrderStatus.FILLED), ("2.001", OrderStatus.EXPIRED)])
def test_fill_or_kill_trades_all_or_nothing(quantity: int | str, status_wanted: OrderStatus) -> None:
    venue = with_accounts("a", "taker")
    place(venue, "a", limit(SELL, 1, 100))
    place(venue, "a", limit(SELL, 1, 101))
    place(venue, "a", limit(SELL, 1, 102))
    record = place(venue, "taker", limit(BUY, quantity, 101, TimeInForce.FOK))
    assert record.status is status_wanted
    assert record.filled == (2_000 if status_wanted is OrderStatus.FILLED else 0)


def test_a_market_order_walks_the_book_and_expires_when_it_is_through() -> None:
    venue = with_accounts("a", "taker")
    place(venue, "a", limit(SELL, 1, 100))
    place(venue, "a", limit(SELL, 1, 200))
    record = place(venue, "taker", market(BUY, 3))
    assert (record.status, record.filled, record.filled_quote) == (OrderStatus.EXPIRED, 2_000, 300 * 10**8)
    assert venue.balances("taker")["USDT"] == (Decimal(999_700), Decimal(0))


@pytest.mark.parametrize(("side", "lots", "quote"), [(BUY, 1_495, "149.995"), (SELL, 1_515, "149.985")])
def test_a_market_order_by_quote_trades_what_the_quote_is_worth(side: Side, lots: int, quote: str) -> None:
    venue = with_accounts("a", "taker")
    for price, of_side in ((100, SELL), (101, SELL), (99, BUY)):
        place(venue, "a", limit(of_side, 1 if of_side is SELL else 10, price))
    record = place(venue, "taker", market(side, quote=150))
    assert record.status is OrderStatus.FILLED
    assert (record.quantity, record.filled, record.quote_quantity) == (lots, lots, 150 * 10**8)
    assert Decimal(record.filled_quote).scaleb(-8) == Decimal(quote)


def test_a_maker_only_order_that_would_take_is_refused() -> None:
    venue = with_accounts("a", "b")
    place(venue, "a", limit(SELL, 1, 100))
    with pytest.raises(Refusal) as refusal:
        place(venue, "b", limit(BUY, 1, 100, order_type=OrderType.LIMIT_MAKER))
    assert refusal.value.kind is RefusalKind.WOULD_MATCH
    assert place(venue, "b", limit(BUY, 1, "99.99", order_type=OrderType.LIMIT_MAKER)).status is OrderStatus.NEW


def test_trades_of_one_taker_at_one_price_are_one_aggregate() -> None:
    venue = with_accounts("a", "b", "taker")
    place(venue, "a", limit(SELL, 1, 100))
    place(venue, "b", limit(SELL, 1, 100))
    place(venue, "b", limit(SELL, 1, 101))
    place(venue, "taker", limit(BUY, 3, 101))
    place(venue, "b", limit(SELL, 1, 101))
    place(venue, "taker", limit(BUY, 1, 101))
    joined = venue.aggregate_trades(SYMBOL, 10)
    assert [(each.price, each.quantity, each.first_trade_id, each.last_trade_id) for each in joined] == [
        (10_000, 2_000, 1, 2),
        (10_100, 1_000, 3, 3),
        (10_100, 1_000, 4, 4),
    ]
    assert [each.aggregate_id for each in venue.aggregate_trades(SYMBOL, 1, from_id=2)] == [2]
    assert [trade.trade_id for trade in venue.recent_trades(SYMBOL, 2)] == [3, 4]
    assert [trade.trade_id for trade in venue.recent_trades(SYMBOL, 2, from_id=2)] == [2, 3]


def test_an_account_may_trade_with_itself_and_pays_only_fees() -> None:
    venue = with_accounts("a")
    place(venue, "a", limit(SELL, 1, 100))
    place(venue, "a", limit(BUY, 1, 100))
    assert venue.balances("a") == {"BTC": (Decimal(1_000), Decimal(0)), "USDT": (Decimal(1_000_000), Decimal(0))}
    assert len(venue.trades("a")) == 2
