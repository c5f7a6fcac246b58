"""Parents in the journal: what is written comes back, and what can't be true of them is found."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.domain.facts import OrderState
from core.domain.orders import ClientOrderId, IntentId, Purpose, VenueOrderId
from core.execution.events import Filled, Withdrawn
from core.execution.journal.audit import audit
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.execution.journal.plan_rows import JOURNAL_FAILED
from core.execution.journal.reading import journals
from core.execution.journal.records import (
    IntentRecorded,
    PlanClosed,
    PlanEnding,
    PlanOpened,
    Record,
    RequestRecorded,
    Settlement,
)
from core.execution.journal.state import JournalState
from core.execution.plans.plan import Plan
from unit.execution.making import a_plan, fill, iceberg, leg, order, twap

PLAN = a_plan("4", twap(4, 40, jitter_pct=7))


def opened(plan: Plan = PLAN) -> list[Record]:
    return [IntentRecorded(plan.proposal, 1, 5), PlanOpened(plan)]


def a_slice(n: int, quantity: str = "1") -> RequestRecorded:
    return RequestRecorded(PLAN.slice(leg(quantity), n, 6, 5_000))


async def reloaded(folder: Path, *records: Record, retain: int = 500) -> JournalState:
    journal = Journal(JournalIdentity("paper", "sim", "main"), data_dir=folder)
    await journal.open("epoch-1")
    for record in records:
        await journal.append([record])
    state = await journal.load(retain_closed=retain)
    await journal.close()
    return state


@pytest.mark.parametrize("plan", [PLAN, a_plan("3", iceberg("0.5", duration_s=None)), a_plan("3", price=None)])
async def test_a_plan_comes_back_as_it_was(tmp_path: Path, plan: Plan) -> None:
    assert (await reloaded(tmp_path, *opened(plan))).plans == (plan,)


async def test_its_ending_comes_back_and_its_end_takes_it_away(tmp_path: Path) -> None:
    state = await reloaded(tmp_path, *opened(), PlanEnding(PLAN.plan_id, "LEVEL", False, 7))
    assert state.plans == (replace(PLAN, ending="LEVEL", recalls=False),)
    state = await reloaded(tmp_path, PlanEnding(PLAN.plan_id, "OPERATOR", True, 8))
    assert state.plans == (replace(PLAN, ending="LEVEL", recalls=True),)
    assert (await reloaded(tmp_path, PlanClosed(PLAN.plan_id, "LEVEL", 9))).plans == ()


async def test_a_plan_is_found_with_what_it_came_to_long_after_it_was_over(tmp_path: Path) -> None:
    one, other = a_slice(1), a_slice(2)
    cid = one.order.client_order_id
    bought = Filled(cid, 7, fill("1", trade_id="1", client_order_id=cid, venue_order_id=VenueOrderId("1")))
    await reloaded(tmp_path, *opened(), one, bought, other, Withdrawn(other.order.client_order_id, 8, "NOT_SENT"))
    ids = PLAN.proposal.intent_id
    for ending, note in ((None, ""), (PlanClosed(PLAN.plan_id, "TIME_OVER left=3", 9), "TIME_OVER left=3")):
        await reloaded(tmp_path, *([ending] if ending else []), retain=0)
        journal = Journal(JournalIdentity("paper", "sim", "main"), data_dir=tmp_path)
        await journal.open("epoch-1")
        found, intent = await journal.find_plan(PLAN.plan_id), await journal.find_intent(ids)
        assert found is not None and intent == replace(PLAN.proposal, slicing=None)
        assert (found.is_over, found.note, found.sent, found.filled_quantity) == (ending is not None, note, 2, 1)
        assert found.slicing == PLAN.slicing
        assert await journal.find_plan(cid) is None and await journal.find_intent(IntentId("nobody")) is None
        await journal.close()


async def test_what_the_disk_never_took_says_nothing_of_a_later_attempt_of_the_same_name(tmp_path: Path) -> None:
    sent = a_slice(1)
    gone = Withdrawn(sent.order.client_order_id, 4, JOURNAL_FAILED)
    state = await reloaded(tmp_path, PlanClosed(PLAN.plan_id, JOURNAL_FAILED, 4), gone, *opened(), sent)
    assert state.plans == (PLAN,)
    assert [each.state for each in state.orders] == [OrderState.SUBMITTING], "it may have left"
    (reader,) = journals(tmp_path, None)
    with reader.opened() as connection:
        assert not audit(connection, 1).findings
    assert (await reloaded(tmp_path, PlanClosed(PLAN.plan_id, "FILLED", 9))).plans == ()


async def test_every_slice_of_an_open_plan_is_remembered_however_old(tmp_path: Path) -> None:
    slices = [a_slice(n) for n in (1, 2, 3)]
    records: list[Record] = [*opened(), *slices]
    for n, each in enumerate(slices, 1):
        cid = each.order.client_order_id
        traded = fill(trade_id=str(n), client_order_id=cid, venue_order_id=VenueOrderId(str(n)))
        records += [Filled(cid, 7, traded), Settlement(cid, True, 7)]
    state = await reloaded(tmp_path, *records, retain=0)
    assert [one.role for one in state.orders] == ["slice-1", "slice-2", "slice-3"]
    assert all(one.state is OrderState.FILLED and one.plan_id == PLAN.plan_id for one in state.orders)
    assert len(state.working) == 3
    assert (await reloaded(tmp_path, PlanClosed(PLAN.plan_id, "FILLED", 9), retain=0)).orders == ()


async def test_a_stops_fill_ends_the_plan_that_it_protects_after_a_restart_too(tmp_path: Path) -> None:
    stop = order("1", role="stop-1", purpose=Purpose.PROTECT, protects=PLAN.plan_id, intent=PLAN.proposal.intent_id)
    sold = Filled(stop.client_order_id, 7, fill(client_order_id=stop.client_order_id))
    state = await reloaded(tmp_path, *opened(), RequestRecorded(stop), sold)
    assert [plan.ending for plan in state.plans] == ["PROTECTION_FILLED"]


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([a_slice(1)], "which is not there"),
        ([PlanOpened(PLAN)], "which is not there"),
        ([PlanClosed(PLAN.plan_id, "FILLED", 9)], "was never opened"),
        ([*opened(), a_slice(1, "3"), a_slice(2, "3")], "filled more than it asks for"),
    ],
)
async def test_what_cannot_be_true_is_found(tmp_path: Path, records: list[Record], words: str) -> None:
    said = list(records)
    for n, each in enumerate([one for one in records if isinstance(one, RequestRecorded)]):
        made = each.order
        cid: ClientOrderId = made.client_order_id
        said.append(Filled(cid, 7, fill(str(made.leg.quantity), trade_id=str(n), client_order_id=cid)))
    await reloaded_raw(tmp_path, said)
    (reader,) = journals(tmp_path, None)
    with reader.opened() as connection:
        found = audit(connection, 1).findings
    assert any(one.invariant == 8 and words in one.words for one in found)


async def reloaded_raw(folder: Path, records: list[Record]) -> None:
    journal = Journal(JournalIdentity("paper", "sim", "main"), data_dir=folder)
    await journal.open("epoch-1")
    for record in records:
        await journal.append([record])
    await journal.close()
