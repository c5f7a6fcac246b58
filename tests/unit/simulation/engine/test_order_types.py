"""Icebergs, self-trade prevention, amendments, cancel-replace."""

from decimal import Decimal

import msgspec
import pytest

from core.domain.orders import OrderStatus, OrderType
from core.simulation.engine.events import OrderChange, OrderChanged
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.orders import NewOrder, OrderRecord
from core.simulation.engine.refusals import Refusal, RefusalKind
from core.simulation.engine.requests import Amend, Cancel
from core.simulation.engine.special import ExpiryReason, SelfTradePrevention, Special
from tests.unit.simulation.engine.exchanges import (
    BUY,
    SELL,
    SYMBOL,
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

MODES = [mode for mode in SelfTradePrevention if mode is not SelfTradePrevention.NONE]


def iceberg(order: NewOrder, shown: str | int) -> NewOrder:
    return msgspec.structs.replace(order, iceberg_quantity=Decimal(shown))


def preventing(order: NewOrder, mode: SelfTradePrevention) -> NewOrder:
    return msgspec.structs.replace(order, prevention=mode)


def special(venue: Exchange, record: OrderRecord) -> Special:
    found = venue.order(record.account, record.symbol, order_id=record.order_id)
    assert found is not None
    assert found.special is not None
    return found.special


def asks(venue: Exchange) -> tuple[tuple[int, int], ...]:
    return venue.depth(SYMBOL, 10).asks


def test_an_iceberg_shows_one_slice_and_the_next_one_stands_behind() -> None:
    venue = with_accounts("berg", "plain", "taker")
    berg = place(venue, "berg", iceberg(limit(SELL, 10, 100), 3))
    plain = place(venue, "plain", limit(SELL, 2, 100))
    assert asks(venue) == ((10_000, 5_000),)
    place(venue, "taker", market(BUY, 3))
    assert filled(venue, berg) == 3
    assert asks(venue) == ((10_000, 5_000),), "two of the other order and the next slice"
    place(venue, "taker", market(BUY, 3))
    assert (filled(venue, plain), filled(venue, berg)) == (2, 4), "the other order came before the second slice"
    assert asks(venue) == ((10_000, 2_000),)


def test_a_taker_reaches_what_an_iceberg_hides() -> None:
    venue = with_accounts("berg", "taker", deposits={"BTC": 10, "USDT": 1_000})
    berg = place(venue, "berg", iceberg(limit(SELL, 10, 100), 1))
    events = submit(venue, "taker", market(BUY, 10))
    assert trades(events) == [(10_000, 1_000)] * 10
    assert status(venue, berg) is OrderStatus.FILLED
    assert venue.balances("taker")["USDT"][0] == 0


def test_a_market_order_cannot_cost_more_than_the_hidden_part_does() -> None:
    venue = with_accounts("berg", "poor", deposits={"BTC": 10, "USDT": 500})
    place(venue, "berg", iceberg(limit(SELL, 10, 100), 1))
    with pytest.raises(Refusal) as caught:
        place(venue, "poor", market(BUY, 10))
    assert caught.value.kind is RefusalKind.INSUFFICIENT_BALANCE


@pytest.mark.parametrize(
    ("order", "shown", "kind"),
    [
        (limit(SELL, 10, 100), "11", RefusalKind.ICEBERG_EXCEEDS_QUANTITY),
        (limit(SELL, 10, 100), "0.999", RefusalKind.ICEBERG_PARTS),
        (limit(SELL, 10, 100), "1.0005", RefusalKind.LOT_SIZE),
        (market(SELL, 10), "1", RefusalKind.UNNEEDED_PARAMETER),
    ],
)
def test_an_iceberg_keeps_the_rules(order: NewOrder, shown: str, kind: RefusalKind) -> None:
    venue = with_accounts("a")
    with pytest.raises(Refusal) as caught:
        place(venue, "a", iceberg(order, shown))
    assert caught.value.kind is kind


def test_only_so_many_icebergs() -> None:
    venue = with_accounts("a")
    for price in range(100, 105):
        place(venue, "a", iceberg(limit(SELL, 10, price), 5))
    with pytest.raises(Refusal) as caught:
        place(venue, "a", iceberg(limit(SELL, 10, 105), 5))
    assert caught.value.kind is RefusalKind.MAX_NUM_ICEBERG_ORDERS


@pytest.mark.parametrize(
    ("mode", "maker", "taker", "shown"),
    [
        (SelfTradePrevention.NONE, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED, ((10_000, 1_000),)),
        (SelfTradePrevention.EXPIRE_TAKER, OrderStatus.NEW, OrderStatus.EXPIRED, ((10_000, 3_000),)),
        (SelfTradePrevention.EXPIRE_MAKER, OrderStatus.EXPIRED, OrderStatus.NEW, ()),
        (SelfTradePrevention.EXPIRE_BOTH, OrderStatus.EXPIRED, OrderStatus.EXPIRED, ()),
        (SelfTradePrevention.DECREMENT, OrderStatus.NEW, OrderStatus.EXPIRED, ((10_000, 1_000),)),
    ],
)
def test_what_self_trade_prevention_leaves(
    mode: SelfTradePrevention, maker: OrderStatus, taker: OrderStatus, shown: tuple[tuple[int, int], ...]
) -> None:
    venue = with_accounts("a")
    resting = place(venue, "a", limit(SELL, 3, 100))
    taking = place(venue, "a", preventing(limit(BUY, 2, 101), mode))
    assert (status(venue, resting), status(venue, taking)) == (maker, taker)
    assert asks(venue) == shown
    matches = venue.prevented_matches("a", SYMBOL)
    if mode is SelfTradePrevention.NONE:
        assert matches == []
        return
    (match,) = matches
    assert (match.maker_order_id, match.taker_order_id) == (resting.order_id, taking.order_id)
    assert (match.price, match.quantity, match.mode) == (10_000, 2_000, mode)
    expired = [record for record in (resting, taking) if status(venue, record) is OrderStatus.EXPIRED]
    assert all(special(venue, record).ended_in_match for record in expired)
    open_locks = sum(lock for _, lock in venue.balances("a").values())
    expected = sum(
        (venue.symbols[SYMBOL].quantity_decimal(order.quantity - order.filled) - _prevented(venue, order))
        * (order.price // 100 if order.side is BUY else 1)
        for order in venue.open_orders("a")
    )
    assert open_locks == expected


def _prevented(venue: Exchange, order: OrderRecord) -> Decimal:
    return venue.symbols[SYMBOL].quantity_decimal(0 if order.special is None else order.special.prevented)


def test_prevention_passes_over_others() -> None:
    venue = with_accounts("a", "b")
    place(venue, "b", limit(SELL, 1, 99))
    own = place(venue, "a", limit(SELL, 1, 100))
    place(venue, "b", limit(SELL, 1, 100))
    taken = place(venue, "a", preventing(market(BUY, 2), SelfTradePrevention.EXPIRE_MAKER))
    assert (status(venue, own), status(venue, taken)) == (OrderStatus.EXPIRED, OrderStatus.FILLED)


def test_an_amended_order_keeps_its_place_and_frees_its_funds() -> None:
    venue = with_accounts("a", "b", "taker")
    first = place(venue, "a", limit(BUY, 5, 100, client_id="one"))
    place(venue, "b", limit(BUY, 5, 100))
    amended, events = venue.amend("a", Amend(SYMBOL, Decimal(2), first.order_id, new_client_order_id="two"), 0)
    assert (amended.order.quantity, amended.order.client_order_id) == (2_000, "two")
    (change,) = [event for event in events if isinstance(event, OrderChanged)]
    assert (change.change, change.request_id) == (OrderChange.REPLACED, "one")
    assert venue.balances("a")["USDT"] == (Decimal(999_800), Decimal(200))
    assert venue.depth(SYMBOL, 1).bids == ((10_000, 7_000),)
    place(venue, "taker", market(SELL, 1))
    assert filled(venue, first) == 1
    found = venue.order("a", SYMBOL, client_order_id="two")
    assert found is not None
    (amendment,) = venue.amendments("a", SYMBOL)
    assert (amendment.old_quantity, amendment.new_quantity) == (5_000, 2_000)


@pytest.mark.parametrize(
    ("quantity", "kind"),
    [
        ("6", RefusalKind.AMEND_INCREASE),
        ("5", RefusalKind.AMEND_NO_CHANGE),
        ("1", RefusalKind.AMEND_BELOW_FILLED),
        ("1.0005", RefusalKind.LOT_SIZE),
        ("0", RefusalKind.LOT_SIZE),
    ],
)
def test_what_no_amendment_can_do(quantity: str, kind: RefusalKind) -> None:
    venue = with_accounts("a", "b")
    order = place(venue, "a", limit(BUY, 5, 100))
    place(venue, "b", market(SELL, 1))
    with pytest.raises(Refusal) as caught:
        venue.amend("a", Amend(SYMBOL, Decimal(quantity), order.order_id), 0)
    assert caught.value.kind is kind


def test_ten_amendments_are_enough() -> None:
    venue = with_accounts("a")
    order = place(venue, "a", limit(BUY, 50, 100))
    for quantity in range(49, 39, -1):
        venue.amend("a", Amend(SYMBOL, Decimal(quantity), order.order_id), 0)
    with pytest.raises(Refusal) as caught:
        venue.amend("a", Amend(SYMBOL, Decimal(3), order.order_id), 0)
    assert caught.value.kind is RefusalKind.AMEND_TOO_OFTEN


def test_an_amended_iceberg_shows_less_only_where_less_is_left() -> None:
    venue = with_accounts("a")
    order = place(venue, "a", iceberg(limit(SELL, 10, 100), 4))
    venue.amend("a", Amend(SYMBOL, Decimal(6), order.order_id), 0)
    assert asks(venue) == ((10_000, 4_000),)
    venue.amend("a", Amend(SYMBOL, Decimal(3), order.order_id), 0)
    assert asks(venue) == ((10_000, 3_000),)


def test_a_replacement_uses_what_the_cancelled_order_had_locked() -> None:
    venue = with_accounts("a", deposits={"USDT": 100})
    old = place(venue, "a", limit(BUY, 1, 100, client_id="mine"))
    replaced, _ = venue.replace(
        "a", Cancel(SYMBOL, old.order_id), limit(BUY, 1, 99, client_id="mine"), 0, stop_on_failure=True
    )
    assert isinstance(replaced.cancelled, OrderRecord)
    assert isinstance(replaced.placed, OrderRecord)
    assert venue.balances("a")["USDT"] == (Decimal(1), Decimal(99))


def test_what_fails_in_a_replacement() -> None:
    venue = with_accounts("a")
    quote_house(venue, {90: 1}, {110: 1})
    unknown, known = Cancel(SYMBOL, 77), Cancel(SYMBOL, place(venue, "a", limit(BUY, 1, 80)).order_id)
    crossing = limit(BUY, 1, 120, order_type=OrderType.LIMIT_MAKER)
    stopped, events = venue.replace("a", unknown, limit(BUY, 1, 80), 0, stop_on_failure=True)
    assert isinstance(stopped.cancelled, Refusal)
    assert (stopped.placed, events) == (None, [])
    went_on, _ = venue.replace("a", unknown, limit(BUY, 1, 80), 0, stop_on_failure=False)
    assert isinstance(went_on.placed, OrderRecord)
    half, _ = venue.replace("a", known, crossing, 0, stop_on_failure=True)
    assert isinstance(half.cancelled, OrderRecord)
    assert isinstance(half.placed, Refusal)
    other = place(venue, "a", limit(BUY, 1, 80))
    with pytest.raises(Refusal) as caught:
        venue.replace("a", Cancel(SYMBOL, other.order_id), limit(BUY, "0.0005", 80), 0, stop_on_failure=True)
    assert caught.value.kind is RefusalKind.LOT_SIZE
    assert status(venue, other) is OrderStatus.NEW, "filters come before the cancellation"


def test_orders_say_why_they_expired() -> None:
    venue = with_accounts("a")
    quote_house(venue, {90: 1}, {110: 1_000})
    assert special(venue, place(venue, "a", market(BUY, 2))).expiry_reason is ExpiryReason.INSUFFICIENT_LIQUIDITY


def test_both_ids_must_be_of_one_order() -> None:
    venue = with_accounts("a")
    one = place(venue, "a", limit(BUY, 1, 80, client_id="one"))
    place(venue, "a", limit(BUY, 1, 80, client_id="two"))
    with pytest.raises(Refusal) as caught:
        venue.cancel("a", SYMBOL, order_id=one.order_id, client_order_id="two", now_ns=0)
    assert caught.value.kind is RefusalKind.WRONG_CLIENT_ID
