"""Others' orders on the account: left alone, adopted or cancelled, as the settings say; never out of view."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.commands import CommandRefused
from core.domain.errors import OrderRefused
from core.domain.facts import OrderState
from core.domain.orders import OrderReport, OrderRequest, OrderStatus, Purpose, Side
from core.execution.amending import new_terms
from core.execution.events import Filled, Reported
from core.execution.holdings import may_add
from core.execution.machine import advance
from core.execution.strangers import adopted, adopted_id
from tests.waiting import eventually
from unit.execution.fake_venue import FakeVenue
from unit.execution.flattening_rig import by_hand, flatten, sold
from unit.execution.making import BTC, ETH, INSTRUMENTS, VENUE_ID, fill, leg, order, report
from unit.execution.rig import QUICK, Rig, a_venue, cid, entry, exit_, rig_on

D = Decimal
S = OrderState


def rigged(folder: Path, policy: str, venue: FakeVenue):
    return rig_on(folder, venue, settings=QUICK.model_copy(update={"foreign_orders": policy}), traded=[BTC])


def id_of(report: OrderReport):
    return adopted_id((report.instrument_id, report.venue_order_id))


def foreign_ids(rig: Rig) -> set[str]:
    return {one.client_order_id for one in rig.executor.statistics().foreign}


async def test_an_adopted_order_is_ours_from_then_on_and_what_it_filled_before_is_not(tmp_path: Path) -> None:
    venue = a_venue()
    venue.liquidity[BTC] = D("0.25")
    grid = by_hand(venue, "grid-7", "1", Side.BUY, "100")
    async with rigged(tmp_path, "adopt", venue) as rig:
        mine = id_of(grid)
        adopted_now = await rig.until(mine, S.PARTIALLY_FILLED, S.ACCEPTED)
        assert (adopted_now.purpose, adopted_now.leg.quantity) == (Purpose.MANUAL, D("0.75"))
        assert adopted_now.reason == "ADOPTED grid-7"
        assert rig.executor.statistics().foreign_orders == 0
        assert rig.executor.parts.books.held(BTC) == 0, "somebody else's"
        venue.move(BTC, "99")
        await eventually(lambda: rig.order(mine).filled_quantity == D("0.25"))
        assert rig.executor.parts.books.held(BTC) == D("0.25") * D("0.999")
        assert rig.order(mine).unbooked_quantity == 0
    async with rigged(tmp_path, "ignore", venue) as rig:
        assert rig.order(mine).filled_quantity == D("0.25"), "what was adopted stays so"
        assert rig.executor.statistics().foreign_orders == 0
        venue.listener = None
        venue.move(BTC, "98")
        assert await rig.executor.reconcile()
        assert rig.order(mine).filled_quantity == D("0.5")
        assert await rig.executor.reconcile() == ()
        seen = await rig.executor.cancel(mine)
        assert seen is not None and seen.state is S.CANCELLED
        assert venue.ledger()["grid-7"].status is OrderStatus.CANCELLED
        assert rig.executor.parts.books.unsettled() == []
        venue.listener = rig.listener
        again = by_hand(venue, "grid-7", "1", Side.BUY, "50")
        assert await rig.executor.reconcile() == ()
        assert foreign_ids(rig) == {"grid-7"}, "another order by the same name"
        assert rig.order(mine).state is S.CANCELLED
        assert id_of(again) != mine


async def test_a_flattening_covers_what_was_adopted(tmp_path: Path) -> None:
    venue = a_venue()
    async with rigged(tmp_path, "adopt", venue) as rig:
        bid = by_hand(venue, "bid", "2", Side.BUY, "90")
        await rig.until(id_of(bid), S.ACCEPTED)
        venue.move(BTC, "90")
        await rig.until(id_of(bid), S.FILLED)
        resting = by_hand(venue, "resting", "1", Side.BUY, "50")
        await rig.until(id_of(resting), S.ACCEPTED)
        report = await flatten(rig)
        assert report.is_proven
        assert rig.order(id_of(resting)).state is S.CANCELLED
        assert sold(venue) == D("1.998")


async def test_cancelled_where_the_settings_say_so_and_left_alone_in_what_is_not_traded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.execution.strangers._AGAIN_S", 0.1)
    venue = a_venue()
    venue.prices[ETH] = D(10)
    venue.place(OrderRequest("elsewhere", replace(leg("1", price="9"), instrument_id=ETH)))
    async with rigged(tmp_path, "cancel", venue) as rig:
        venue.fail("cancel", OrderRefused("not now", code=-1013))
        by_hand(venue, "theirs", "1", Side.BUY, "90")
        own = rig.submit(entry("1", price="91"))
        await rig.until(own, S.ACCEPTED)
        await eventually(lambda: venue.ledger()["theirs"].status is OrderStatus.CANCELLED)
        await eventually(lambda: foreign_ids(rig) == {"elsewhere"})
        assert rig.order(own).state is S.ACCEPTED
        assert venue.ledger()["elsewhere"].status is OrderStatus.NEW


@pytest.mark.parametrize("policy", ["adopt", "cancel"])
async def test_nothing_is_done_while_an_order_of_ours_is_still_to_be_named(tmp_path: Path, policy: str) -> None:
    venue = a_venue(window_ms=None)
    async with rigged(tmp_path, policy, venue) as rig:
        venue.lose_request()
        lost = rig.submit(entry("1", price="90"))
        await rig.until(lost, S.UNKNOWN)
        by_hand(venue, "theirs", "1", Side.BUY, "80")
        await eventually(lambda: foreign_ids(rig) == {"theirs"})
        strangers = rig.executor.parts.strangers
        assert not await strangers._deal_with_all()
        assert foreign_ids(rig) == {"theirs"}
        assert venue.ledger()["theirs"].status is OrderStatus.NEW


async def test_one_that_is_noticed_while_the_venue_is_read_is_not_forgotten(tmp_path: Path) -> None:
    venue = a_venue()
    async with rigged(tmp_path, "ignore", venue) as rig:
        venue.meanwhile("fills_since", lambda: by_hand(venue, "late", "1", Side.BUY, "90"))
        rig.executor.parts.reconciler.watch(order())
        await rig.executor.reconcile()
        await eventually(lambda: foreign_ids(rig) == {"late"})


async def test_what_was_traded_before_the_first_look_at_the_balances_is_in_them(tmp_path: Path) -> None:
    venue = a_venue()
    venue.liquidity[BTC] = D("0.25")
    by_hand(venue, "grid-7", "1", Side.BUY, "100")
    async with rigged(tmp_path, "ignore", venue) as rig:
        for _ in range(3):
            assert await rig.executor.reconcile() == ()
        assert rig.executor.unexplained_balances() == {}


async def test_an_exit_leaves_what_an_adopted_order_is_about_to_sell(tmp_path: Path) -> None:
    venue = a_venue()
    async with rigged(tmp_path, "adopt", venue) as rig:
        await rig.until(rig.submit(entry("2", price=None)), S.FILLED)
        offer = by_hand(venue, "offer", "1.5", Side.SELL, "200")
        await rig.until(id_of(offer), S.ACCEPTED)
        out = await rig.until(rig.submit(exit_("1.998")), S.FILLED, S.REJECTED)
        assert (out.state, out.filled_quantity) == (S.FILLED, D("0.498"))


def test_its_maker_may_change_how_much() -> None:
    mine = adopted(report(order("1"), OrderStatus.PARTIALLY_FILLED, "0.25"), None)
    assert mine.leg.quantity == D("0.75")
    bigger = report(order("2"), OrderStatus.PARTIALLY_FILLED, "0.5")
    known, oddity = advance(mine, Reported(mine.client_order_id, 2, bigger))
    assert (known.leg.quantity, known.filled_quantity, oddity) == (D("1.75"), D("0.25"), None)
    for number, quantity in enumerate(("0.25", "1.5")):
        known, oddity = advance(
            known, Filled(mine.client_order_id, 3, fill(quantity, trade_id=str(number), event_ns=9_000))
        )
    assert (known.state, known.is_settled, oddity) == (S.FILLED, True, None)


def test_it_is_amended_where_it_was_made() -> None:
    first = report(order(), OrderStatus.NEW)
    mine, _ = advance(adopted(first, None), Reported(cid("x"), 1, first))
    with pytest.raises(CommandRefused, match=f"adopted from somebody else, who calls it {first.client_order_id}"):
        new_terms(mine, D(90), None, INSTRUMENTS[BTC])


def test_a_picture_by_a_name_that_is_used_again_is_not_its_own() -> None:
    first = report(order(), OrderStatus.NEW)
    mine, _ = advance(adopted(first, None), Reported(cid("x"), 1, first))
    assert mine.pictured_by(first)
    assert not mine.pictured_by(replace(first, venue_order_id="101"))
    assert order(venue_order_id=VENUE_ID).pictured_by(replace(first, venue_order_id="101")), "our ids are used once"


@pytest.mark.parametrize(
    ("purpose", "side", "reduce_only", "adds"),
    [
        (Purpose.ENTRY, Side.SELL, False, True),
        (Purpose.EXIT, Side.BUY, False, False),
        (Purpose.PROTECT, Side.BUY, False, False),
        (Purpose.MANUAL, Side.BUY, False, True),
        (Purpose.MANUAL, Side.BUY, True, False),
        (Purpose.MANUAL, Side.SELL, False, False),
    ],
)
def test_what_may_add_to_a_long_position(purpose: Purpose, side: Side, reduce_only: bool, adds: bool) -> None:
    one = order(purpose=purpose, leg=leg("1", side, reduce_only=reduce_only))
    assert may_add(one, D(2)) is adds
    assert purpose is not Purpose.MANUAL or may_add(one, D(0)) is not reduce_only, "nothing held: either side opens"


async def test_reduce_only_cancels_what_was_adopted_and_may_add(tmp_path: Path) -> None:
    venue = a_venue()
    async with rigged(tmp_path, "adopt", venue) as rig:
        await rig.until(rig.submit(entry("1", price=None)), S.FILLED)
        bid, offer = by_hand(venue, "bid", "1", Side.BUY, "50"), by_hand(venue, "offer", "0.5", Side.SELL, "200")
        for each in (bid, offer):
            await rig.until(id_of(each), S.ACCEPTED)
        assert await rig.executor.cancel_working(Purpose.ENTRY, "REDUCE_ONLY") == ()
        assert rig.order(id_of(bid)).state is S.CANCELLED
        assert rig.order(id_of(offer)).state is S.ACCEPTED
