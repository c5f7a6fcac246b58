"""Protective duties on the fake venue: where something is held, its stop stands."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.errors import OrderRefused, StopWouldTrigger, VenueUnavailable
from core.domain.facts import OrderState
from core.domain.orders import OrderType, Purpose, Side
from core.execution.journal.records import Record, RequestRecorded
from tests.waiting import eventually
from unit.execution.making import BTC
from unit.execution.rig import QUICK, Rig, cid, entry, exit_, rig_on

S = OrderState


def stops(rig: Rig) -> list[tuple[Decimal, Decimal | None]]:
    """Quantity and trigger price of those that stand at the venue."""
    return [(one.quantity - one.filled_quantity, one.stop_price) for one in rig.venue.open_stops(BTC)]


async def protected(rig: Rig, quantity: str = "1", intent: str = "in", stop: str = "90") -> None:
    await rig.until(rig.submit(entry(quantity, intent=intent, stop=stop)), S.FILLED)
    await rig.idle()


async def test_a_filled_entry_gets_its_stop_for_what_is_left_after_the_fee(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await protected(rig)
        assert stops(rig) == [(Decimal("0.999"), Decimal("90.00"))]
        (order,) = [one for one in rig.executor.orders() if one.purpose is Purpose.PROTECT]
        assert (order.intent_id, order.state, order.leg.reduce_only) == ("in", S.ACCEPTED, True)
        (duty,) = rig.executor.statistics().duties
        assert (duty.held, duty.covered, duty.note) == ("0.999", "0.999", "")
        assert rig.executor.statistics().unprotected_ms.count == 1


async def test_the_request_of_a_stop_is_durable_before_it_leaves(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.venue.meanwhile("place", lambda: None)
        at_place: list[int] = []
        loop = asyncio.get_running_loop()

        def count() -> None:
            state = asyncio.run_coroutine_threadsafe(rig.journal.load(), loop).result()
            at_place.append(state.n_orders)

        rig.venue.meanwhile("place", count)
        await protected(rig)
        assert at_place == [2]


async def test_a_stop_whose_record_comes_too_late_never_leaves_and_the_journal_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig_on(tmp_path) as rig:
        append = rig.journal.append
        late: list[Sequence[Record]] = []

        async def slow_once(records: Sequence[Record]) -> None:
            await append(records)
            if not late and any(isinstance(each, RequestRecorded) and each.order.role == "stop-1" for each in records):
                late.append(records)
                raise TimeoutError

        monkeypatch.setattr(rig.journal, "append", slow_once)
        await protected(rig)
        await eventually(lambda: stops(rig) == [(Decimal("0.999"), Decimal("90.00"))])
        assert len(rig.venue.placed) == 2, "the entry, and one stop"
        stands = {one.client_order_id for one in rig.venue.placed}
        state = await rig.journal.load()
        given_up = [one for one in state.orders if one.client_order_id not in stands]
        assert [(one.role, one.state) for one in given_up] == [("stop-1", S.REJECTED)]


async def test_each_further_fill_gets_a_stop_of_its_own_and_the_fourth_makes_one_of_them_all(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.venue.liquidity[BTC] = Decimal(1)
        sent = rig.submit(entry("5", price="95", stop="80"))
        await rig.until(sent, S.ACCEPTED)
        for n, quantities in enumerate([["0.999"], ["0.999"] * 2, ["0.999"] * 3, ["3.996"], ["3.996", "0.999"]], 1):
            rig.venue.move(BTC, str(94 - n))
            await eventually(lambda n=n: len(rig.fills()) == n)
            wanted = [Decimal(one) for one in quantities]
            await eventually(lambda wanted=wanted: [one[0] for one in stops(rig)] == wanted)


async def test_a_stop_that_fires_closes_the_duty(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await protected(rig)
        rig.venue.move(BTC, "89")
        await eventually(lambda: not rig.executor.statistics().duties)
        assert [(one.fill.side, one.fill.quantity) for one in rig.fills()] == [
            (Side.BUY, Decimal(1)),
            (Side.SELL, Decimal("0.999")),
        ]
        assert (await rig.journal.load()).duties == ()


async def test_a_stop_that_finds_too_little_to_trade_with_is_followed_by_a_market_order(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await protected(rig)
        rig.venue.liquidity[BTC] = Decimal("0.5")
        rig.venue.move(BTC, "89")
        await eventually(lambda: not rig.executor.statistics().duties)
        orders = [one for one in rig.venue.ledger().values() if one.side is Side.SELL]
        assert [(one.order_type, one.filled_quantity) for one in orders] == [
            (OrderType.STOP_LOSS, Decimal("0.5")),
            (OrderType.MARKET, Decimal("0.499")),
        ]


async def test_an_exit_removes_the_stop_and_sells(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await protected(rig)
        order = await rig.until(rig.submit(exit_("0.999")), S.FILLED)
        assert order.filled_quantity == Decimal("0.999")
        await eventually(lambda: not rig.executor.statistics().duties)
        assert stops(rig) == []
        assert rig.venue.balances()["BTC"].total == 0


async def test_a_partial_exit_leaves_a_stop_for_the_rest(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await protected(rig)
        await rig.until(rig.submit(exit_("0.4")), S.FILLED)
        await eventually(lambda: stops(rig) == [(Decimal("0.599"), Decimal("90.00"))])


async def test_an_exit_that_fails_puts_the_stop_back(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await protected(rig)
        rig.venue.fail("place", OrderRefused("market closed", code=-1013))
        await rig.until(rig.submit(exit_("0.999")), S.REJECTED)
        await eventually(lambda: stops(rig) == [(Decimal("0.999"), Decimal("90.00"))])
        assert len([one for one in rig.venue.ledger().values() if one.order_type is OrderType.STOP_LOSS]) == 2


async def test_an_exit_that_times_out_and_never_arrived_puts_the_stop_back(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await protected(rig)
        rig.venue.lose_request()
        await rig.until(rig.submit(exit_("0.999")), S.UNKNOWN)
        assert stops(rig) == []
        rig.venue.ahead_ms = 5_000
        await rig.until(cid("out"), S.ABSENT)
        await eventually(lambda: stops(rig) == [(Decimal("0.999"), Decimal("90.00"))])


async def test_an_exit_whose_stop_filled_first_is_dropped(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await protected(rig)
        rig.venue.listener = None
        rig.venue.meanwhile("cancel", lambda: rig.venue.move(BTC, "89"))
        order = await rig.until(rig.submit(exit_("0.999")), S.REJECTED)
        assert order.reason == "NOTHING_HELD"
        assert rig.venue.balances()["BTC"].total == 0
        await eventually(lambda: not rig.executor.statistics().duties)


async def test_an_exit_whose_stop_filled_in_part_sells_what_is_left(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await protected(rig)
        rig.venue.listener = None
        rig.venue.liquidity[BTC] = Decimal("0.3")

        def nearly() -> None:
            rig.venue.move(BTC, "89")
            rig.venue.liquidity.clear()

        rig.venue.meanwhile("cancel", nearly)
        order = await rig.until(rig.submit(exit_("0.999")), S.FILLED)
        assert order.leg.quantity == Decimal("0.699")
        assert rig.venue.balances()["BTC"].total == 0


async def test_an_exit_is_given_up_while_its_stop_can_not_be_proven_gone(tmp_path: Path) -> None:
    settings = QUICK.model_copy(update={"clear_stop_s": 0.1})
    async with rig_on(tmp_path, settings=settings) as rig:
        await protected(rig)
        rig.venue.fail("cancel", VenueUnavailable("down"), times=1_000)
        order = await rig.until(rig.submit(exit_("0.999")), S.REJECTED)
        assert order.reason.startswith("STOP_STANDS why=STOP_STANDS client_order_id=mtn-")
        assert len(stops(rig)) == 1


async def test_a_stop_whose_time_has_come_becomes_a_market_order(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.venue.meanwhile("place", lambda: rig.venue.move(BTC, "85"), after=True)
        await rig.until(rig.submit(entry("1", stop="90")), S.FILLED)
        await eventually(lambda: [one.fill.side for one in rig.fills()] == [Side.BUY, Side.SELL])
        await eventually(lambda: not rig.executor.statistics().duties)
        assert rig.venue.placed[-1].leg.order_type is OrderType.MARKET


async def test_a_stop_that_the_venue_refuses_for_good_closes_the_position(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        place = rig.venue.place

        def refuse_stops(request: object, **options: object) -> object:
            if request.leg.order_type is OrderType.STOP_LOSS:
                raise OrderRefused("Filter failure: MAX_NUM_ALGO_ORDERS", code=-1013)
            return place(request)

        rig.executor._parts.desk._venue = type(
            "Refusing", (), {"__getattr__": lambda _, name: getattr(rig.venue, name)}
        )()
        rig.executor._parts.desk._venue.place = refuse_stops
        await rig.until(rig.submit(entry("1", stop="90")), S.FILLED)
        await eventually(lambda: not rig.executor.statistics().duties)
        assert rig.venue.balances()["BTC"].total == 0


async def test_a_stop_refused_because_the_asset_has_gone_covers_what_is_there(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.venue.meanwhile("place", lambda: rig.venue.deposit("BTC", "-0.5"), after=True)
        await rig.until(rig.submit(entry("1", stop="90")), S.FILLED)
        await eventually(lambda: stops(rig) == [(Decimal("0.499"), Decimal("90.00"))])
        await eventually(lambda: rig.executor.statistics().duties[0].note.startswith("ASSET_MISSING uncovered=0.500"))


async def test_what_stays_away_is_looked_for_and_not_ordered_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.execution.placing._BELIEVED_S", 0.02)
    async with rig_on(tmp_path) as rig:
        rig.venue.meanwhile("place", lambda: rig.venue.deposit("BTC", "-0.5"), after=True)
        await rig.until(rig.submit(entry("1", stop="90")), S.FILLED)
        await eventually(lambda: rig.executor.statistics().duties[0].note.startswith("ASSET_MISSING uncovered=0.500"))
        looks = rig.venue.calls.count("balances")
        await eventually(lambda: rig.venue.calls.count("balances") > looks + 10)
        assert sum(order.purpose is Purpose.PROTECT for order in rig.executor.orders()) <= 3
        rig.venue.deposit("BTC", "0.5")
        await eventually(lambda: sum(quantity for quantity, _ in stops(rig)) == Decimal("0.999"))


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_stop_in_doubt_is_asked_after_and_never_doubled(tmp_path: Path, arrived: bool) -> None:
    async with rig_on(tmp_path) as rig:
        rig.venue.listener = None
        rig.venue.meanwhile("place", lambda: None)
        if arrived:
            rig.venue.lose_answer()
        else:
            rig.venue.lose_request()
        await rig.until(rig.submit(entry("1", stop="90")), S.FILLED)
        if not arrived:
            await eventually(lambda: rig.executor.statistics().unknown == 1)
            rig.venue.ahead_ms = 5_000
        await eventually(lambda: rig.executor.statistics().unknown == 0 and len(stops(rig)) == 1)
        await eventually(lambda: rig.executor.statistics().duties[0].note == "")
        assert len([one for one in rig.venue.ledger().values() if one.order_type is OrderType.STOP_LOSS]) == 1


async def test_a_venue_that_is_away_for_a_while_gets_the_stop_when_it_is_back(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.venue.meanwhile("place", lambda: None)
        rig.venue.fail("place", VenueUnavailable("down"))
        await rig.until(rig.submit(entry("1", stop="90")), S.FILLED)
        await eventually(lambda: "STOP_MISSING unavailable" in rig.executor.statistics().duties[0].note)
        await eventually(lambda: len(stops(rig)) == 1)
        await eventually(lambda: rig.executor.statistics().duties[0].note == "")


async def test_a_stop_cancelled_by_hand_is_put_back(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await protected(rig)
        (stop,) = rig.venue.open_stops(BTC)
        rig.venue.cancel(BTC, stop.client_order_id)
        await eventually(lambda: stops(rig) == [(Decimal("0.999"), Decimal("90.00"))])
        assert rig.venue.open_stops(BTC)[0].client_order_id != stop.client_order_id


async def test_two_entries_have_two_stops_and_an_exit_takes_from_the_older(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await protected(rig, "1", "first", "90")
        await protected(rig, "2", "second", "85")
        assert stops(rig) == [(Decimal("0.999"), Decimal("90.00")), (Decimal("1.998"), Decimal("85.00"))]
        await rig.until(rig.submit(exit_("1.5")), S.FILLED)
        await eventually(lambda: stops(rig) == [(Decimal("1.497"), Decimal("85.00"))])


async def test_an_entry_that_ends_unfilled_owes_nothing(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        sent = rig.submit(entry("1", price="80", stop="70"))
        await rig.until(sent, S.ACCEPTED)
        assert len(rig.executor.statistics().duties) == 1
        await rig.executor.cancel(sent)
        await eventually(lambda: not rig.executor.statistics().duties)


async def test_a_target_alone_is_a_take_profit(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await rig.until(rig.submit(entry("1", intent="target", target="120")), S.FILLED)
        await eventually(lambda: stops(rig) == [(Decimal("0.999"), Decimal("120.00"))])
        assert rig.venue.open_stops(BTC)[0].order_type is OrderType.TAKE_PROFIT
        rig.venue.move(BTC, "125")
        await eventually(lambda: not rig.executor.statistics().duties)


async def test_the_market_moves_while_the_market_close_is_refused_it_keeps_trying(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.venue.meanwhile("place", lambda: None)
        rig.venue.fail("place", StopWouldTrigger("Stop price would trigger immediately.", code=-2010))
        rig.venue.fail("place", OrderRefused("trading is disabled", code=-1013))
        await rig.until(rig.submit(entry("1", stop="90")), S.FILLED)
        await eventually(lambda: "STOP_MISSING refused [-" in rig.executor.statistics().duties[0].note)
        await eventually(lambda: len(stops(rig)) == 1)
