"""Amendments on real sockets: in place and by another order, at a simulated venue that loses answers and is faster."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.commands import AmendResult
from core.domain.facts import OrderState
from core.domain.instruments import InstrumentKind
from core.domain.orders import Terms
from integration.execution.traders import SPOT, SWAP, Trader, trader_at
from tests.venues import VenueProcess
from tests.waiting import eventually

pytestmark = pytest.mark.processes

SPEED = 20.0


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    options = ("--latency-ms", "0", "--limits", "relaxed", "--messages-per-s", "1")
    process = VenueProcess(tmp_path_factory.mktemp("venue"), symbols=(SPOT, SWAP), speed=SPEED, options=options)
    yield process
    assert process.stop() == 0


@pytest.fixture(params=[SPOT, SWAP], ids=["spot", "usdm"])
async def trader(request: pytest.FixtureRequest, venue: VenueProcess, tmp_path: Path) -> AsyncIterator[Trader]:
    async with trader_at(venue, request.param, tmp_path) as found:
        yield found


async def test_a_smaller_order_stays_the_same_one(trader: Trader) -> None:
    old = await trader.rest()
    report = await trader.amend(old, quantity=Decimal("0.012"))
    assert (report.result, report.replacement) == (AmendResult.AMENDED, None)
    (only,) = await asyncio.to_thread(trader.at_venue)
    assert (only.client_order_id, only.quantity) == (old.client_order_id, Decimal("0.012"))
    cancelled = await trader.executor.cancel(old.client_order_id)
    assert cancelled is not None
    assert cancelled.state is OrderState.CANCELLED, "it still goes by its name"


async def test_another_price_is_amended_in_place_where_the_venue_can_and_else_by_another_order(trader: Trader) -> None:
    old = await trader.rest()
    wanted = await asyncio.to_thread(trader.price, 0.91)
    report = await trader.amend(old, price=wanted, quantity=Decimal("0.03"))
    is_spot = trader.instrument.kind is InstrumentKind.SPOT
    assert report.result is (AmendResult.REPLACED if is_spot else AmendResult.AMENDED)
    assert await asyncio.to_thread(trader.live) == [Terms(Decimal("0.03"), wanted)]
    assert len(await asyncio.to_thread(trader.at_venue)) == (2 if is_spot else 1)


@pytest.mark.parametrize("how", ["reset", "unknown"])
async def test_a_lost_answer_to_an_amendment_is_found_out_and_it_is_not_sent_again(trader: Trader, how: str) -> None:
    old = await trader.rest()
    trader.fault("lose_answer", how=how, route="PUT */order*")
    report = await trader.amend(old, quantity=Decimal("0.012"))
    assert report.result is AmendResult.AMENDED
    (only,) = await asyncio.to_thread(trader.at_venue)
    assert only.quantity == Decimal("0.012") == report.order.leg.quantity


@pytest.mark.slow
async def test_an_amendment_that_never_arrived_is_proven_not_to_have(trader: Trader) -> None:
    old = await trader.rest()
    trader.fault("refuse", answer="bad_gateway", route="PUT */order*")
    report = await trader.amend(old, quantity=Decimal("0.012"))
    assert report.result is AmendResult.REFUSED
    assert "never arrived" in report.note
    (only,) = await asyncio.to_thread(trader.at_venue)
    assert only.quantity == Decimal("0.02") == report.order.leg.quantity


@pytest.mark.parametrize("fill", [0.3, 1.0])
async def test_what_fills_while_it_is_cancelled_is_not_asked_for_again(
    venue: VenueProcess, tmp_path: Path, fill: float
) -> None:
    async with trader_at(venue, SPOT, tmp_path) as trader:
        old = await trader.rest()
        wanted = await asyncio.to_thread(trader.price, 0.91)
        trader.fault("cancel_race", fill=fill)
        report = await trader.amend(old, price=wanted)
        filled = report.order.filled_quantity
        assert filled > 0
        orders = await asyncio.to_thread(trader.at_venue)
        assert sum((one.quantity for one in orders if one.client_order_id != old.client_order_id), filled) == Decimal(
            "0.02"
        )
        assert await asyncio.to_thread(trader.live) == (
            [] if fill == 1.0 else [Terms(Decimal("0.02") - filled, wanted)]
        )


@pytest.mark.parametrize(("route", "n_live"), [("DELETE */order", 1), ("POST */order", 1)])
async def test_a_lost_answer_on_the_way_leaves_one_order(
    venue: VenueProcess, tmp_path: Path, route: str, n_live: int
) -> None:
    async with trader_at(venue, SPOT, tmp_path) as trader:
        old = await trader.rest()
        trader.fault("lose_answer", how="reset", route=route)
        wanted = await asyncio.to_thread(trader.price, 0.91)
        report = await trader.amend(old, price=wanted)
        assert report.replacement is not None
        new = report.replacement.client_order_id
        await eventually(lambda: trader.executor.statistics().unknown == 0)
        assert await asyncio.to_thread(trader.live) == [Terms(Decimal("0.02"), wanted)] * n_live
        known = trader.executor.order(new)
        assert known is not None
        assert known.state is OrderState.ACCEPTED
