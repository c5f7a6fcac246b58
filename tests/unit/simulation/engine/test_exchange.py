"""Accounts, ids, queries and cancelling through the exchange's face."""

from decimal import Decimal

import pytest

from core.domain.orders import OrderStatus, OrderType
from core.simulation.engine.accounts import CLOSED_ORDERS_KEPT
from core.simulation.engine.events import BalancesChanged, Deposited, OrderChange, OrderChanged
from core.simulation.engine.refusals import Refusal, RefusalKind
from tests.unit.simulation.engine.exchanges import (
    BUY,
    SELL,
    START_NS,
    SYMBOL,
    changes,
    exchange,
    limit,
    place,
    stop,
    with_accounts,
)


def test_opening_an_account_deposits_once() -> None:
    venue = exchange()
    events = venue.open_account("a", {"USDT": Decimal(100), "BTC": Decimal("0.5")}, START_NS)
    deposits = [(event.asset, event.amount) for event in events if isinstance(event, Deposited)]
    assert deposits == [("USDT", 100 * 10**8), ("BTC", 5 * 10**7)]
    assert isinstance(events[-1], BalancesChanged)
    assert events[-1].balances == (("USDT", 100 * 10**8, 0), ("BTC", 5 * 10**7, 0))
    assert venue.open_account("a", {"USDT": Decimal(100)}, START_NS) == []
    assert venue.balances("a") == {"BTC": (Decimal("0.5"), Decimal(0)), "USDT": (Decimal(100), Decimal(0))}


@pytest.mark.parametrize("amount", ["NaN", "-1", "0.000000001"])
def test_a_bad_deposit_opens_nothing(amount: str) -> None:
    venue = exchange()
    with pytest.raises(ValueError, match=r"deposit|finite|finer"):
        venue.open_account("a", {"USDT": Decimal(5), "BTC": Decimal(amount)}, START_NS)
    assert not venue.has_account("a")


def test_money_can_be_added_and_taken_but_not_below_zero() -> None:
    venue = with_accounts("a")
    place(venue, "a", limit(SELL, 900, 100))
    venue.deposit("a", "BTC", Decimal(-100), START_NS)
    assert venue.balances("a")["BTC"] == (Decimal(0), Decimal(900))
    with pytest.raises(Refusal, match="BTC"):
        venue.deposit("a", "BTC", Decimal(-1), START_NS)


def test_accounts_are_isolated() -> None:
    venue = with_accounts("a", "b")
    record = place(venue, "a", limit(BUY, 1, 100, client_id="mine"))
    assert venue.order("b", SYMBOL, order_id=record.order_id) is None
    assert venue.open_orders("b") == []
    with pytest.raises(Refusal):
        venue.cancel("b", SYMBOL, client_order_id="mine", now_ns=START_NS)
    assert place(venue, "b", limit(BUY, 1, 100, client_id="mine")).client_order_id == "mine"


def test_a_client_id_is_unique_among_open_orders_only() -> None:
    venue = with_accounts("a")
    first = place(venue, "a", limit(BUY, 1, 100, client_id="x"))
    with pytest.raises(Refusal) as refusal:
        place(venue, "a", limit(BUY, 1, 100, client_id="x"))
    assert refusal.value.kind is RefusalKind.DUPLICATE_ORDER
    venue.cancel("a", SYMBOL, client_order_id="x", now_ns=START_NS)
    second = place(venue, "a", limit(BUY, 1, 101, client_id="x"))
    by_client = venue.order("a", SYMBOL, client_order_id="x")
    assert by_client is not None
    assert by_client.order_id == second.order_id
    venue.cancel("a", SYMBOL, client_order_id="x", now_ns=START_NS)
    by_client = venue.order("a", SYMBOL, client_order_id="x")
    assert by_client is not None
    assert by_client.order_id == second.order_id
    by_id = venue.order("a", SYMBOL, order_id=first.order_id, client_order_id="x")
    assert by_id is not None
    assert by_id.status is OrderStatus.CANCELLED
    assert venue.order("a", SYMBOL, order_id=first.order_id, client_order_id="y") is None


def test_cancelling_frees_the_lock_and_tells_the_request() -> None:
    venue = with_accounts("a")
    record = place(venue, "a", limit(BUY, 1, 100))
    cancelled, events = venue.cancel("a", SYMBOL, order_id=record.order_id, request_id="please", now_ns=START_NS)
    assert cancelled.status is OrderStatus.CANCELLED
    (change,) = (event for event in events if isinstance(event, OrderChanged))
    assert (change.change, change.request_id) == (OrderChange.CANCELED, "please")
    assert venue.balances("a")["USDT"] == (Decimal(1_000_000), Decimal(0))
    assert venue.depth(SYMBOL, 5).bids == ()
    with pytest.raises(Refusal) as refusal:
        venue.cancel("a", SYMBOL, order_id=record.order_id, now_ns=START_NS)
    assert refusal.value.kind is RefusalKind.UNKNOWN_ORDER


def test_both_ids_of_a_cancel_must_fit() -> None:
    venue = with_accounts("a")
    record = place(venue, "a", limit(BUY, 1, 100, client_id="x"))
    with pytest.raises(Refusal):
        venue.cancel("a", SYMBOL, order_id=record.order_id, client_order_id="y", now_ns=START_NS)
    with pytest.raises(Refusal):
        venue.cancel("a", SYMBOL, now_ns=START_NS)
    venue.cancel("a", SYMBOL, order_id=record.order_id, client_order_id="x", now_ns=START_NS)


def test_cancel_all_takes_stops_too_and_needs_something_to_cancel() -> None:
    venue = with_accounts("a", "b")
    place(venue, "a", limit(BUY, 1, 100))
    place(venue, "a", stop(OrderType.STOP_LOSS, SELL, 1, 50))
    place(venue, "b", limit(BUY, 1, 100))
    records, events = venue.cancel_all("a", SYMBOL, START_NS)
    assert [record.status for record in records] == [OrderStatus.CANCELLED] * 2
    assert changes(events) == [OrderChange.CANCELED] * 2
    assert venue.depth(SYMBOL, 5).bids == ((10_000, 1_000),)
    with pytest.raises(Refusal):
        venue.cancel_all("a", SYMBOL, START_NS)


def test_orders_and_trades_are_listed_oldest_first() -> None:
    venue = with_accounts("a", "b")
    place(venue, "a", limit(SELL, 1, 100))
    place(venue, "a", limit(SELL, 2, 101))
    place(venue, "b", limit(BUY, 1, 100))
    assert [record.order_id for record in venue.orders("a")] == [1, 2]
    assert [record.order_id for record in venue.open_orders("a", SYMBOL)] == [2]
    assert [trade.trade_id for trade in venue.trades("b", SYMBOL)] == [1]
    assert venue.trades("b")[0].client_order_id.startswith("venue-")


def test_closed_orders_are_kept_within_bounds() -> None:
    venue = with_accounts("a")
    for _ in range(CLOSED_ORDERS_KEPT + 10):
        record = place(venue, "a", limit(BUY, "0.001", 100, client_id="x"))
        venue.cancel("a", SYMBOL, order_id=record.order_id, now_ns=venue.now_ns)
    assert len(venue.orders("a")) == CLOSED_ORDERS_KEPT
    assert venue.order("a", SYMBOL, order_id=1) is None
    assert venue.order("a", SYMBOL, client_order_id="x") is not None


def test_time_does_not_go_back() -> None:
    venue = with_accounts("a")
    late, _ = venue.submit("a", limit(BUY, 1, 100), START_NS + 1_000)
    early, events = venue.submit("a", limit(BUY, 1, 100), START_NS)
    assert early.created_ns == late.created_ns == events[0].time_ns


@pytest.mark.parametrize("query", ["best", "last_price", "average_price", "ticker_24h"])
def test_market_data_of_an_unknown_symbol_is_refused(query: str) -> None:
    with pytest.raises(Refusal) as refusal:
        getattr(exchange(), query)("NOSUCH")
    assert refusal.value.kind is RefusalKind.UNKNOWN_SYMBOL


def test_an_empty_market_answers_with_zeros() -> None:
    venue = exchange()
    assert venue.best(SYMBOL).bid == venue.best(SYMBOL).ask_quantity == 0
    assert venue.average_price(SYMBOL) == venue.last_price(SYMBOL) == 0
    ticker = venue.ticker_24h(SYMBOL)
    assert (ticker.open, ticker.n_trades, ticker.first_trade_id) == (0, 0, -1)
