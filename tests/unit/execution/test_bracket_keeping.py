"""Stops, targets and trailing stops on the fake venue, in each of the ways in which venues have them."""

from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.errors import OrderRefused, VenueUnavailable
from core.domain.facts import OrderState
from core.domain.orders import OrderType, Proposal, Protection, Purpose, Side
from core.ports.venue import Pairing
from tests.waiting import eventually
from unit.execution.making import BTC
from unit.execution.rig import QUICK, Rig, a_venue, entry, exit_, rig_on

S, D = OrderState, Decimal


def standing(rig: Rig) -> list[tuple[str, str, str]]:
    """Type, quantity left and trigger of what protects at the venue."""
    return [
        (one.order_type.value, plain(one.quantity - one.filled_quantity), plain(one.stop_price))
        for one in rig.venue.open_stops(BTC)
    ]


def plain(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount.normalize():f}"


async def has_no_duties(rig: Rig) -> bool:
    return (await rig.journal.load()).duties == ()


BOTH = [("stop_loss", "0.999", "90"), ("take_profit", "0.999", "120")]


async def bracket(rig: Rig, **changes: str) -> None:
    await rig.until(rig.submit(entry("1", stop="90", target="120", **changes)), S.FILLED)
    await rig.idle()


def is_free(rig: Rig) -> bool:
    return not rig.executor.statistics().duties and not rig.venue.open_stops(BTC)


@pytest.mark.parametrize("pairing", [Pairing.LIST, Pairing.APART])
@pytest.mark.parametrize("price", ["89", "121"])
async def test_when_one_trades_the_other_goes(tmp_path: Path, pairing: Pairing, price: str) -> None:
    async with rig_on(tmp_path, a_venue(pairing=pairing)) as rig:
        await bracket(rig)
        await eventually(lambda: standing(rig) == BOTH)
        # What a slow commit had put off is still noted while the venue's answer is on its way.
        await eventually(lambda: rig.executor.statistics().duties[0].note == "")
        (duty,) = rig.executor.statistics().duties
        assert (duty.covered, duty.target_price, duty.is_target_watched) == ("0.999", "120", False)
        rig.venue.move(BTC, price)
        await eventually(lambda: is_free(rig))
        await eventually(lambda: [each.fill.side for each in rig.fills()] == [Side.BUY, Side.SELL])
        assert rig.venue.balances()["BTC"].total == 0
        await eventually(lambda: has_no_duties(rig))


@pytest.mark.parametrize("pairing", list(Pairing))
async def test_an_exit_takes_everything_away_and_a_failed_one_puts_it_back(tmp_path: Path, pairing: Pairing) -> None:
    async with rig_on(tmp_path, a_venue(pairing=pairing)) as rig:
        await bracket(rig)
        was = standing(rig)
        rig.venue.fail("place", OrderRefused("market closed", code=-1013))
        await rig.until(rig.submit(exit_("0.999", intent="fails")), S.REJECTED)
        await eventually(lambda: standing(rig) == was)
        await rig.until(rig.submit(exit_("0.999")), S.FILLED)
        await eventually(lambda: is_free(rig))
        assert rig.venue.balances()["BTC"].total == 0
        assert rig.executor.statistics().unprotected_ms.count == 3


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_lost_answer_leaves_both_in_doubt_and_neither_is_sent_again(tmp_path: Path, arrived: bool) -> None:
    async with rig_on(tmp_path) as rig:
        rig.venue.listener = None
        if arrived:
            rig.venue.lose_answer("place_pair")
        else:
            rig.venue.lose_request("place_pair")
        await rig.until(rig.submit(entry("1", stop="90", target="120")), S.FILLED)
        if not arrived:
            await eventually(lambda: rig.executor.statistics().unknown == 2)
            rig.venue.ahead_ms = 5_000
        await eventually(lambda: standing(rig) == BOTH)
        await eventually(lambda: rig.executor.statistics().duties[0].note == "")
        sent = [each.role for each in rig.executor._parts.books.orders() if each.purpose is Purpose.PROTECT]
        pairs = ["pair-1-stop", "pair-1-target"]
        assert sent == pairs if arrived else [*pairs, "pair-3-stop", "pair-3-target"]


async def test_a_restart_knows_both_orders_and_leaves_them(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        await bracket(rig)
        await eventually(lambda: standing(rig) == BOTH)
    async with rig_on(tmp_path, venue) as rig:
        assert standing(rig) == BOTH
        assert rig.report.stops_armed == 0
        venue.move(BTC, "121")
        await eventually(lambda: is_free(rig))


async def test_an_order_list_that_the_venue_refuses_leaves_the_stop_and_watches_the_target(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.venue.fail("place_pair", OrderRefused("Filter failure: MAX_NUM_ORDER_LISTS", code=-1013))
        await bracket(rig)
        await eventually(lambda: standing(rig) == BOTH[:1])
        assert rig.executor.statistics().duties[0].is_target_watched
        rig.executor.on_quote(BTC, 119.99, 120.01)
        rig.executor.on_quote(BTC, 120.0, 120.01)
        await eventually(lambda: is_free(rig))
        assert rig.venue.placed[-1].leg.order_type is OrderType.MARKET


async def test_a_target_refused_beside_its_stop_is_watched(tmp_path: Path) -> None:
    async with rig_on(tmp_path, a_venue(pairing=Pairing.APART)) as rig:
        rig.venue.meanwhile("place", lambda: None)
        rig.venue.meanwhile("place", lambda: None)
        rig.venue.fail("place", OrderRefused("Reach max stop order limit.", code=-4045))
        await bracket(rig)
        await eventually(lambda: rig.executor.statistics().duties[0].is_target_watched)
        assert standing(rig) == BOTH[:1]


async def test_a_target_that_is_reached_before_it_stands_sells_at_the_market(tmp_path: Path) -> None:
    for n, pairing in enumerate((Pairing.LIST, Pairing.APART)):
        async with rig_on(tmp_path / str(n), a_venue(pairing=pairing)) as rig:
            rig.venue.meanwhile("place", lambda rig=rig: rig.venue.move(BTC, "125"), after=True)
            await rig.until(rig.submit(entry("1", stop="90", target="120")), S.FILLED)
            await eventually(lambda rig=rig: is_free(rig))
            await eventually(lambda rig=rig: [each.fill.price for each in rig.fills()] == [100, 125])


async def test_what_a_watched_target_was_reached_for_is_sold_by_the_next_life(tmp_path: Path) -> None:
    """The life ends with the stop removed and the sale refused; the price has fallen back when the next one begins."""
    venue = a_venue(pairing=Pairing.NONE)
    async with rig_on(tmp_path, venue, settings=QUICK.model_copy(update={"settle_on_stop_s": 0.05})) as rig:
        await bracket(rig)
        venue.fail("place", VenueUnavailable("down"), times=10_000)
        rig.executor.on_quote(BTC, 121.0, 121.1)
        await eventually(lambda: not venue.open_stops(BTC))
        await eventually(lambda: "STOP_MISSING" in rig.executor.statistics().duties[0].note)
    venue._faults.clear()
    venue.move(BTC, "110")
    async with rig_on(tmp_path, venue) as rig:
        await eventually(lambda: is_free(rig))
        assert venue.balances()["BTC"].total == 0


def trailing(stop: str = "95", distance: str = "5", intent: str = "in") -> Proposal:
    return entry("1", intent=intent, stop=stop, protection=Protection(D(stop), None, D(distance)))


async def test_a_trailing_stop_is_moved_up_and_a_restart_does_not_loosen_it(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        await rig.until(rig.submit(trailing()), S.FILLED)
        await eventually(lambda: standing(rig) == [("stop_loss", "0.999", "95")])
        rig.executor.on_quote(BTC, 100.2, 100.3)
        rig.executor.on_quote(BTC, 103.0, 103.1)
        await eventually(lambda: standing(rig) == [("stop_loss", "0.999", "98")])
        (duty,) = rig.executor.statistics().duties
        assert (D(duty.stop_price), duty.trailing_distance) == (98, "5")
        rig.executor.on_quote(BTC, 99.0, 99.1)
    async with rig_on(tmp_path, venue) as rig:
        assert standing(rig) == [("stop_loss", "0.999", "98")]
        (stop,) = venue.open_stops(BTC)
        venue.cancel(BTC, stop.client_order_id)
        await eventually(lambda: standing(rig) == [("stop_loss", "0.999", "98")])
        venue.move(BTC, "97.5")
        await eventually(lambda: is_free(rig))


async def test_a_move_that_ends_in_a_crash_is_finished_by_the_next_life(tmp_path: Path) -> None:
    """The old stop is gone, the new one never left: the journal knows where it belongs."""
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        await rig.until(rig.submit(trailing()), S.FILLED)
        await rig.idle()
        venue.fail("place", VenueUnavailable("down"), times=10_000)
        rig.executor.on_quote(BTC, 104.0, 104.1)
        await eventually(lambda: not venue.open_stops(BTC))
    venue._faults.clear()
    async with rig_on(tmp_path, venue) as rig:
        await eventually(lambda: standing(rig) == [("stop_loss", "0.999", "99")])


async def test_a_position_long_without_its_stop_is_said_once_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.execution.bare_times.OVERDUE_S", 0.02)
    async with rig_on(tmp_path) as rig:
        rig.venue.meanwhile("place", lambda: None)
        rig.venue.fail("place", VenueUnavailable("down"), times=1)
        await rig.until(rig.submit(entry("1", stop="90")), S.FILLED)
        await eventually(lambda: rig.executor.statistics().unprotected_overdue == 1)
        await eventually(lambda: len(standing(rig)) == 1)
        await eventually(lambda: rig.executor.statistics().unprotected_now_s == 0)
        assert rig.executor.statistics().unprotected_overdue == 1
