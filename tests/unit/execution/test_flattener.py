"""Flattening ends when the venue shows that nothing is left, whatever breaks on the way; nothing is sold twice."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.errors import OrderRefused, VenueUnavailable
from core.domain.facts import OrderState
from core.domain.orders import Side
from core.risk.levels import FlattenScope
from tests.waiting import eventually
from unit.execution.flattening_rig import by_hand, closing_orders, flatten, flattener_of, sold
from unit.execution.making import BTC, ETH
from unit.execution.rig import a_venue, cid, entry, rig_on

D = Decimal
DOWN = VenueUnavailable("503")


async def holding(rig, quantity: str = "1", *, stop: str | None = "80") -> None:
    bought = rig.submit(entry(quantity, stop=stop, price=None))
    await rig.until(bought, OrderState.FILLED)
    if stop is not None:
        await eventually(lambda: rig.venue.open_stops(BTC))


def dust_only(rig) -> bool:
    free = rig.venue.balances()["BTC"]
    return free.locked == 0 and free.free < INSTRUMENT_LOT


INSTRUMENT_LOT = D("0.001")


async def test_it_cancels_closes_takes_the_stop_away_and_lists_the_dust(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await holding(rig, "1")
        resting = rig.submit(entry("1", intent="rest", price="90"))
        await rig.until(resting, OrderState.ACCEPTED)
        report = await flatten(rig)
        assert report.is_proven and not report.left and not report.in_doubt and report.note == ""
        assert report.dust == (), "what the fee left was on the lot grid"
        assert rig.order(resting).state is OrderState.CANCELLED
        assert rig.venue.open_orders() == []
        assert rig.executor.statistics().duties == ()
        assert sold(rig.venue) == D("0.999")
        assert rig.executor.parts.books.held(BTC) == 0


async def test_what_is_too_little_to_be_sold_is_listed_and_stays(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await holding(rig, "1.0005".removesuffix("5") + "1", stop=None)  # 1.0001 less its fee: 0.9990999
        report = await flatten(rig)
        assert report.dust == ("BTC/USDT 0.0000999",) or report.dust == ("BTC/USDT 0.0000990",) or len(report.dust) == 1
        assert report.is_proven


async def test_nothing_to_do_is_proven_at_once(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        report = await flatten(rig)
        assert (report.rounds, report.is_proven, closing_orders(rig.venue)) == (1, True, [])


@pytest.mark.parametrize("call", ["open_orders", "balances", "cancel", "fills_since", "server_time_ms"])
async def test_a_call_that_fails_is_made_again_and_the_rest_goes_on(tmp_path: Path, call: str) -> None:
    async with rig_on(tmp_path) as rig:
        await holding(rig)
        rig.venue.fail(call, DOWN, times=3)
        report = await flatten(rig)
        assert report.is_proven
        assert sold(rig.venue) == D("0.999")
        assert len([one for one in rig.venue.trades() if one.side is Side.SELL]) == 1


async def test_a_refused_close_is_tried_again_with_a_new_order_and_the_stop_stands_meanwhile(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await holding(rig)
        flattener = flattener_of(rig)
        rig.venue.fail("place", OrderRefused("halted", code=-1013), times=1)
        stops_seen: list[bool] = []
        rig.venue.meanwhile("place", lambda: None)
        report = await flatten(rig, flattener=flattener)
        stops_seen.append(bool(rig.venue.open_stops(BTC)))
        ids = [one.client_order_id for one in closing_orders(rig.venue)]
        assert report.is_proven and len(ids) == len(set(ids))
        assert sold(rig.venue) == D("0.999")
        assert stops_seen == [False]


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_lost_answer_is_cleared_up_before_anything_is_sold_again(tmp_path: Path, arrives: bool) -> None:
    async with rig_on(tmp_path) as rig:
        await holding(rig, stop=None)
        if arrives:
            rig.venue.lose_answer()
        else:
            rig.venue.lose_request()
        report = await flatten(rig)
        assert report.is_proven
        assert sold(rig.venue) == D("0.999")
        assert len(closing_orders(rig.venue)) == 1, "the lost one, or the one after its absence was proven"


async def test_an_order_in_doubt_keeps_it_from_ending_and_what_it_bought_is_closed(tmp_path: Path) -> None:
    """The venue accepts an entry, tells nobody, and denies for a while that it knows it."""
    venue = a_venue(replica_lag_ms=100)
    async with rig_on(tmp_path, venue) as rig:
        venue.listener = None
        venue.lose_answer()
        lost = rig.submit(entry("1", price=None))
        await rig.until(lost, OrderState.UNKNOWN)
        report = await flatten(rig)
        assert report.is_proven
        assert rig.order(lost).state is OrderState.FILLED
        assert sold(venue) == D("0.999")


async def test_thin_liquidity_takes_as_many_orders_as_it_needs(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await holding(rig, stop=None)
        rig.venue.liquidity[BTC] = D("0.4")
        report = await flatten(rig)
        assert report.is_proven
        assert sold(rig.venue) == D("0.999")
        assert len(closing_orders(rig.venue)) == 3


async def test_others_are_left_alone_unless_the_whole_account_is_meant(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await holding(rig)
        by_hand(rig.venue, "their-bid", "1", Side.BUY, "50")
        by_hand(rig.venue, "their-market", "2", Side.BUY, None)
        rig.venue.prices[ETH] = D(10)
        report = await flatten(rig)
        assert report.is_proven
        assert sold(rig.venue) == D("0.999")
        assert [one.client_order_id for one in rig.venue.open_orders()] == ["their-bid"]
        assert rig.venue.balances()["BTC"].total == D("1.998")

        report = await flatten(rig, FlattenScope.ACCOUNT)
        assert report.is_proven
        assert rig.venue.open_orders() == []
        assert rig.venue.balances()["BTC"].total == 0
        assert rig.venue.balances()["ETH"].total == 0, "the rig's account had ten of them"
        assert rig.executor.parts.books.held(BTC) == 0
        assert rig.executor.parts.books.held(ETH) == 0, "none of it was the bot's"


async def test_somebody_who_sold_it_meanwhile_leaves_nothing_to_sell(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await holding(rig, stop=None)
        by_hand(rig.venue, "theirs", "0.999", Side.SELL, None)
        report = await flatten(rig)
        assert report.is_proven
        assert sold(rig.venue) == D("0.999"), "theirs, and no more"


async def test_a_flattening_cut_off_anywhere_goes_on_in_the_next_life(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        await holding(rig)
        venue.lose_answer("place")
        venue.fail("order", DOWN, times=1_000)
        cut = asyncio.create_task(flatten(rig))
        await eventually(lambda: closing_orders(venue))
        cut.cancel()
        await asyncio.wait([cut])
    venue._faults["order"].clear()
    async with rig_on(tmp_path, venue) as rig:
        report = await flatten(rig)
        assert report.is_proven
        assert sold(venue) == D("0.999")
        assert len(closing_orders(venue)) == 1


async def test_an_instrument_that_the_venue_lists_no_more_is_dust(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await holding(rig, stop=None)
        flattener = flattener_of(rig)
        flattener._parts = replace(flattener._parts, instruments=dict)
        report = await flatten(rig, flattener=flattener)
        assert report.dust == ("BTC/USDT 0.999",)
        assert cid("in") in {order.client_order_id for order in rig.executor.orders()}
