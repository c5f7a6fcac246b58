"""Dates of orders that the venue does not keep, on the fake venue: kept by us, whatever happens meanwhile."""

import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import OutcomeUnknown, RequestRefused, VenueUnavailable
from core.domain.facts import OrderState
from core.domain.orders import ClientOrderId, OrderStatus, OrderType, Proposal, TimeInForce
from core.execution.client_order_id import client_order_id
from core.execution.expiry import kept_by
from core.ports.venue import VenueCapabilities
from tests.waiting import eventually
from unit.execution.making import BTC, leg, proposal
from unit.execution.rig import Rig, a_venue, entry, rig_on

S = OrderState
HOUR_S = 3_600.0
SOON_S = 0.15


def dated(in_s: float = HOUR_S, intent: str = "in") -> tuple[Proposal, ClientOrderId]:
    """A resting entry with a date, and its order's id."""
    wanted = proposal(leg(price="95", expires_ns=time.time_ns() + int(in_s * 1e9)), intent=intent)
    return wanted, client_order_id(wanted.intent_id, "leg-0")


async def resting(rig: Rig, in_s: float = HOUR_S, intent: str = "in") -> ClientOrderId:
    wanted, order_id = dated(in_s, intent)
    rig.submit(wanted)
    await rig.until(order_id, S.ACCEPTED)
    return order_id


def wait_for_the_date(rig: Rig) -> None:
    """Of those an hour ahead, by trading time: however long they took to rest, their date was ahead all the while."""
    rig.pass_time(HOUR_S - SOON_S)


async def test_what_has_not_filled_by_its_date_is_cancelled_and_says_why(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        order_id = await resting(rig)
        assert "cancel" not in rig.venue.calls
        wait_for_the_date(rig)
        order = await rig.until(order_id, S.CANCELLED)
        assert order.reason == "EXPIRED"
        assert rig.clock.now_ns() >= (order.leg.expires_ns or 0)
        assert rig.venue.ledger()[order_id].status is OrderStatus.CANCELLED


async def test_what_has_filled_is_left_alone(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        order_id = await resting(rig)
        rig.venue.move(BTC, "94")
        await rig.until(order_id, S.FILLED)
        rig.venue.move(BTC, "100")
        later = await resting(rig, intent="later")
        wait_for_the_date(rig)
        await rig.until(later, S.CANCELLED)
        assert rig.venue.calls.count("cancel") == 1


async def test_a_date_that_passes_while_nobody_runs_is_kept_before_anything_is_decided(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        passed = await resting(rig, intent="passed")
        ahead = await resting(rig, 3 * HOUR_S, "ahead")
    assert venue.ledger()[passed].status is OrderStatus.NEW
    async with rig_on(tmp_path, venue, ahead_s=HOUR_S) as again:
        assert again.order(passed).state is S.CANCELLED
        assert again.order(ahead).state is S.ACCEPTED
        assert again.executor.parts.expiries.armed == 1


@pytest.mark.slow
async def test_a_venue_that_is_away_at_the_date_is_asked_again_until_it_is_done(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.venue.fail("cancel", VenueUnavailable("503"), times=2)
        rig.venue.fail("cancel", OutcomeUnknown("reset"))
        rig.venue.fail("cancel", RequestRefused("not now"))
        order_id = await resting(rig)
        wait_for_the_date(rig)
        await rig.until(order_id, S.CANCELLED)
        assert rig.venue.calls.count("cancel") >= 4


async def test_an_order_in_doubt_at_its_date_is_cancelled_once_it_has_shown(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.venue.listener = None
        rig.venue.lose_answer()
        wanted, order_id = dated()
        rig.submit(wanted)
        await eventually(lambda: S.UNKNOWN in rig.states(order_id))
        wait_for_the_date(rig)
        await rig.until(order_id, S.CANCELLED)
        assert rig.venue.ledger()[order_id].status is OrderStatus.CANCELLED


async def test_an_order_whose_date_has_passed_before_it_could_leave_never_leaves(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        wanted, order_id = dated(-1)
        rig.submit(wanted)
        assert (await rig.until(order_id, S.REJECTED)).reason == "ORDER_EXPIRED"
        assert rig.venue.placed == []


async def test_an_order_without_a_date_stays(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        undated = rig.submit(entry(price="95", intent="undated"))
        order_id = await resting(rig)
        wait_for_the_date(rig)
        await rig.until(order_id, S.CANCELLED)
        assert rig.order(undated).state is S.ACCEPTED


def capabilities(least_gtd_s: float, *, native: bool) -> VenueCapabilities:
    known = frozenset(TimeInForce) if native else frozenset({TimeInForce.GTC})
    return VenueCapabilities(
        "fake", frozenset(OrderType), True, 1, 1, 1, False, times_in_force=known, least_gtd_s=least_gtd_s
    )


@given(
    ahead_s=st.floats(-10, 10_000),
    least_s=st.floats(0, 1_000),
    native=st.booleans(),
    price=st.sampled_from(["95", None]),
)
def test_the_venue_keeps_a_date_only_where_it_will_take_it(
    ahead_s: float, least_s: float, native: bool, price: str | None
) -> None:
    now_ns = 1_800_000_000_000_000_000
    wanted = leg(price=price, expires_ns=now_ns + int(ahead_s * 1e9))
    keeper = kept_by(wanted, capabilities(least_s, native=native), now_ns)
    if keeper is TimeInForce.GTD:
        assert native and price and ahead_s > least_s
    elif native and price:
        assert ahead_s < least_s + 31
    assert kept_by(replace(wanted, expires_ns=None), capabilities(0, native=native), now_ns) is TimeInForce.GTC
    assert wanted.quantity == Decimal(1)
