"""Conditional orders: what triggers them, and what becomes of them."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.orders import OrderStatus, OrderType, TimeInForce
from core.simulation.engine.perpetual.exchange import PerpetualExchange
from core.simulation.engine.perpetual.orders import AlgoStatus, ConditionalType, WorkingType
from core.simulation.engine.refusals import Refusal, RefusalKind
from tests.unit.simulation.engine.perpetual.perpetuals import (
    BUY,
    LONG,
    SECOND_NS,
    SELL,
    SYMBOL,
    algo,
    algo_changes,
    limit,
    lots,
    mark,
    market,
    move,
    place,
    wait,
    with_accounts,
)

STOP_MARKET, STOP = ConditionalType.STOP_MARKET, ConditionalType.STOP
TAKE_PROFIT_MARKET, TAKE_PROFIT = ConditionalType.TAKE_PROFIT_MARKET, ConditionalType.TAKE_PROFIT
TRAILING = ConditionalType.TRAILING_STOP_MARKET
TRIGGERED, FINISHED = (AlgoStatus.TRIGGERED, ""), (AlgoStatus.FINISHED, "")


def holding(quantity: str = "1", *, is_hedged: bool = False) -> PerpetualExchange:
    """Account a is long at 10,001 with the market at 10,000."""
    venue = with_accounts("a", "b")
    move(venue, 10_000)
    if is_hedged:
        venue.set_hedged("a", venue.now_ns, is_hedged=True)
    place(venue, "a", market(BUY, quantity, **({"position_side": LONG} if is_hedged else {})))
    return venue


def state(venue: PerpetualExchange, algo_id: int) -> AlgoStatus:
    found = venue.algo_order("a", algo_id=algo_id)
    assert found is not None
    return found.status


@pytest.mark.parametrize(
    ("kind", "side", "at", "quiet", "reached"),
    [
        (STOP_MARKET, SELL, 9_900, 9_901, 9_900),
        (STOP_MARKET, BUY, 10_100, 10_099, 10_100),
        (TAKE_PROFIT_MARKET, SELL, 10_100, 10_099, 10_100),
        (TAKE_PROFIT_MARKET, BUY, 9_900, 9_901, 9_900),
    ],
)
def test_triggers_by_the_contract_price(kind: Any, side: Any, at: int, quiet: int, reached: int) -> None:
    venue = holding()
    algo_id = wait(venue, "a", algo(kind, side, quantity="0.5", trigger_price=at))
    assert algo_changes(move(venue, quiet)) == []
    mark(venue, reached)
    assert state(venue, algo_id) is AlgoStatus.NEW
    assert algo_changes(move(venue, reached)) == [TRIGGERED, FINISHED]
    child = venue.orders("a")[-1]
    assert (child.algo_id, child.conditional_type, child.order_type) == (algo_id, kind, OrderType.MARKET)


def test_triggers_by_the_mark_price() -> None:
    venue = holding()
    order = algo(STOP_MARKET, SELL, trigger_price=9_900, close_position=True, working_type=WorkingType.MARK_PRICE)
    algo_id = wait(venue, "a", order)
    venue.house(SYMBOL).print_trade(98_000, 1, venue.now_ns, buyer_is_maker=True)
    venue.house(SYMBOL).log(venue.now_ns)
    assert state(venue, algo_id) is AlgoStatus.NEW
    assert algo_changes(mark(venue, 9_800)) == [TRIGGERED, FINISHED]
    assert lots(venue, "a") == 0


def test_a_stop_limit_becomes_a_limit_order() -> None:
    venue = holding()
    order = algo(STOP, SELL, quantity=1, trigger_price=9_900, price=9_950, reduce_only=True, client_algo_id="mine")
    algo_id = wait(venue, "a", order)
    assert TRIGGERED in algo_changes(move(venue, 9_890))
    (child,) = venue.open_orders("a")
    assert (child.price, child.reduce_only, child.client_order_id, child.algo_id) == (99_500, True, "mine", algo_id)
    _, events = venue.cancel("a", SYMBOL, order_id=child.order_id, now_ns=venue.now_ns)
    assert algo_changes(events) == [FINISHED]
    found = venue.algo_order("a", client_algo_id="mine")
    assert found is not None
    assert (found.status, found.order_id) == (AlgoStatus.FINISHED, child.order_id)


def test_a_trailing_stop_follows_from_its_activation() -> None:
    venue = holding()
    order = algo(TRAILING, SELL, quantity=1, callback_rate=1, activation_price=10_100, reduce_only=True)
    algo_id = wait(venue, "a", order)
    move(venue, 9_900)
    move(venue, 10_100)
    move(venue, 10_200)
    found = venue.algo_order("a", algo_id=algo_id)
    assert found is not None
    assert found.extreme == 10_200 * 10**8
    move(venue, 10_150)
    assert state(venue, algo_id) is AlgoStatus.NEW
    move(venue, 10_095)
    assert state(venue, algo_id) is AlgoStatus.FINISHED
    assert lots(venue, "a") == 0


@given(st.lists(st.integers(-60, 60), min_size=1, max_size=40), st.sampled_from([BUY, SELL]))
def test_a_trailing_stop_triggers_where_the_price_turns_by_its_rate(moves: list[int], side: Any) -> None:
    venue = with_accounts("a")
    house, price = venue.house(SYMBOL), 100_000
    house.print_trade(price, 1, venue.now_ns, buyer_is_maker=False)
    house.log(venue.now_ns)
    algo_id = wait(venue, "a", algo(TRAILING, side, quantity=1, callback_rate="0.1"))
    best = price
    for move_by in moves:
        price += move_by
        house.print_trade(price, 1, venue.now_ns, buyer_is_maker=False)
        house.log(venue.now_ns)
        best = min(best, price) if side is BUY else max(best, price)
        turned = price >= best * Decimal("1.001") if side is BUY else price <= best * Decimal("0.999")
        assert (state(venue, algo_id) is not AlgoStatus.NEW) == turned
        if turned:
            return


def test_close_position_in_hedge_mode() -> None:
    venue = holding("0.7", is_hedged=True)
    order = algo(STOP_MARKET, SELL, trigger_price=9_900, close_position=True, position_side=LONG)
    wait(venue, "a", order)
    with pytest.raises(Refusal, match="close_position_exists"):
        wait(venue, "a", order)
    move(venue, 9_900)
    assert lots(venue, "a", LONG) == 0
    child = venue.orders("a")[-1]
    assert (child.quantity, child.close_position) == (700, True)


def test_nothing_to_close_expires() -> None:
    venue = with_accounts("a", "b")
    move(venue, 10_000)
    wait(venue, "a", algo(STOP_MARKET, SELL, trigger_price=9_900, close_position=True))
    assert algo_changes(move(venue, 9_900)) == [(AlgoStatus.EXPIRED, "no_position")]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (algo(STOP_MARKET, SELL, quantity=1, trigger_price=9_900, reduce_only=True), "reduce_only"),
        (algo(STOP_MARKET, SELL, quantity=100, trigger_price=9_900), "margin_insufficient"),
        (
            algo(STOP, BUY, quantity=1, trigger_price=10_100, price=10_110, time_in_force=TimeInForce.GTX),
            "WOULD_MATCH",
        ),
    ],
)
def test_what_is_refused_when_triggered_is_rejected(order: Any, reason: str) -> None:
    venue = with_accounts("a")
    move(venue, 10_000)
    algo_id = wait(venue, "a", order)
    events = move(venue, 9_900 if order.side is SELL else 10_100)
    assert [(status, text.upper()) for status, text in algo_changes(events)] == [(AlgoStatus.REJECTED, reason.upper())]
    assert state(venue, algo_id) is AlgoStatus.REJECTED
    assert venue.orders("a") == []


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"trigger_price": 10_000}, RefusalKind.WOULD_TRIGGER),
        ({"trigger_price": 10_050}, RefusalKind.WOULD_TRIGGER),
        ({"trigger_price": None}, RefusalKind.MISSING_PARAMETER),
        ({"trigger_price": "9900.05"}, RefusalKind.PRICE_FILTER),
        ({"quantity": None}, RefusalKind.MISSING_PARAMETER),
        ({"close_position": True}, RefusalKind.UNNEEDED_PARAMETER),
        ({"quantity": None, "close_position": True, "reduce_only": True}, RefusalKind.UNNEEDED_PARAMETER),
        ({"price": 9_900}, RefusalKind.UNNEEDED_PARAMETER),
        ({"time_in_force": TimeInForce.GTC}, RefusalKind.UNNEEDED_PARAMETER),
        ({"callback_rate": 1}, RefusalKind.UNNEEDED_PARAMETER),
        ({"activation_price": 9_900}, RefusalKind.UNNEEDED_PARAMETER),
        ({"position_side": LONG}, RefusalKind.POSITION_SIDE),
        ({"quantity": "0.0001"}, RefusalKind.LOT_SIZE),
        ({"order_type": STOP}, RefusalKind.MISSING_PARAMETER),
        ({"order_type": TRAILING, "trigger_price": None}, RefusalKind.MISSING_PARAMETER),
        ({"order_type": TRAILING, "trigger_price": None, "callback_rate": 11}, RefusalKind.CALLBACK_RATE),
        ({"order_type": TRAILING, "trigger_price": None, "callback_rate": "0.15"}, RefusalKind.CALLBACK_RATE),
        (
            {"order_type": TRAILING, "trigger_price": None, "callback_rate": 1, "activation_price": 9_900},
            RefusalKind.ACTIVATION_PRICE,
        ),
    ],
)
def test_refusals(fields: dict[str, Any], kind: RefusalKind) -> None:
    venue = with_accounts("a")
    move(venue, 10_000)
    whole: dict[str, Any] = {"kind": STOP_MARKET, "side": SELL, "quantity": 1, "trigger_price": 9_900, **fields}
    order_type = whole.pop("order_type", whole.pop("kind"))
    with pytest.raises(Refusal) as refused:
        wait(venue, "a", algo(order_type, whole.pop("side"), **whole))
    assert refused.value.kind is kind
    assert venue.open_algo_orders("a") == []


def test_cancelling_and_client_ids() -> None:
    venue = holding()
    order = algo(STOP_MARKET, SELL, quantity=1, trigger_price=9_900, client_algo_id="mine")
    algo_id = wait(venue, "a", order)
    with pytest.raises(Refusal, match="duplicate_order"):
        wait(venue, "a", order)
    record, _ = venue.cancel_algo("a", client_algo_id="mine", now_ns=venue.now_ns)
    assert (record.algo_id, record.status) == (algo_id, AlgoStatus.CANCELED)
    with pytest.raises(Refusal, match="unknown_order"):
        venue.cancel_algo("a", algo_id=algo_id, now_ns=venue.now_ns)
    newer = wait(venue, "a", order)
    assert [each.algo_id for each in venue.algo_orders("a")] == [algo_id, newer]
    assert [each.algo_id for each in venue.cancel_all_algo("a", SYMBOL, venue.now_ns)[0]] == [newer]
    assert venue.open_algo_orders("a") == []
    move(venue, 9_800)
    assert lots(venue, "a") == 1_000


def test_conditional_orders_good_till_a_date() -> None:
    venue = holding()
    order = algo(
        STOP,
        SELL,
        quantity=1,
        price=9_890,
        trigger_price=9_900,
        time_in_force=TimeInForce.GTD,
        good_till_ns=venue.now_ns + 601 * SECOND_NS,
    )
    algo_id = wait(venue, "a", order)
    venue.mark({SYMBOL: 10_000 * 10**8}, venue.now_ns + 700 * SECOND_NS)
    assert algo_changes(venue.take_events(venue.now_ns)) == [(AlgoStatus.EXPIRED, "good_till_date")]
    assert state(venue, algo_id) is AlgoStatus.EXPIRED


def test_a_triggered_order_may_trigger_the_next() -> None:
    """The first stop's trade at 9,850 reaches the second one."""
    venue = holding()
    place(venue, "b", limit(BUY, 1, 9_850))
    wait(venue, "a", algo(STOP_MARKET, SELL, quantity="0.5", trigger_price=9_900))
    second = wait(venue, "a", algo(STOP_MARKET, SELL, quantity="0.5", trigger_price=9_860))
    house = venue.house(SYMBOL)
    house.bids.remove_house(99_990, 1 << 60)
    house.print_trade(99_000, 1, venue.now_ns, buyer_is_maker=True)
    house.log(venue.now_ns)
    assert state(venue, second) is AlgoStatus.FINISHED
    assert venue.orders("b")[0].status is OrderStatus.FILLED
    assert lots(venue, "a") == 0
