"""Other terms of an order at work before the gate: what adds must pass, what takes away may, nothing counts twice."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.facts import OrderState, OrderView
from core.domain.orders import ClientOrderId, Terms
from core.risk.approval import ApprovedAmendment, Refused
from core.risk.gate import RiskGate
from core.risk.levels import RiskLevel
from core.settings.risk import RiskSettings
from tests.unit.risk.orders import BTC, NOW, changed, entry, exit_, order_of, world

D = Decimal


def at_work(keeper: RiskGate, made=None, **changes) -> OrderView:
    made = made or entry(1, "10", price="99")
    keeper.judge(made, world({BTC: "5"}) if made.purpose.value == "exit" else world(), NOW)
    order = replace(order_of(made), **changes)
    keeper.on_fact(changed(order))
    return order


def terms(quantity: str, price: str | None = "99") -> Terms:
    return Terms(D(quantity), None if price is None else D(price))


def judged(keeper: RiskGate, order: OrderView, wanted: Terms, *, in_place: bool = True, **changes):
    return keeper.judge_amendment(order, wanted, world(**changes), NOW, in_place=in_place)


def test_what_is_left_is_judged_as_if_the_order_were_not_there() -> None:
    keeper = RiskGate(RiskSettings(max_symbol_notional_usd=D(1_200), max_order_notional_usd=D(5_000)))
    order = at_work(keeper)
    assert isinstance(judged(keeper, order, terms("12")), ApprovedAmendment)
    keeper.keep_terms(order.client_order_id)
    refused = judged(keeper, order, terms("13"))
    assert isinstance(refused, Refused)
    assert refused.reason.code == "EXPOSURE_SYMBOL"


@pytest.mark.parametrize(
    ("wanted", "in_place", "passes"),
    [
        (terms("4"), True, True),
        (terms("10", "98"), True, True),
        (terms("12"), True, False),
        (terms("10", "99.5"), True, False),
        (terms("4"), False, False),
        (terms("10", "98"), False, False),
    ],
    ids=["smaller", "cheaper", "larger", "dearer", "smaller, anew", "cheaper, anew"],
)
@pytest.mark.parametrize("level", [RiskLevel.NO_ENTRY, RiskLevel.REDUCE_ONLY])
def test_a_level_that_forbids_entries_leaves_only_what_takes_away(
    wanted: Terms, in_place: bool, passes: bool, level: RiskLevel
) -> None:
    keeper = RiskGate(RiskSettings())
    order = at_work(keeper)
    keeper.set_level(level, "as the test says")
    verdict = judged(keeper, order, wanted, in_place=in_place)
    assert isinstance(verdict, ApprovedAmendment) is passes
    if isinstance(verdict, Refused):
        assert verdict.reason.code == "LEVEL_FORBIDS"


def test_a_halt_after_the_approval_keeps_the_new_order_from_leaving() -> None:
    keeper = RiskGate(RiskSettings())
    order = at_work(keeper)
    verdict = judged(keeper, order, terms("12"), in_place=False)
    assert isinstance(verdict, ApprovedAmendment)
    assert verdict.intent is not None
    assert keeper.still_valid(verdict.intent, NOW.monotonic_ns) is None
    keeper.set_level(RiskLevel.NO_ENTRY, "as the test says")
    stopped = keeper.still_valid(verdict.intent, NOW.monotonic_ns)
    assert stopped is not None
    assert stopped.code == "LEVEL_FORBIDS"


def test_an_exit_may_not_be_amended_beyond_what_is_held() -> None:
    keeper = RiskGate(RiskSettings())
    order = at_work(keeper, exit_(1, "2"))
    assert isinstance(judged(keeper, order, terms("5", None), held={BTC: "5"}), ApprovedAmendment)
    keeper.keep_terms(order.client_order_id)
    refused = judged(keeper, order, terms("6", None), held={BTC: "5"})
    assert isinstance(refused, Refused)
    assert refused.reason.code == "EXIT_EXCEEDS_POSITION"


def test_cash_counts_the_dearer_of_both_terms_until_it_is_known() -> None:
    keeper = RiskGate(RiskSettings())
    order = at_work(keeper)
    judged(keeper, order, terms("10", "100"))
    assert keeper.reserved_cash("USDT") == 1_000
    amended = replace(order, leg=replace(order.leg, price=D(98)))
    keeper.on_fact(changed(replace(order, amending=terms("10", "100"))))
    keeper.on_fact(changed(amended))
    assert keeper.reserved_cash("USDT") == 980


@settings(max_examples=60)
@given(st.integers(1, 20), st.integers(0, 9), st.booleans(), st.booleans())
def test_at_every_moment_the_larger_of_both_terms_is_counted_once(
    wanted: int, filled: int, is_replaced: bool, came_true: bool
) -> None:
    keeper = RiskGate(RiskSettings())
    order = at_work(keeper)
    asked = Terms(D(max(wanted, filled + 1)), D(99))
    keeper.judge_amendment(order, asked, world(), NOW, in_place=not is_replaced)
    under_way = replace(order, amending=asked, filled_quantity=D(filled))
    most = max(D(10), asked.quantity) - filled
    keeper.on_fact(changed(under_way))
    assert keeper.in_flight(BTC.id) == most
    if not is_replaced:
        leg = replace(order.leg, quantity=asked.quantity) if came_true else order.leg
        keeper.on_fact(changed(replace(under_way, leg=leg, amending=None)))
        assert keeper.in_flight(BTC.id) == leg.quantity - filled
        return
    ended = replace(under_way, state=OrderState.CANCELLED)
    left = asked.quantity - filled
    for unbooked in (D(1), D(0)):
        keeper.on_fact(changed(replace(ended, unbooked_quantity=unbooked)))
        assert keeper.in_flight(BTC.id) == max(left, unbooked)
    if came_true:
        new = replace(
            order,
            client_order_id=ClientOrderId("new"),
            leg=replace(order.leg, quantity=left),
            state=OrderState.INTENDED,
            replaces=order.client_order_id,
        )
        keeper.on_fact(changed(new))
        assert keeper.in_flight(BTC.id) == left
    keeper.on_fact(changed(replace(ended, amending=None)))
    assert keeper.in_flight(BTC.id) == (left if came_true else 0)


def test_an_amendment_of_an_earlier_run_is_counted_too() -> None:
    keeper = RiskGate(RiskSettings())
    order = replace(order_of(entry(1, "10", price="99")), amending=terms("15"))
    keeper.recover([order])
    assert keeper.in_flight(BTC.id) == 15
    assert keeper.reserved_cash("USDT") == 15 * 99
