"""An operator's word on an order in doubt: journalled with its reason, and never stronger than the venue's."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.commands import CommandRefused, UnknownOrder, Verdict
from core.domain.errors import VenueUnavailable
from core.domain.facts import OrderState
from core.domain.orders import OrderStatus
from core.execution.events import AbsenceProven, Filled, OutcomeLost, Reported, Resolved, Sent
from core.execution.machine import advance
from tests.waiting import eventually
from unit.execution.making import fill, order, report
from unit.execution.rig import a_venue, cid, entry, rig_on

CID = order().client_order_id
ENDS = {
    Verdict.ABSENT: OrderState.ABSENT,
    Verdict.CANCELLED: OrderState.CANCELLED,
    Verdict.FILLED: OrderState.FILLED,
}
VENUE_SAYS = [
    Reported(CID, 9, report(order(), OrderStatus.NEW)),
    Reported(CID, 9, report(order(), OrderStatus.PARTIALLY_FILLED, "0.5")),
    Reported(CID, 9, report(order(), OrderStatus.FILLED, "1")),
    Reported(CID, 9, report(order(), OrderStatus.CANCELLED, "0.5")),
    Reported(CID, 9, report(order(), OrderStatus.EXPIRED)),
    Reported(CID, 9, report(order(), OrderStatus.REJECTED)),
    AbsenceProven(CID, 9, "two reads"),
]


def in_doubt(*verdicts: Verdict):
    found = order()
    for event in (Sent(CID, 1), OutcomeLost(CID, 2, "TIMEOUT"), *(Resolved(CID, 3, one, "seen") for one in verdicts)):
        found, _ = advance(found, event)
    return found


@pytest.mark.parametrize("verdict", Verdict)
def test_it_ends_as_said_with_the_reason(verdict: Verdict) -> None:
    resolved = in_doubt(verdict)
    assert resolved.state is ENDS[verdict]
    assert resolved.reason == f"OPERATOR {verdict}: seen"
    assert resolved.is_settled is (verdict is not Verdict.FILLED), "its trades are still to be booked"


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("said", VENUE_SAYS)
def test_what_the_venue_says_counts_as_if_nobody_had_spoken(verdict: Verdict, said) -> None:
    after, _ = advance(in_doubt(verdict), said)
    untouched, _ = advance(in_doubt(), said)
    assert after.state is untouched.state
    assert after.operators_word is None
    assert after.unbooked_quantity == untouched.unbooked_quantity


@given(verdicts=st.lists(st.sampled_from(Verdict), min_size=1, max_size=3))
def test_fills_count_whatever_was_said_and_the_last_word_is_the_one(verdicts: list[Verdict]) -> None:
    resolved = in_doubt(*verdicts)
    assert resolved.state is ENDS[verdicts[-1]]
    for number in range(2):
        resolved, _ = advance(resolved, Filled(CID, 5, fill("0.5", trade_id=str(number))))
        resolved, _ = advance(resolved, Filled(CID, 5, fill("0.5", trade_id=str(number))))
    assert (resolved.state, resolved.booked_quantity, resolved.is_settled) == (OrderState.FILLED, 1, True)


async def test_a_resolved_order_blocks_nothing_any_more_and_a_late_fill_still_counts(tmp_path: Path) -> None:
    venue = a_venue(window_ms=None)  # no rule from which its absence could follow
    async with rig_on(tmp_path, venue) as rig:
        venue.listener = None
        venue.lose_answer()
        venue.fail("order", VenueUnavailable("503"), times=10_000)
        venue.fail("fills_since", VenueUnavailable("503"), times=10_000)
        lost = rig.submit(entry("1", price=None))
        await rig.until(lost, OrderState.UNKNOWN)
        told = await rig.executor.resolve(lost, Verdict.ABSENT, "not in the venue's list (me)")
        assert told.state is OrderState.ABSENT and "not in the venue's list" in told.reason
        assert rig.executor.statistics().unknown == 0
        with pytest.raises(UnknownOrder, match="mtn-nobody"):
            await rig.executor.resolve("mtn-nobody", Verdict.ABSENT, "")
        for call in ("order", "fills_since"):
            venue._faults[call].clear()
        truth = venue.ledger()[lost]
        rig.listener(truth)
        await eventually(lambda: rig.order(lost).state is OrderState.FILLED)
        await eventually(lambda: rig.order(lost).filled_quantity == 1)
        assert rig.executor.statistics().oddities["OPERATOR_CONTRADICTED"] == 1
        with pytest.raises(CommandRefused, match="nothing to resolve"):
            await rig.executor.resolve(lost, Verdict.ABSENT, "")


@pytest.mark.parametrize("verdict", Verdict)
async def test_trades_that_only_the_history_tells_of_are_the_orders_own(tmp_path: Path, verdict: Verdict) -> None:
    """The answer was lost and the stream is gone, so nothing but the order's own id leads to its trades."""
    venue = a_venue(window_ms=None)
    async with rig_on(tmp_path, venue) as rig:
        venue.listener = None
        venue.lose_answer()
        venue.fail("order", VenueUnavailable("503"), times=10_000)
        lost = rig.submit(entry("1", price=None))
        await rig.until(lost, OrderState.UNKNOWN)
        await rig.executor.resolve(lost, verdict, "a guess")
        venue._faults["order"].clear()
        await rig.executor.reconcile()
        await eventually(lambda: rig.order(lost).filled_quantity == 1)
        assert rig.order(lost).state is OrderState.FILLED
        await eventually(rig.fills)  # published a commit later than folded
        assert [fact.order.client_order_id for fact in rig.fills()] == [lost], "nobody else's"


async def test_the_word_is_in_the_journal_and_outlives_a_restart(tmp_path: Path) -> None:
    venue = a_venue(window_ms=None)
    async with rig_on(tmp_path, venue) as rig:
        venue.lose_request()
        lost = rig.submit(entry("1", price=None))
        await rig.until(lost, OrderState.UNKNOWN)
        await rig.executor.resolve(lost, Verdict.CANCELLED, "by telephone")
    async with rig_on(tmp_path, venue) as rig:
        known = rig.order(cid("in"))
        assert known.state is OrderState.CANCELLED
        assert known.reason == "OPERATOR cancelled: by telephone"
        assert rig.report.unresolved == ()
