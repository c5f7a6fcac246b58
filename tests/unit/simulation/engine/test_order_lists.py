"""OCO, OTO and OTOCO."""

from decimal import Decimal

import msgspec
import pytest

from core.domain.orders import OrderStatus, OrderType, Side
from core.simulation.engine.events import Event, ListChanged, ListStatus
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.order_lists import NewOrderList
from core.simulation.engine.orders import NewOrder
from core.simulation.engine.refusals import Refusal, RefusalKind
from core.simulation.engine.requests import Amend, PlacedList
from core.simulation.engine.special import ExpiryReason
from tests.unit.simulation.engine.exchanges import (
    BUY,
    SELL,
    SYMBOL,
    exchange,
    filled,
    limit,
    market,
    place,
    quote_house,
    status,
    stop,
    with_accounts,
)
from tests.unit.simulation.engine.test_stops import last_at

LIMIT_MAKER, STOP, PROFIT = OrderType.LIMIT_MAKER, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT


def quoting(**deposits: int) -> Exchange:
    venue = with_accounts("a", "b", deposits=deposits or None)
    quote_house(venue, {90: 50_000}, {110: 50_000})
    last_at(venue, 100)
    return venue


def exit_pair(quantity: str | int = 2, at: int = 95, target: int = 105) -> NewOrderList:
    """Sells at `target` or, when the price falls to `at`, at any price."""
    return NewOrderList(
        above=limit(SELL, quantity, target, order_type=LIMIT_MAKER), below=stop(STOP, SELL, quantity, at)
    )


def bracket(quantity: int = 2, entry: int = 100) -> NewOrderList:
    return msgspec.structs.replace(exit_pair(quantity), working=limit(BUY, quantity, entry))


def submit_list(venue: Exchange, wanted: NewOrderList, account: str = "a") -> tuple[PlacedList, list[Event]]:
    return venue.submit_list(account, wanted, venue.now_ns + 1)


def list_statuses(events: list[Event]) -> list[ListStatus]:
    return [event.order_list.status for event in events if isinstance(event, ListChanged)]


def test_the_limit_trades_and_the_stop_expires() -> None:
    venue = quoting()
    placed, events = submit_list(venue, exit_pair())
    target, loss = placed.orders
    assert list_statuses(events) == [ListStatus.EXECUTING]
    assert venue.balances("a")["BTC"] == (Decimal(998), Decimal(2)), "one of both can trade, so one is locked"
    venue.submit("b", limit(BUY, "0.5", 105), venue.now_ns)
    assert (status(venue, target), status(venue, loss)) == (OrderStatus.PARTIALLY_FILLED, OrderStatus.EXPIRED)
    assert venue.balances("a")["BTC"] == (Decimal(998), Decimal("1.5"))
    record = venue.order_list("a", list_id=placed.order_list.list_id)
    assert record is not None
    assert record.status is ListStatus.ALL_DONE
    expired = venue.order("a", SYMBOL, order_id=loss.order_id)
    assert expired is not None
    assert expired.special is not None
    assert expired.special.expiry_reason is ExpiryReason.OCO_TRIGGER


def test_the_stop_triggers_and_the_limit_expires() -> None:
    venue = quoting()
    placed, _ = submit_list(venue, exit_pair())
    last_at(venue, 95)
    assert [status(venue, order) for order in placed.orders] == [OrderStatus.EXPIRED, OrderStatus.FILLED]
    assert venue.balances("a")["BTC"] == (Decimal(998), Decimal(0))


def test_a_buyers_pair_locks_the_dearer_one() -> None:
    venue = quoting(USDT=300, BTC=10)
    pair = NewOrderList(above=stop(STOP, BUY, 2, 108), below=limit(BUY, 2, 95, order_type=LIMIT_MAKER))
    placed, _ = submit_list(venue, pair)
    assert venue.balances("a")["USDT"] == (Decimal(84), Decimal(216))
    venue.submit("b", limit(SELL, 1, 95), venue.now_ns)
    assert filled(venue, placed.orders[1]) == 1
    assert venue.balances("a")["USDT"] == (Decimal(110), Decimal(95))


def test_cancelling_one_cancels_the_list() -> None:
    venue = quoting()
    placed, _ = submit_list(venue, exit_pair())
    _, events = venue.cancel("a", SYMBOL, order_id=placed.orders[0].order_id, now_ns=venue.now_ns)
    assert [status(venue, order) for order in placed.orders] == [OrderStatus.CANCELLED] * 2
    assert list_statuses(events) == [ListStatus.ALL_DONE]
    assert venue.balances("a")["BTC"] == (Decimal(1_000), Decimal(0))
    last_at(venue, 95)
    assert venue.open_orders("a") == []


def test_a_list_is_cancelled_by_its_name_and_all_at_once() -> None:
    venue = quoting()
    named = msgspec.structs.replace(exit_pair(), client_list_id="mine")
    submit_list(venue, named)
    with pytest.raises(Refusal) as caught:
        submit_list(venue, named)
    assert caught.value.kind is RefusalKind.DUPLICATE_LIST
    venue.cancel_list("a", SYMBOL, client_list_id="mine", now_ns=venue.now_ns)
    submit_list(venue, named)
    submit_list(venue, bracket(entry=89))
    venue.cancel_all("a", SYMBOL, venue.now_ns)
    assert venue.open_orders("a") == []
    assert {record.status for record in venue.order_lists("a")} == {ListStatus.ALL_DONE}
    with pytest.raises(Refusal) as caught:
        venue.cancel_list("a", SYMBOL, client_list_id="mine", now_ns=venue.now_ns)
    assert caught.value.kind is RefusalKind.UNKNOWN_LIST


def test_a_working_order_that_fills_brings_in_the_pending_one() -> None:
    venue = quoting()
    oto = NewOrderList(working=limit(BUY, 2, 100), below=limit(SELL, 2, 109))
    placed, _ = submit_list(venue, oto)
    pending = placed.orders[1]
    assert pending.special is not None
    assert pending.special.is_pending
    assert venue.balances("a")["USDT"][1] == 200
    venue.submit("b", market(SELL, 1), venue.now_ns)
    assert venue.best(SYMBOL).ask == 11_000, "half filled is not filled"
    venue.submit("b", market(SELL, 1), venue.now_ns)
    assert venue.best(SYMBOL).ask == 10_900
    assert venue.balances("a")["BTC"] == (Decimal(1_000), Decimal(2))


def test_the_answer_shows_a_bracket_before_its_pair_has_its_turn() -> None:
    venue = quoting()
    placed, _ = submit_list(venue, bracket(entry=110))
    assert placed.orders[0].status is OrderStatus.FILLED
    assert all(order.special is not None and order.special.is_pending for order in placed.orders[1:])
    assert all(order.special and not order.special.is_pending for order in venue.open_orders("a"))


def test_a_bracket_arms_its_pair_when_the_entry_fills() -> None:
    venue = quoting()
    placed, _ = submit_list(venue, bracket())
    venue.submit("b", market(SELL, 2), venue.now_ns)
    working, target, loss = (status(venue, order) for order in placed.orders)
    assert (working, target, loss) == (OrderStatus.FILLED, OrderStatus.NEW, OrderStatus.NEW)
    assert venue.balances("a")["BTC"] == (Decimal(1_000), Decimal(2))
    last_at(venue, 95)
    assert [status(venue, order) for order in placed.orders[1:]] == [OrderStatus.EXPIRED, OrderStatus.FILLED]


def test_what_waits_goes_with_the_working_order() -> None:
    venue = quoting()
    placed, _ = submit_list(venue, bracket())
    venue.cancel("a", SYMBOL, order_id=placed.orders[0].order_id, now_ns=venue.now_ns)
    assert [status(venue, order) for order in placed.orders] == [OrderStatus.CANCELLED] * 3


def test_amending_one_of_a_pair_amends_both() -> None:
    venue = quoting()
    placed, _ = submit_list(venue, exit_pair())
    amended, events = venue.amend("a", Amend(SYMBOL, Decimal(1), placed.orders[1].order_id), venue.now_ns)
    assert [order.quantity for order in venue.open_orders("a")] == [1_000, 1_000]
    assert venue.balances("a")["BTC"] == (Decimal(999), Decimal(1))
    assert amended.order_list is not None
    assert list_statuses(events) == [ListStatus.UPDATED]


@pytest.mark.parametrize(
    ("side", "above", "below", "kind"),
    [
        (SELL, LIMIT_MAKER, LIMIT_MAKER, RefusalKind.OCO_BOTH_LIMIT),
        (SELL, OrderType.LIMIT, STOP, RefusalKind.OCO_TYPE),
        (BUY, LIMIT_MAKER, STOP, RefusalKind.BUY_OCO_LIMIT_ABOVE),
        (SELL, STOP, LIMIT_MAKER, RefusalKind.SELL_OCO_LIMIT_BELOW),
        (BUY, PROFIT, STOP, RefusalKind.BUY_OCO_PROFIT_ABOVE),
        (SELL, STOP, PROFIT, RefusalKind.SELL_OCO_PROFIT_BELOW),
        (BUY, STOP, STOP, RefusalKind.BUY_OCO_LOSS_BELOW),
        (SELL, STOP, STOP, RefusalKind.SELL_OCO_LOSS_ABOVE),
    ],
)
def test_which_types_make_a_pair(side: Side, above: OrderType, below: OrderType, kind: RefusalKind) -> None:
    venue = quoting()
    with pytest.raises(Refusal) as caught:
        submit_list(venue, NewOrderList(above=_leg(above, side, 105), below=_leg(below, side, 95)))
    assert caught.value.kind is kind
    assert venue.open_orders("a") == []


def _leg(order_type: OrderType, side: Side, price: int) -> NewOrder:
    if order_type in (LIMIT_MAKER, OrderType.LIMIT):
        return limit(side, 1, price, order_type=order_type)
    return stop(order_type, side, 1, price)


@pytest.mark.parametrize(("at", "target"), [(101, 105), (95, 99), (100, 105)])
def test_a_pair_embraces_the_last_price(at: int, target: int) -> None:
    venue = quoting()
    with pytest.raises(Refusal) as caught:
        submit_list(venue, exit_pair(at=at, target=target))
    assert caught.value.kind is RefusalKind.PRICE_RELATIONSHIP


def test_a_pair_needs_what_one_of_it_needs() -> None:
    venue = quoting(BTC=2, USDT=0)
    submit_list(venue, exit_pair(2))
    with pytest.raises(Refusal) as caught:
        submit_list(venue, exit_pair(1))
    assert caught.value.kind is RefusalKind.INSUFFICIENT_BALANCE


def test_a_pair_that_the_market_has_passed_expires_when_its_turn_comes() -> None:
    venue = quoting()
    passed = NewOrderList(
        working=limit(BUY, 2, 92), above=limit(SELL, 2, 105, order_type=LIMIT_MAKER), below=stop(STOP, SELL, 2, 95)
    )
    placed, _ = submit_list(venue, passed)
    venue.submit("b", market(SELL, 2), venue.now_ns)
    assert [status(venue, order) for order in placed.orders] == [
        OrderStatus.FILLED,
        OrderStatus.EXPIRED,
        OrderStatus.EXPIRED,
    ]


def test_lists_survive_a_restart() -> None:
    venue = quoting()
    submit_list(venue, exit_pair())
    submit_list(venue, bracket(entry=89))
    place(venue, "a", msgspec.structs.replace(limit(SELL, 10, 104), iceberg_quantity=Decimal(4)))
    venue.submit("b", limit(BUY, 1, 104), venue.now_ns)
    again = exchange(specs=list(venue.symbols.values()))
    again.restore_accounts(venue.snapshot_accounts())
    assert again.open_orders("a") == venue.open_orders("a")
    assert again.order_lists("a") == venue.order_lists("a")
    assert again.depth(SYMBOL, 9).asks == ((10_400, 3_000), (10_500, 2_000))
    assert again.snapshot_accounts()["accounts"] == venue.snapshot_accounts()["accounts"]
    again.submit("b", market(BUY, 12), again.now_ns)
    statuses = [order.status for order in again.orders("a") if order.special and order.special.list_id == 1]
    assert statuses == [OrderStatus.FILLED, OrderStatus.EXPIRED]
