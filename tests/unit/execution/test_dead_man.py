"""Where the venue's dead-man timer is armed, and that it is stopped again."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.errors import VenueUnavailable
from core.domain.facts import OrderState
from core.domain.orders import ClientOrderId, OrderStatus, OrderType, Purpose, TimeInForce
from core.execution.dead_man import to_arm
from core.execution.order import Order
from tests.waiting import eventually
from unit.execution.fake_venue import FakeVenue
from unit.execution.making import BTC, leg, order, report
from unit.execution.rig import QUICK, Rig, a_venue, entry, rig_on

RESTING = replace(
    order(leg=leg(price="90", order_type=OrderType.LIMIT, time_in_force=TimeInForce.GTC)), state=OrderState.ACCEPTED
)
STOP = replace(
    order(
        role="stop-1",
        purpose=Purpose.PROTECT,
        leg=leg(price=None, order_type=OrderType.STOP_LOSS, stop_price=Decimal(80), time_in_force=None),
    ),
    state=OrderState.ACCEPTED,
)


def test_it_is_armed_where_entries_rest_and_beside_a_stop_that_waits_apart() -> None:
    assert to_arm([RESTING], []) == {BTC}
    assert to_arm([RESTING, STOP], []) == {BTC}
    assert to_arm([STOP], []) == frozenset()
    assert to_arm([replace(RESTING, state=OrderState.FILLED)], []) == frozenset()


@pytest.mark.parametrize(
    "beside",
    [
        replace(RESTING, client_order_id=ClientOrderId("mtn-exit"), purpose=Purpose.EXIT),
        replace(RESTING, client_order_id=ClientOrderId("mtn-target"), purpose=Purpose.PROTECT),
        replace(RESTING, client_order_id=ClientOrderId("mtn-adopted"), theirs=ClientOrderId("by-hand")),
        replace(STOP, state=OrderState.PARTIALLY_FILLED),
    ],
    ids=["an exit", "a target", "an adopted order", "a stop that has triggered"],
)
def test_it_is_not_armed_beside_what_must_stay(beside: Order) -> None:
    assert to_arm([RESTING, beside], []) == frozenset()


def test_it_is_not_armed_beside_an_order_by_other_hands() -> None:
    assert to_arm([RESTING], [report(RESTING, OrderStatus.NEW)]) == frozenset()


def test_what_goes_at_once_does_not_rest() -> None:
    ioc = replace(RESTING, leg=replace(RESTING.leg, time_in_force=TimeInForce.IOC))
    assert to_arm([ioc], []) == frozenset()


def armed_venue() -> FakeVenue:
    venue = a_venue()
    venue.capabilities = replace(venue.capabilities, dead_man_timer=True)
    return venue


async def rest_one(rig: Rig) -> ClientOrderId:
    wanted = entry(price="90")
    client_order_id = rig.submit(wanted)
    await rig.until(client_order_id, OrderState.ACCEPTED)
    return client_order_id


@pytest.mark.slow
async def test_it_is_wound_up_while_an_entry_rests_and_stopped_when_none_does(tmp_path: Path) -> None:
    async with rig_on(tmp_path, armed_venue(), settings=QUICK.model_copy(update={"dead_man_s": 9.0})) as rig:
        resting = await rest_one(rig)
        await eventually(lambda: rig.venue.timers == [(BTC, 9.0)])
        assert rig.executor.parts.dead_man.armed == {BTC}
        await rig.executor.cancel(resting)
        await eventually(lambda: rig.venue.timers == [(BTC, 9.0), (BTC, None)])


async def test_a_clean_stop_leaves_no_timer_and_the_entry_resting(tmp_path: Path) -> None:
    async with rig_on(tmp_path, armed_venue()) as rig:
        await rest_one(rig)
        await eventually(lambda: rig.venue.timers)
        venue = rig.venue
    assert venue.timers == [(BTC, 120.0), (BTC, None)]
    assert [each.status for each in venue.ledger().values()] == [OrderStatus.NEW]


async def test_a_start_takes_over_timers_that_an_earlier_life_left(tmp_path: Path) -> None:
    venue = armed_venue()
    async with rig_on(tmp_path, venue) as rig:
        await rest_one(rig)
        await eventually(lambda: rig.venue.timers)
    async with rig_on(tmp_path, venue) as rig:
        await eventually(lambda: rig.venue.timers[2:] == [(BTC, 120.0)])


async def test_a_venue_that_cannot_be_reached_costs_nothing_else(tmp_path: Path) -> None:
    venue = armed_venue()
    venue.fail("cancel_all_after", VenueUnavailable("down"), times=100)
    async with rig_on(tmp_path, venue) as rig:
        resting = await rest_one(rig)
        assert rig.order(resting).state is OrderState.ACCEPTED


async def test_a_venue_without_one_is_never_asked(tmp_path: Path) -> None:
    async with rig_on(tmp_path, a_venue()) as rig:
        await rest_one(rig)
    assert rig.venue.timers == []
