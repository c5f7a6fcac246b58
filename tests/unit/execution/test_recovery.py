"""Starting up is recovery: whatever the last life left behind, the next one finds the venue's truth."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.domain.errors import RequestRefused, VenueUnavailable
from core.domain.facts import OrderState
from core.domain.orders import OrderRequest, OrderStatus, Side, UserStreamRestored
from core.execution.executor import OrderExecutor
from core.execution.intake import duties_of, orders_of
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.execution.journal.records import DutyOpened, IntentRecorded, RequestRecorded
from core.execution.reconciler import EpochChanged
from core.execution.reconciliation import MarkVanished
from core.runtime.clocks import SystemMonotonicClock, WallClock
from core.settings.execution import ExecutionSettings
from tests.waiting import eventually
from unit.execution.fake_venue import FakeVenue
from unit.execution.making import BTC, INSTRUMENTS, leg
from unit.execution.rig import a_venue, cid, entry, exit_, quantities, rig_on

S = OrderState


async def left_behind(folder: Path, venue: FakeVenue, *, arrived: bool, stop: str | None = None) -> None:
    """As after SIGKILL between the commit of an intent and its answer."""
    journal = Journal(JournalIdentity("paper", "fake", "main"), data_dir=folder)
    await journal.open("epoch-1")
    wanted = entry("1", stop=stop)
    orders = orders_of(wanted, WallClock().now_ns(), 50)
    duties = duties_of(wanted, orders)
    await journal.append([IntentRecorded(wanted, 1, 1), *map(RequestRecorded, orders), *map(DutyOpened, duties)])
    if arrived:
        venue.place(OrderRequest(orders[0].client_order_id, orders[0].leg))
    await journal.close()


async def test_an_order_that_arrived_is_found_filled_and_gets_its_stop(tmp_path: Path) -> None:
    venue = a_venue()
    await left_behind(tmp_path, venue, arrived=True, stop="90")
    async with rig_on(tmp_path, venue) as rig:
        assert (rig.report.lost_track_of, rig.report.unresolved, rig.report.stops_armed) == (1, (), 1)
        assert rig.states(cid("in")) == [S.UNKNOWN, S.FILLED]
        assert quantities(rig.fills()) == [Decimal(1)]
        assert [one.quantity for one in venue.open_stops(BTC)] == [Decimal("0.999")]
        assert len(venue.ledger()) == 2


async def test_an_order_that_never_arrived_is_absent_and_not_sent_again(tmp_path: Path) -> None:
    venue = a_venue()
    await left_behind(tmp_path, venue, arrived=False, stop="90")
    async with rig_on(tmp_path, venue) as rig:
        assert rig.states(cid("in")) == [S.UNKNOWN, S.ABSENT]
        assert venue.placed == []
        assert rig.executor.statistics().duties == ()


async def test_what_fills_while_recovery_proves_an_absence_gets_its_stop_before_recovery_ends(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        await rig.until(rig.submit(entry("1", intent="resting", price="95", stop="90")), S.ACCEPTED)
    await left_behind(tmp_path, venue, arrived=False)

    class FillsMeanwhile:
        """The price falls while the reads of a proof are made."""

        def __getattr__(self, name: str) -> Any:
            if name == "orders_since":
                venue.move(BTC, "94")
            return getattr(venue, name)

    async with rig_on(tmp_path, venue, port=FillsMeanwhile()) as rig:
        assert rig.states(cid("in")) == [S.UNKNOWN, S.ABSENT]
        assert rig.report.stops_armed == 1
        assert [one.quantity for one in venue.open_stops(BTC)] == [Decimal("0.999")]


async def test_what_happened_while_the_daemon_was_down_is_learnt(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        await rig.until(rig.submit(entry("1", intent="held", stop="90")), S.FILLED)
        resting, dying = (
            rig.submit(entry("1", intent="resting", price="95")),
            rig.submit(entry(intent="dying", price="50")),
        )
        await rig.until(resting, S.ACCEPTED)
        await rig.until(dying, S.ACCEPTED)
    venue.move(BTC, "94")
    venue.cancel(BTC, dying)
    venue.move(BTC, "89")
    async with rig_on(tmp_path, venue) as rig:
        assert [side for _, side in rig.replayed.seen[BTC]] == [Side.BUY]
        assert {one.client_order_id for one in rig.replayed.working} >= {resting, dying}
        assert rig.order(resting).state is S.FILLED
        assert rig.order(dying).state is S.CANCELLED
        assert sorted(one.fill.side for one in rig.fills()) == [Side.BUY, Side.SELL]
        await eventually(lambda: not rig.executor.statistics().duties)
        statistics = rig.executor.statistics()
        assert (statistics.fills, statistics.unknown) == (3, 0)


async def test_nothing_is_published_twice_over_two_lives(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        await rig.until(rig.submit(entry("1", intent="held")), S.FILLED)
    async with rig_on(tmp_path, venue) as rig:
        assert rig.fills() == []
        assert rig.replayed.ledger.n_fills == 1
        assert rig.report.corrections == ()
        await rig.executor.reconcile()
        assert rig.fills() == []


async def test_a_stop_that_vanished_while_the_daemon_was_down_is_put_back_before_anything_else(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        await rig.until(rig.submit(entry("1", stop="90")), S.FILLED)
        await rig.idle()
    (stop,) = venue.open_stops(BTC)
    venue.cancel(BTC, stop.client_order_id)
    async with rig_on(tmp_path, venue) as rig:
        assert rig.report.stops_armed == 1
        assert len(venue.open_stops(BTC)) == 1


async def test_a_stop_that_stands_is_left_standing(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        await rig.until(rig.submit(entry("1", stop="90")), S.FILLED)
        await rig.idle()
    before = venue.open_stops(BTC)
    async with rig_on(tmp_path, venue) as rig:
        assert rig.report.stops_armed == 0
        assert venue.open_stops(BTC) == before
        await rig.until(rig.submit(exit_("0.999")), S.FILLED)
        assert venue.open_stops(BTC) == []


async def test_a_killed_exit_leaves_its_position_protected(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        await rig.until(rig.submit(entry("1", stop="90")), S.FILLED)
        await rig.idle()
        venue.lose_request()
        await rig.until(rig.submit(exit_("0.999")), S.UNKNOWN)
        assert venue.open_stops(BTC) == []
    async with rig_on(tmp_path, venue) as rig:
        assert rig.order(cid("out")).state is S.ABSENT
        assert [one.quantity for one in venue.open_stops(BTC)] == [Decimal("0.999")]


async def test_a_new_epoch_starts_a_new_journal_and_says_so(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        await rig.until(rig.submit(entry("1", price="90")), S.ACCEPTED)
        venue.new_epoch("epoch-2")
        with pytest.raises(EpochChanged, match="epoch-2"):
            await rig.executor.reconcile()
    async with rig_on(tmp_path, venue) as rig:
        assert rig.report.journal.previous_epoch == "epoch-1"
        assert rig.replayed.n_orders == 0
        await rig.until(rig.submit(entry("1")), S.FILLED)


async def test_new_books_met_on_the_way_end_the_run(tmp_path: Path) -> None:
    venue = a_venue()
    with pytest.raises(EpochChanged) as caught:
        async with rig_on(tmp_path, venue) as rig:
            venue.new_epoch("epoch-2")
            rig.executor.on_user_event(UserStreamRestored(1))
            await asyncio.wait([rig.running])
    assert caught.value.exit_code == 4


async def test_a_venue_that_is_down_at_the_start_is_waited_for(tmp_path: Path) -> None:
    venue = a_venue()
    venue.fail("epoch_id", VenueUnavailable("connection refused"))
    venue.fail("open_orders", VenueUnavailable("maintenance"))
    async with rig_on(tmp_path, venue) as rig:
        assert rig.executor.statistics().note == ""
        assert venue.calls.count("epoch_id") >= 3


async def test_wrong_keys_are_an_error_at_once(tmp_path: Path) -> None:
    venue = a_venue()
    venue.fail("balances", RequestRefused("API-key format invalid.", code=-2014))
    with pytest.raises(RequestRefused, match="-2014"):
        async with rig_on(tmp_path, venue):
            pass


async def test_submitting_before_recovery_is_refused(tmp_path: Path) -> None:
    from core.risk.approval import ApprovedIntent

    facts: list[object] = []
    executor = OrderExecutor(
        venue=a_venue(),
        run_in_lane=None,
        journal=Journal(JournalIdentity("paper", "fake", "main"), data_dir=tmp_path),
        publish=facts.append,
        still_valid=lambda *_: None,
        instruments=lambda: INSTRUMENTS,
        trading_clock=WallClock(),
        monotonic_clock=SystemMonotonicClock(),
        settings=ExecutionSettings(),
    )
    executor.submit(ApprovedIntent(entry(), 2**62, 1))
    assert facts[0].order.reason == "EXECUTOR_NOT_READY phase=new"
    with pytest.raises(RuntimeError, match="recover"):
        await executor.run()


async def test_an_order_the_venue_forgot_is_unknown_and_blocks_until_it_is_back(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        sent = rig.submit(entry("1", price="90"))
        await rig.until(sent, S.ACCEPTED)
        await asyncio.sleep(0)
        kept = dict(venue._orders)
        venue.forget(sent)
        venue.ahead_ms = 1_000
        corrections = await rig.executor.reconcile()
        assert [type(one) for one in corrections] == [MarkVanished]
        await rig.until(sent, S.UNKNOWN)
        venue.ahead_ms = 600_000
        await eventually(lambda: venue.calls.count("order") > 10)
        assert rig.order(sent).state is S.UNKNOWN
        venue._orders.update(kept)
        await rig.until(sent, S.ACCEPTED)


async def test_balance_differences_are_said_once(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        await rig.until(rig.submit(entry("1")), S.FILLED)
        assert await rig.executor.reconcile() == ()
        venue.deposit("USDT", "250.5")
        kinds = [[type(one).__name__ for one in await rig.executor.reconcile()] for _ in range(3)]
        assert kinds == [["BalanceSuspected"], ["BalanceUnexplained"], []]
        assert (await rig.journal.load()).observed_totals["USDT"] == Decimal("10150.5")


async def test_foreign_orders_found_at_the_start_are_shown(tmp_path: Path) -> None:
    venue = a_venue()
    venue.place(OrderRequest("web_1", leg("1", price="90")))
    async with rig_on(tmp_path, venue) as rig:
        assert [one.client_order_id for one in rig.executor.statistics().foreign] == ["web_1"]
        venue.listener = None
        venue.move(BTC, "89")
        await rig.executor.reconcile()
        await rig.executor.reconcile()
        assert rig.executor.statistics().foreign_orders == 0
        assert [(one.order, one.fill.quantity) for one in rig.fills()] == [(None, Decimal(1))]
    async with rig_on(tmp_path, venue) as rig:
        assert (rig.replayed.ledger.n_fills, rig.replayed.ledger.n_foreign_fills) == (0, 1)
        assert rig.fills() == []


async def test_an_order_of_ours_that_this_journal_does_not_know_is_foreign_and_shown(tmp_path: Path) -> None:
    venue = a_venue()
    venue.place(OrderRequest(cid("lost-journal"), leg("1", price="90")))
    async with rig_on(tmp_path, venue) as rig:
        (stray,) = rig.executor.statistics().foreign
        assert (stray.client_order_id, stray.status) == (cid("lost-journal"), OrderStatus.NEW)
