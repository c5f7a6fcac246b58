"""The next step of a parent: by hand where it matters, and through random trouble, asked anew each time."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.facts import OrderState
from core.domain.instruments import InstrumentStatus
from core.domain.orders import Leg, OrderType, Purpose, Side, TimeInForce
from core.domain.slicing import MissedSlices, RestRule, SliceStyle, Slicing
from core.execution.order import ZERO, Order
from core.execution.plans.next_slice import (
    MAX_REFUSALS,
    CancelSlices,
    Done,
    Send,
    Step,
    Wait,
    next_step,
)
from core.execution.plans.plan import Plan, worst_case
from core.execution.plans.schedule import due_ns, slot_at
from unit.execution.making import a_plan, iceberg, instrument, twap

S = OrderState
OPENED_S = 1.0
BTC_LISTED = replace(instrument(), iceberg_parts=10)


def ask(
    plan: Plan, slices: Sequence[Order] = (), at_s: float = 0.0, *, native: bool = False, **changes: object
) -> Step:
    """`at_s` after it was opened."""
    return next_step(
        plan,
        slices,
        now_ns=int((OPENED_S + at_s) * 1e9),
        instrument=replace(BTC_LISTED, **changes),
        native_icebergs=native,
    )


def sent(plan: Plan, step: Step, number: int = 1, at_s: float = 0.0) -> Order:
    assert isinstance(step, Send), step
    now_ns = int((OPENED_S + at_s) * 1e9)
    return replace(plan.slice(step.leg, number, now_ns, None), state=S.SUBMITTING)


def ended(order: Order, filled: str = "0", state: S | None = None, reason: str = "") -> Order:
    booked = Decimal(filled)
    return replace(
        order,
        state=state or (S.FILLED if booked == order.leg.quantity else S.EXPIRED),
        booked_quantity=booked,
        booked_notional=booked * 100,
        reported_quantity=booked,
        reason=reason,
    )


def quantity(step: Step) -> Decimal:
    assert isinstance(step, Send), step
    return step.leg.quantity


def test_a_twap_sends_a_share_in_each_slot() -> None:
    plan = a_plan("4", twap(4, 40))
    slices: list[Order] = []
    for n, at_s in enumerate((0, 10, 20, 30), 1):
        step = ask(plan, slices, at_s)
        assert quantity(step) == 1
        slices.append(ended(sent(plan, step, n, at_s), "1"))
        if n < 4:
            assert ask(plan, slices, at_s + 5) == Wait(int((OPENED_S + 10 * n) * 1e9), "NOT_DUE")
    assert ask(plan, slices, 30) == Done("FILLED")


def test_a_limit_is_kept_by_orders_that_do_not_rest_and_no_limit_goes_at_market() -> None:
    step = ask(a_plan(price="100"))
    assert isinstance(step, Send)
    assert (step.leg.price, step.leg.time_in_force) == (100, TimeInForce.IOC)
    step = ask(a_plan(price=None))
    assert isinstance(step, Send)
    assert (step.leg.order_type, step.leg.price) == (OrderType.MARKET, None)


def test_what_did_not_fill_is_made_up_in_the_next_slot_and_never_in_its_own() -> None:
    plan = a_plan("4", twap(4, 40))
    first = ended(sent(plan, ask(plan)), "0.25")
    assert isinstance(ask(plan, [first], 9), Wait)
    assert quantity(ask(plan, [first], 10)) == Decimal("1.75")


@pytest.mark.parametrize(("missed", "then"), [(MissedSlices.MAKE_UP, 2), (MissedSlices.SKIP, 1)])
def test_after_an_outage_at_most_so_many_slices_at_once_or_none_more(missed: MissedSlices, then: int) -> None:
    plan = a_plan("8", twap(8, 80, missed=missed, at_once=2))
    assert quantity(ask(plan, (), 55)) == then


def test_a_slice_in_doubt_blocks_the_next_and_counts_in_full() -> None:
    plan = a_plan("4", twap(4, 40))
    lost = replace(sent(plan, ask(plan)), state=S.UNKNOWN)
    assert ask(plan, [lost], 35) == Wait(None, "SLICE_IN_DOUBT")
    assert worst_case([lost]) == 1
    absent = replace(lost, state=S.ABSENT)
    assert quantity(ask(plan, [absent], 10)) == 2


def test_trades_that_are_not_booked_yet_count_and_delay_the_end_only() -> None:
    plan = a_plan("4", twap(4, 40))
    first = replace(ended(sent(plan, ask(plan)), "0"), state=S.FILLED, reported_quantity=Decimal(1))
    assert quantity(ask(plan, [first], 10)) == 1
    whole = replace(first, leg=replace(first.leg, quantity=Decimal(4)), reported_quantity=Decimal(4))
    assert ask(plan, [whole], 10) == Wait(None, "FILLS_MISSING")


@pytest.mark.parametrize("rest", RestRule)
def test_when_the_time_is_over_the_rest_is_left_or_goes_at_market_within_bounds(rest: RestRule) -> None:
    plan = a_plan("10", twap(10, 100, rest=rest, at_once=3))
    step = ask(plan, (), 100)
    if rest is RestRule.LEAVE:
        assert step == Done("TIME_OVER left=10")
        return
    assert isinstance(step, Send)
    assert (step.leg.order_type, step.leg.quantity) == (OrderType.MARKET, 3)
    first = ended(sent(plan, step, at_s=100), "3")
    assert isinstance(ask(plan, [first], 105), Wait)
    assert quantity(ask(plan, [first], 110)) == 3
    assert ask(plan, [first], 250) == Done("TIME_OVER left=7")


def test_slices_too_small_for_the_venue_wait_until_they_are_enough() -> None:
    plan = a_plan("0.1", twap(10, 100))  # a share is worth 1, the venue takes 5
    assert isinstance(ask(plan, (), 35), Wait)
    assert quantity(ask(plan, (), 40)) == Decimal("0.05")


def test_what_would_be_left_too_small_goes_along_with_the_last() -> None:
    plan = a_plan("1.04", twap(2, 20))
    first = ended(sent(plan, ask(plan)), "0.52")
    assert quantity(ask(plan, [first], 10)) == Decimal("0.52")
    uneven = a_plan("1.04", iceberg("1"))
    assert quantity(ask(uneven)) == Decimal("1.04")


def test_dust_is_said() -> None:
    assert ask(a_plan("0.01", twap(1, 10))) == Done("DUST quantity=0.01")


def test_a_protected_slice_leaves_room_for_its_own_stop() -> None:
    plan = a_plan("0.4", twap(8, 80), stop="50")  # at the stop, 0.05 is worth 2.5
    assert isinstance(ask(plan, (), 5), Wait)
    assert quantity(ask(plan, (), 20)) * 50 * Decimal("0.99") >= 5


def test_refusals_in_a_row_end_it_and_an_outage_does_not() -> None:
    plan = a_plan("40", twap(40, 400))
    leg = ask(plan)
    no = [ended(sent(plan, leg, n, 10 * n), "0", S.REJECTED, "[-2010] no") for n in range(1, MAX_REFUSALS + 1)]
    assert isinstance(ask(plan, no[:-1], 60), Send)
    assert ask(plan, no, 60) == Done("REFUSED times=5 [-2010] no")
    unsent = [replace(one, reason="NOT_SENT connection refused") for one in no]
    assert isinstance(ask(plan, unsent, 60), Send)


def test_a_plan_that_is_to_end_cancels_what_works_unless_it_leaves_it() -> None:
    plan = a_plan("4", iceberg("1", duration_s=40))
    working = replace(sent(plan, ask(plan)), state=S.ACCEPTED)
    stopped = replace(plan, ending="OPERATOR")
    assert ask(stopped, [working], 1) == CancelSlices((working.client_order_id,), "OPERATOR")
    assert ask(stopped, [ended(working, "0.5", S.CANCELLED)], 1) == Done("OPERATOR")
    left = replace(stopped, recalls=False)
    assert isinstance(ask(left, [working], 1), Wait)
    assert isinstance(ask(left, [working], 40), CancelSlices)


def test_an_iceberg_shows_one_order_at_a_time_after_the_proven_end_of_the_last() -> None:
    plan = a_plan("3", iceberg("1"))
    step = ask(plan)
    assert isinstance(step, Send)
    assert (step.leg.quantity, step.leg.time_in_force) == (1, TimeInForce.GTC)
    first = replace(sent(plan, step), state=S.ACCEPTED)
    assert isinstance(ask(plan, [first], 5), Wait)
    assert quantity(ask(plan, [ended(first, "1")], 5)) == 1
    assert ask(plan, [ended(first, "0.4", S.CANCELLED)], 5) == Done("SLICE_CANCELLED")


def test_the_venues_own_icebergs_are_used_within_its_parts_and_for_entries_only() -> None:
    plan = a_plan("4", iceberg("1"))
    step = ask(plan, native=True)
    assert isinstance(step, Send)
    assert (step.leg.quantity, step.leg.visible_quantity) == (4, 1)
    refused = ended(sent(plan, step), "0", S.REJECTED, "[-1013] Filter failure: ICEBERG_PARTS")
    again = ask(plan, [refused], 60, native=True)
    assert isinstance(again, Send)
    assert (again.leg.quantity, again.leg.visible_quantity) == (1, None)
    many = ask(a_plan("40", iceberg("1")), native=True)
    assert quantity(many) == 1
    out = ask(a_plan("4", iceberg("1"), purpose=Purpose.EXIT), native=True)
    assert quantity(out) == 1


def test_a_halted_instrument_is_waited_for_and_one_that_is_gone_ends_it() -> None:
    plan = a_plan()
    assert isinstance(ask(plan, status=InstrumentStatus.HALTED), Wait)
    gone = next_step(plan, (), now_ns=2_000_000_000, instrument=None, native_icebergs=False)
    assert gone == Done("INSTRUMENT_GONE")


@given(st.integers(1, 50), st.integers(1, 3_600), st.integers(0, 90), st.text(min_size=1, max_size=8))
@settings(max_examples=40)
def test_the_times_of_slots_rise_stay_in_their_slots_and_are_the_same_when_asked_again(
    slices: int, duration_s: int, jitter_pct: int, intent: str
) -> None:
    plan = a_plan("4", twap(slices, duration_s, jitter_pct=jitter_pct), intent=intent)
    interval_ns = plan.slicing.interval_ns
    assert interval_ns is not None
    dues = [due_ns(plan, slot) for slot in range(slices + 3)]
    assert dues == [due_ns(plan, slot) for slot in range(slices + 3)] == sorted(dues)
    for slot, due in enumerate(dues):
        assert 0 <= due - plan.opened_ns - slot * interval_ns < interval_ns
        assert (slot_at(plan, due), slot_at(plan, due - 1)) == (slot, slot - 1)


class Ledger:
    """A venue that answers as the draws say, and is known again only through what the orders say of themselves."""

    def __init__(self, plan: Plan, draw: st.DataObject, *, native: bool) -> None:
        self.plan = plan
        self.slices: list[Order] = []
        self.executed = ZERO
        self.steps = 0
        self._draw = draw
        self._native = native

    def live(self, now_s: float) -> Done | None:
        """One look; `None` while it goes on."""
        self.steps += 1
        step = ask(self.plan, tuple(self.slices), now_s, native=self._native)
        match step:
            case Done():
                return step
            case Send(leg):
                assert not any(not order.state.is_terminal for order in self.slices)
                self._check(leg)
                self.slices.append(sent(self.plan, step, len(self.slices) + 1, now_s))
                assert worst_case(self.slices) <= self.plan.leg.quantity
                self._answer(now_s)
            case CancelSlices():
                self._settle(S.CANCELLED)
        self._happen()
        return None

    def _check(self, leg: Leg) -> None:
        assert leg.quantity > 0
        assert leg.quantity % BTC_LISTED.lot_size == 0
        assert leg.quantity * (leg.price or 100) >= BTC_LISTED.min_notional

    def _answer(self, now_s: float) -> None:
        newest = self.slices[-1]
        fate = self._draw.draw(st.sampled_from(["filled", "part", "nothing", "refused", "unsent", "lost"]))
        may_rest = newest.leg.time_in_force is TimeInForce.GTC
        if fate == "refused":
            self.slices[-1] = ended(newest, "0", S.REJECTED, "[-2010] no")
        elif fate == "unsent":
            self.slices[-1] = ended(newest, "0", S.REJECTED, "NOT_SENT")
        elif fate == "lost":
            self.slices[-1] = replace(newest, state=S.UNKNOWN)
        else:
            share = {"filled": 1, "part": Decimal("0.5"), "nothing": 0}[fate]
            self._trade(share, S.ACCEPTED if may_rest else S.EXPIRED)
        assert now_s >= 0

    def _trade(self, share: Decimal | int, else_state: S) -> None:
        """The newest slice fills that share of what is left of it; half of the time its trades are booked later."""
        order = self.slices[-1]
        left = order.leg.quantity - order.reported_quantity
        size = (left * share).quantize(Decimal("0.001"))
        self.executed += size
        reported = order.reported_quantity + size
        is_booked = self._draw.draw(st.booleans())
        state = S.FILLED if reported == order.leg.quantity else else_state
        self.slices[-1] = replace(
            order,
            state=state,
            reported_quantity=reported,
            booked_quantity=reported if is_booked else order.booked_quantity,
            booked_notional=(reported if is_booked else order.booked_quantity) * 100,
        )

    def _settle(self, state: S) -> None:
        self._trade(self._draw.draw(st.sampled_from([0, Decimal("0.5"), 1])), state)
        if not self.slices[-1].state.is_terminal:
            self.slices[-1] = replace(self.slices[-1], state=state)

    def _happen(self) -> None:
        """Between two looks: doubt is resolved, trades are booked, resting orders fill."""
        if not self.slices or not self._draw.draw(st.booleans()):
            return
        newest = self.slices[-1]
        if newest.state is S.UNKNOWN:
            if self._draw.draw(st.booleans()):
                self.slices[-1] = replace(newest, state=S.ABSENT)
            else:
                self._settle(S.EXPIRED)
        elif newest.state in (S.ACCEPTED, S.PARTIALLY_FILLED):
            self._trade(1, S.PARTIALLY_FILLED)
        self.slices = [
            replace(one, booked_quantity=one.reported_quantity, booked_notional=one.reported_quantity * 100)
            for one in self.slices
        ]


SLICINGS = st.builds(
    Slicing,
    style=st.just(SliceStyle.TWAP),
    slices=st.integers(1, 6),
    duration_ns=st.just(60_000_000_000),
    jitter_pct=st.integers(0, 90),
    missed=st.sampled_from(MissedSlices),
    rest=st.sampled_from(RestRule),
    at_once=st.integers(1, 4),
) | st.builds(
    Slicing,
    style=st.just(SliceStyle.ICEBERG),
    slices=st.integers(1, 6),
    duration_ns=st.just(60_000_000_000),
    visible=st.sampled_from([Decimal("0.3"), Decimal(1)]),
    rest=st.sampled_from(RestRule),
)


@pytest.mark.slow
@given(st.data(), SLICINGS, st.sampled_from(["0.05", "0.3", "1", "4.321"]), st.sampled_from(Side), st.booleans())
@settings(max_examples=120, deadline=None)
def test_through_random_fates_it_ends_and_never_trades_more_than_it_asks_for(
    data: st.DataObject, slicing: Slicing, size: str, side: Side, native: bool
) -> None:
    price = "100" if slicing.style is SliceStyle.ICEBERG or data.draw(st.booleans()) else None
    plan = a_plan(size, slicing, price)
    plan = replace(plan, proposal=replace(plan.proposal, legs=(replace(plan.leg, side=side),)))
    ledger = Ledger(plan, data, native=native)
    now_s, done = 0.0, None
    while done is None:
        done = ledger.live(now_s)
        now_s += data.draw(st.sampled_from([0.01, 0.5, 3.0, 20.0]))
        if data.draw(st.integers(0, 60)) == 0:
            ledger.plan = replace(ledger.plan, ending="OPERATOR")
        if ledger.steps > 400:  # draws that never settle a doubt prove nothing
            return
    booked = sum((order.booked_quantity for order in ledger.slices), ZERO)
    assert booked == ledger.executed <= plan.leg.quantity
    assert all(order.is_settled for order in ledger.slices)
    if done.reason == "FILLED":
        assert booked == plan.leg.quantity
