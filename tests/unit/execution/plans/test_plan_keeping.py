"""Parents on a real journal file and a fake venue: slices, stops, ends, and lives that are cut off anywhere."""

import asyncio
import random
from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.errors import OrderRefused, VenueUnavailable
from core.domain.facts import OrderState, PlanChanged, PlanView
from core.domain.orders import ClientOrderId, Proposal, Purpose, Side
from core.domain.reasons import Reason
from core.domain.slicing import RestRule
from core.execution.journal.reading import journals
from tests.waiting import eventually
from unit.execution.fake_venue import FakeVenue
from unit.execution.making import BTC, iceberg, leg, proposal, twap
from unit.execution.rig import QUICK, Rig, a_venue, cid, exit_, rig_on

S = OrderState
ABRUPT = QUICK.model_copy(update={"settle_on_stop_s": 0.0, "retain_closed_orders": 2})
HOUR_S = 3_600.0
HOURLY = twap(4, 4 * HOUR_S)
"""Slow enough that only a test moves its time on."""


def buy(quantity: str = "4", price: str | None = None, intent: str = "in", **changes: object) -> Proposal:
    return proposal(leg(quantity, price=price), intent=intent, **{"slicing": HOURLY, **changes})


def sell(quantity: str = "4", intent: str = "out", **changes: object) -> Proposal:
    made = leg(quantity, Side.SELL, price=None)
    return proposal(made, intent=intent, purpose=Purpose.EXIT, **{"slicing": HOURLY, **changes})


def begin(rig: Rig, wanted: Proposal) -> ClientOrderId:
    """The plan's id."""
    rig.submit(wanted)
    return cid(wanted.intent_id, "plan")


def told(rig: Rig, plan_id: ClientOrderId) -> PlanView | None:
    said = [fact.plan for fact in rig.facts if isinstance(fact, PlanChanged) and fact.plan.plan_id == plan_id]
    return said[-1] if said else None


async def pass_hours(rig: Rig, plan_id: ClientOrderId, hours: int, *, each: float = 1.0) -> None:
    """One after the other; the plan is asked in each, and rests when that has passed."""
    for _ in range(hours):
        await at_rest(rig)
        rig.clock.offset_ns += int(each * HOUR_S * 1e9)
        rig.executor.parts.plans._need(plan_id, 0.0)
    await at_rest(rig)


async def at_rest(rig: Rig) -> None:
    """Nothing is under way, and nothing that has happened waits to be looked at."""
    plans = rig.executor.parts.plans

    def rests() -> bool:
        now_ns = rig.executor.parts.monotonic.now_ns()
        return not plans._looks and all(due_ns > now_ns for due_ns in plans._due.values())

    await rig.idle()
    await eventually(rests)


async def over(rig: Rig, plan_id: ClientOrderId) -> PlanView:
    await eventually(lambda: (view := told(rig, plan_id)) is not None and view.is_over)
    view = told(rig, plan_id)
    assert view is not None
    return view


def ledger(venue: FakeVenue, side: Side) -> Decimal:
    return sum((fill.quantity for fill in venue.trades() if fill.side is side), Decimal(0))


async def test_a_twap_entry_goes_out_in_slices_under_one_stop_and_ends(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        plan_id = begin(rig, buy("4", stop="90"))
        await pass_hours(rig, plan_id, 3)
        view = await over(rig, plan_id)
        assert (view.note, view.filled_quantity, view.sent, view.average_price) == ("FILLED", 4, 4, 100)
        bought = [one for one in rig.venue.placed if one.leg.side is Side.BUY]
        assert [one.client_order_id for one in bought] == [cid("in", f"slice-{n}") for n in range(1, 5)]
        await eventually(lambda: sum(each.quantity for each in rig.venue.open_stops(BTC)) == Decimal("3.996"))
        (duty,) = rig.executor.statistics().duties
        assert duty.duty_id == plan_id


async def test_each_slice_is_under_a_stop_before_the_next_leaves(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        covered: list[Decimal] = []

        def look() -> None:
            covered.append(sum((each.quantity for each in rig.venue.open_stops(BTC)), Decimal(0)))

        plan_id = begin(rig, buy("4", stop="90"))
        for _ in range(3):
            await at_rest(rig)
            rig.venue.meanwhile("place", look)
            await pass_hours(rig, plan_id, 1)
        assert covered == [Decimal("0.999"), Decimal("1.998"), Decimal("2.997")]


async def test_a_twap_exit_keeps_the_rest_under_its_stop(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await rig.until(rig.submit(proposal(leg("4", price=None), intent="in", stop="90")), S.FILLED)
        plan_id = begin(rig, sell("3.996"))
        await pass_hours(rig, plan_id, 3)
        view = await over(rig, plan_id)
        assert (view.note, view.filled_quantity) == ("FILLED", Decimal("3.996"))
        await eventually(lambda: not rig.executor.statistics().duties)
        assert rig.venue.open_stops(BTC) == []
        placed = [one.client_order_id for one in rig.venue.placed]
        stop_after = rig.venue.placed[placed.index(cid("out", "slice-1")) + 1].leg
        assert (stop_after.stop_price, stop_after.quantity) == (90, Decimal("2.997"))


async def test_a_lost_answer_blocks_the_next_slice_and_is_never_sent_again(tmp_path: Path) -> None:
    venue = a_venue()
    venue.lose_answer()
    async with rig_on(tmp_path, venue) as rig:
        plan_id = begin(rig, buy("4"))
        await rig.until(cid("in", "slice-1"), S.FILLED)
        await pass_hours(rig, plan_id, 3)
        view = await over(rig, plan_id)
        assert (view.note, view.filled_quantity) == ("FILLED", 4)
        assert ledger(venue, Side.BUY) == 4


async def test_what_an_outage_has_missed_is_left_when_the_time_is_over(tmp_path: Path) -> None:
    venue = a_venue()
    venue.fail("place", VenueUnavailable("down"), times=100)
    async with rig_on(tmp_path, venue) as rig:
        plan_id = begin(rig, buy("4"))
        await pass_hours(rig, plan_id, 4)
        view = await over(rig, plan_id)
        assert (view.note, view.sent) == ("TIME_OVER left=4", 4)
        assert venue.placed == []


async def test_refusals_end_it(tmp_path: Path) -> None:
    venue = a_venue()
    venue.fail("place", OrderRefused("no", code=-2010), times=100)
    async with rig_on(tmp_path, venue) as rig:
        plan_id = begin(rig, buy("20", slicing=twap(20, 20 * HOUR_S)))
        await pass_hours(rig, plan_id, 5)
        view = await over(rig, plan_id)
        assert view.note.startswith("REFUSED times=5 [-2010] no")


async def test_an_iceberg_shows_one_part_at_a_time(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        plan_id = begin(rig, buy("3", "99", slicing=iceberg("1")))
        first = cid("in", "slice-1")
        await rig.until(first, S.ACCEPTED)
        assert [one.leg.quantity for one in rig.venue.placed] == [1]
        rig.venue.move(BTC, "99")
        view = await over(rig, plan_id)
        assert (view.note, view.filled_quantity, view.sent) == ("FILLED", 3, 3)


async def test_the_operator_ends_a_plan_and_what_works_of_it(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        plan_id = begin(rig, buy("3", "99", slicing=iceberg("1")))
        await rig.until(cid("in", "slice-1"), S.ACCEPTED)
        view = await rig.executor.end_plan(plan_id, "OPERATOR enough")
        assert view is not None
        assert (view.is_over, view.note, view.filled_quantity) == (True, "OPERATOR enough", 0)
        assert rig.order(cid("in", "slice-1")).state is S.CANCELLED
        assert rig.executor.plans() == (view,)
        assert await rig.executor.end_plan(cid("nobody", "plan")) is None


async def test_the_gates_no_ends_an_entry_and_leaves_what_works(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        plan_id = begin(rig, buy("3", "99", slicing=iceberg("1")))
        await rig.until(cid("in", "slice-1"), S.ACCEPTED)
        rig.validity["in"] = Reason("LEVEL_FORBIDS")
        await eventually(lambda: (view := told(rig, plan_id)) is not None and view.note == "LEVEL_FORBIDS")
        assert rig.order(cid("in", "slice-1")).state is S.ACCEPTED
        rig.venue.move(BTC, "99")
        view = await over(rig, plan_id)
        assert (view.filled_quantity, view.sent) == (1, 1)


async def test_reducing_cancels_the_working_slice_too(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        plan_id = begin(rig, buy("3", "99", slicing=iceberg("1")))
        await rig.until(cid("in", "slice-1"), S.ACCEPTED)
        assert await rig.executor.cancel_working(Purpose.ENTRY, "REDUCE_ONLY") == ()
        assert (await over(rig, plan_id)).note == "REDUCE_ONLY"


async def test_an_intent_for_the_other_side_ends_it_first(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        plan_id = begin(rig, buy("400", slicing=twap(400, 400 * HOUR_S)))
        await rig.until(cid("in", "slice-1"), S.FILLED)
        await rig.until(rig.submit(exit_("0.999")), S.FILLED)
        view = await over(rig, plan_id)
        assert view.note == "OPPOSED intent=out"
        assert view.filled_quantity == 1


async def test_a_stop_that_fills_ends_the_entry_that_it_protects(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        plan_id = begin(rig, buy("40", stop="90", slicing=twap(40, 40 * HOUR_S)))
        await eventually(lambda: len(rig.venue.open_stops(BTC)) == 1)
        rig.venue.move(BTC, "89")
        view = await over(rig, plan_id)
        assert (view.note, view.filled_quantity) == ("PROTECTION_FILLED", 1)
        await eventually(lambda: not rig.executor.statistics().duties)


async def test_an_exit_that_finds_nothing_held_ends(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        assert (await over(rig, begin(rig, sell()))).note == "NOTHING_HELD"


async def test_what_is_no_parent_is_refused_and_given_back(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        view = await over(rig, begin(rig, buy(slicing=iceberg("1"))))  # without a limit
        assert view.note.startswith("SLICING_UNSUPPORTED")
        assert rig.venue.placed == []


async def test_a_restart_goes_on_with_what_is_left_and_only_with_that(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue, settings=ABRUPT) as rig:
        plan_id = begin(rig, buy("6", stop="50", slicing=twap(6, 6 * HOUR_S)))
        await pass_hours(rig, plan_id, 1)
        assert ledger(venue, Side.BUY) == 2
    async with rig_on(tmp_path, venue, settings=ABRUPT, ahead_s=HOUR_S) as rig:
        (view,) = rig.executor.plans()
        assert (view.plan_id, view.filled_quantity, view.sent) == (plan_id, 2, 2)
        assert [plan.plan_id for plan in rig.replayed.plans] == [plan_id]
        assert sum(order.plan_id == plan_id for order in rig.replayed.working) == 2
        await pass_hours(rig, plan_id, 4)
        view = await over(rig, plan_id)
        assert (view.note, view.filled_quantity) == ("FILLED", 6)
    assert ledger(venue, Side.BUY) == 6
    async with rig_on(tmp_path, venue) as rig:
        assert rig.replayed.plans == ()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
async def test_through_lives_cut_off_and_every_trouble_the_sum_is_never_exceeded(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    venue = a_venue()
    asked = {"in": Decimal(5), "ice": Decimal(3)}
    for life in range(4):
        async with rig_on(tmp_path, venue, settings=ABRUPT) as rig:
            if life == 0:
                begin(rig, buy("5", stop="50", slicing=twap(10, 0.6, rest=RestRule.MARKET, jitter_pct=50)))
                begin(rig, buy("3", "100", intent="ice", slicing=iceberg("0.5")))
            for _ in range(8):
                trouble = chance.choice(
                    [
                        venue.lose_answer,
                        venue.lose_request,
                        lambda: venue.fail("place", VenueUnavailable("down")),
                        lambda: venue.fail("place", OrderRefused("no", code=-2010)),
                        lambda: venue.fail("cancel", VenueUnavailable("down")),
                        lambda: venue.liquidity.update({BTC: Decimal("0.2")}),
                        lambda: venue.move(BTC, chance.choice(["99", "100", "101"])),
                    ]
                )
                trouble()
                await asyncio.sleep(chance.random() * 0.03)
            venue.ahead_ms += 2_000
    venue._faults.clear()
    venue.liquidity.clear()
    venue.move(BTC, "100")
    async with rig_on(tmp_path, venue) as rig:
        venue.ahead_ms += 5_000
        await eventually(lambda: all(view.is_over for view in rig.executor.plans()))
        await rig.executor.reconcile()
        by_plan = {
            intent: sum(
                (
                    report.filled_quantity
                    for client_order_id, report in venue.ledger().items()
                    if client_order_id in {cid(intent, f"slice-{n}") for n in range(1, 60)}
                ),
                Decimal(0),
            )
            for intent in asked
        }
        for intent, quantity in asked.items():
            assert by_plan[intent] <= quantity
        traded = {fill.trade_id for fill in venue.trades()}
        past = {trade_id for seen in rig.replayed.seen.values() for trade_id, _ in seen}
        await eventually(lambda: past | {booked.fill.trade_id for booked in rig.fills()} == traded)
    assert await findings(tmp_path) == []


async def findings(folder: Path) -> list[str]:
    from core.execution.journal.audit import audit

    (reader,) = journals(folder, None)
    with reader.opened() as connection:
        return [found.words for found in audit(connection, 1).findings]
