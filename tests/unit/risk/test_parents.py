"""Parent orders before the gate: reserved whole, followed slice by slice, given back when they are over."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.facts import OrderState, OrderView, PlanChanged, PlanView
from core.domain.orders import ClientOrderId, Proposal
from core.domain.slicing import SliceStyle, Slicing
from core.risk.approval import ApprovedIntent, Refused
from core.risk.gate import RiskGate
from core.risk.levels import RiskLevel
from core.settings.risk import RiskSettings
from tests.unit.risk.orders import BTC, NOW, booked, changed, entry, exit_, order_of, world

D = Decimal
TWAP = Slicing(SliceStyle.TWAP, 5, 600_000_000_000)


def parent(quantity: str = "10", number: object = 1, **terms: str | None) -> Proposal:
    return entry(number, quantity, slicing=TWAP, **terms)


def a_slice(of: Proposal, n: int, quantity: str, state: OrderState, filled: str = "0") -> OrderView:
    leg = replace(of.legs[0], quantity=D(quantity))
    made = order_of(replace(of, legs=(leg,)), state, filled)
    return replace(made, client_order_id=ClientOrderId(f"slice-{n}"), plan_id=ClientOrderId("plan"))


def over(of: Proposal) -> PlanChanged:
    view = PlanView(
        plan_id=ClientOrderId("plan"),
        intent_id=of.intent_id,
        purpose=of.purpose,
        strategies=of.strategies,
        leg=of.legs[0],
        slicing=TWAP,
        opened_ns=0,
        until_ns=None,
        sent=1,
        filled_quantity=D(0),
        average_price=None,
        note="TIME_OVER",
        is_over=True,
    )
    return PlanChanged(view)


def judged(keeper: RiskGate, made: Proposal) -> ApprovedIntent:
    approved = keeper.judge(made, world(), NOW)
    assert isinstance(approved, ApprovedIntent), approved
    return approved


def test_the_whole_parent_is_reserved_and_stays_so_through_its_slices() -> None:
    keeper, made = RiskGate(RiskSettings()), parent()
    judged(keeper, made)
    assert (keeper.in_flight(BTC.id), keeper.reserved_cash("USDT")) == (10, 1_000)
    first = a_slice(made, 1, "2", OrderState.ACCEPTED)
    keeper.on_fact(changed(first))
    assert (keeper.in_flight(BTC.id), keeper.reserved_cash("USDT")) == (10, 1_000)
    keeper.on_fact(booked(replace(first, filled_quantity=D(1)), "1"))
    assert keeper.in_flight(BTC.id) == 9
    keeper.on_fact(changed(replace(first, state=OrderState.EXPIRED, filled_quantity=D(1))))
    assert keeper.in_flight(BTC.id) == 9  # what it did not fill is the parent's again
    keeper.on_fact(over(made))
    assert (keeper.in_flight(BTC.id), keeper.statistics().claims) == (0, 0)


def test_a_second_entry_cannot_take_what_a_parent_has_reserved() -> None:
    keeper = RiskGate(RiskSettings(max_symbol_notional_usd=D(1_500)))
    judged(keeper, parent())
    refused = keeper.judge(entry(2, "6"), world(), NOW)
    assert isinstance(refused, Refused)
    assert refused.reason.code == "EXPOSURE_SYMBOL"


def test_an_exit_parent_counts_as_leaving() -> None:
    keeper = RiskGate(RiskSettings())
    assert isinstance(keeper.judge(exit_(1, "4", slicing=TWAP), world({BTC: "4"}), NOW), ApprovedIntent)
    refused = keeper.judge(exit_(2, "1"), world({BTC: "4"}), NOW)
    assert isinstance(refused, Refused)
    assert refused.reason.code == "EXIT_EXCEEDS_POSITION"


def test_a_parents_approval_outlives_the_term_of_orders_but_no_change_of_level() -> None:
    keeper, made = RiskGate(RiskSettings(approval_valid_s=1.0)), parent()
    approved = judged(keeper, made)
    hour_later = NOW.monotonic_ns + 3_600_000_000_000
    assert keeper.still_valid(approved, hour_later) is None
    keeper.set_level(RiskLevel.NO_ENTRY, "test")
    keeper.set_level(RiskLevel.NORMAL, "")
    reason = keeper.still_valid(approved, hour_later)
    assert reason is not None
    assert reason.code == "EPOCH_CHANGED"


@pytest.mark.parametrize("level", [RiskLevel.NORMAL, RiskLevel.NO_ENTRY])
def test_an_earlier_runs_parent_is_reserved_for_what_its_slices_have_left(level: RiskLevel) -> None:
    keeper, made = RiskGate(RiskSettings()), parent()
    done = a_slice(made, 1, "2", OrderState.FILLED, "2")
    working = a_slice(made, 2, "2", OrderState.UNKNOWN)
    keeper.recover([done, working], parents=[made])
    assert keeper.in_flight(BTC.id) == 8
    keeper.on_fact(changed(replace(working, state=OrderState.ABSENT)))
    assert keeper.in_flight(BTC.id) == 8
    if level is not RiskLevel.NORMAL:
        keeper.set_level(level, "test")
    reason = keeper.still_valid(ApprovedIntent.of_earlier_run(made), NOW.monotonic_ns)
    assert (reason is None) is (level is RiskLevel.NORMAL)
    assert isinstance(keeper.judge(made, world(), NOW), Refused)


def test_a_parent_that_nobody_reserved_may_not_go_on() -> None:
    reason = RiskGate(RiskSettings()).still_valid(ApprovedIntent.of_earlier_run(parent()), NOW.monotonic_ns)
    assert reason is not None
    assert reason.code == "APPROVAL_MISSING"


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 4), st.sampled_from(["over", "open", "unknown"])), max_size=6)
)
@settings(max_examples=40)
def test_what_is_in_flight_is_always_the_parent_less_its_fills(fates: list[tuple[int, int, str]]) -> None:
    keeper, made = RiskGate(RiskSettings()), parent("50")
    judged(keeper, made)
    filled = D(0)
    for n, (size, traded, fate) in enumerate(fates):
        got = D(min(size, traded))
        working = a_slice(made, n, str(size), OrderState.ACCEPTED)
        keeper.on_fact(changed(working))
        state = {"over": OrderState.EXPIRED, "open": OrderState.PARTIALLY_FILLED, "unknown": OrderState.UNKNOWN}[fate]
        keeper.on_fact(changed(replace(working, state=state, filled_quantity=got)))
        filled += got
        assert keeper.in_flight(BTC.id) == 50 - filled
    keeper.on_fact(over(made))
    open_ones = sum(D(size) - min(size, traded) for size, traded, fate in fates if fate != "over")
    assert keeper.in_flight(BTC.id) == open_ones
