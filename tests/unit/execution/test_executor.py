"""The executor on a real journal file and a fake venue: the ways of an order, and what the house hears of them."""

import asyncio
import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.errors import OrderRefused, OutcomeUnknown, RequestRefused, VenueUnavailable
from core.domain.facts import FillBooked, FundingBooked, OrderChanged, OrderState
from core.domain.instruments import InstrumentId
from core.domain.orders import (
    ClientOrderId,
    Fill,
    FundingAnnounced,
    FundingPayment,
    OrderRequest,
    OrderStatus,
    OrderType,
    Purpose,
    Side,
    TradeId,
    UserStreamRestored,
    VenueOrderId,
)
from core.domain.reasons import Reason
from core.settings.execution import ExecutionSettings
from tests.waiting import eventually
from unit.execution.fake_venue import FakeVenue
from unit.execution.making import BTC, ETH, SWAP, fill, leg, proposal
from unit.execution.rig import QUICK, a_venue, cid, entry, exit_, quantities, rig_on

S = OrderState


async def test_an_entry_goes_out_once_and_its_fill_is_published(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        sent = rig.submit(entry("2"))
        order = await rig.until(sent, S.FILLED)
        assert rig.states(sent)[0] is S.SUBMITTING
        assert (order.filled_quantity, order.average_price, order.unbooked_quantity) == (2, 100, 0)
        assert quantities(rig.fills()) == [Decimal(2)]
        assert [one.client_order_id for one in rig.venue.placed] == [sent]
        statistics = rig.executor.statistics()
        assert (statistics.orders, statistics.fills, statistics.unknown, statistics.refused) == (1, 1, 0, 0)


async def test_a_fill_is_in_the_journal_before_the_house_hears_of_it(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        file = rig.report.journal.location
        seen: list[int] = []

        def count(fact: object) -> None:
            if isinstance(fact, FillBooked):
                with sqlite3.connect(file) as reader:
                    seen.append(reader.execute("SELECT count(*) FROM fills").fetchone()[0])
                reader.close()

        rig.executor._parts.recorder._publish = count
        rig.submit(entry("1", intent="a"))
        rig.submit(entry("1", intent="b"))
        await eventually(lambda: len(seen) == 2)
        assert seen[0] >= 1
        assert seen[1] == 2


async def test_intent_and_request_are_committed_when_the_request_leaves(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        found: list[tuple[str, str]] = []

        def look(client_order_id: str) -> None:
            with sqlite3.connect(rig.report.journal.location) as reader:
                found.extend(
                    reader.execute(
                        "SELECT r.client_order_id, i.purpose FROM requests r JOIN intents i USING (intent_id)"
                        " WHERE r.client_order_id = ?",
                        [client_order_id],
                    )
                )
            reader.close()

        for n in range(3):
            venue.meanwhile("place", lambda n=n: look(cid(f"i-{n}")))
            await rig.until(rig.submit(entry(intent=f"i-{n}")), S.FILLED)
        assert found == [(cid(f"i-{n}"), "entry") for n in range(3)]


async def test_a_refusal_is_definite(tmp_path: Path) -> None:
    venue = a_venue()
    venue.fail("place", OrderRefused("insufficient balance", code=-2010))
    venue.fail("place", RequestRefused("Invalid symbol.", code=-1121))
    venue.fail("place", VenueUnavailable("too many requests", code=-1003, retry_after_s=1.0))
    async with rig_on(tmp_path, venue) as rig:
        for n, reason in enumerate(
            ("[-2010] insufficient balance", "[-1121] Invalid symbol.", "NOT_SENT [-1003] too many requests")
        ):
            order = await rig.until(rig.submit(entry(intent=f"i-{n}")), S.REJECTED)
            assert order.reason == reason
        assert venue.placed == []


@pytest.mark.parametrize("arrived", [True, False])
async def test_an_unknown_outcome_is_asked_after_and_never_sent_again(tmp_path: Path, arrived: bool) -> None:
    venue = a_venue()
    venue.listener = None
    if arrived:
        venue.lose_answer()
    else:
        venue.lose_request()
    async with rig_on(tmp_path, venue) as rig:
        venue.listener = None
        sent = rig.submit(entry())
        await eventually(lambda: S.UNKNOWN in rig.states(sent))
        if not arrived:
            assert rig.executor.statistics().unknown == 1
            await eventually(lambda: venue.calls.count("order") > 5)
            assert rig.states(sent)[-1] is S.UNKNOWN
            venue.ahead_ms = 5_000
        order = await rig.until(sent, S.FILLED if arrived else S.ABSENT)
        assert venue.calls.count("place") == 1
        await eventually(lambda: len(rig.fills()) == int(arrived))
        assert rig.order(sent).filled_quantity == int(arrived)
        if not arrived:
            assert order.reason.startswith("ABSENT reads=2")


async def test_an_adapter_that_raises_nonsense_leaves_the_outcome_unknown(tmp_path: Path) -> None:
    venue = a_venue()
    venue.fail("place", ZeroDivisionError("a bug"), after=True)
    async with rig_on(tmp_path, venue) as rig:
        sent = rig.submit(entry())
        await rig.until(sent, S.FILLED)
        assert len(venue.placed) == 1


async def test_a_call_that_hangs_past_its_deadline_is_unknown_then_found(tmp_path: Path) -> None:
    venue = a_venue()
    released = asyncio.Event()
    loop = asyncio.get_running_loop()
    waiting = asyncio.run_coroutine_threadsafe
    venue.meanwhile("place", lambda: waiting(released.wait(), loop).result(), after=True)
    settings = QUICK.model_copy(update={"order_deadline_s": 0.05})
    async with rig_on(tmp_path, venue, settings=settings) as rig:
        venue.listener = None
        sent = rig.submit(entry())
        await rig.until(sent, S.FILLED)
        assert rig.states(sent) == [S.SUBMITTING, S.UNKNOWN, S.FILLED]
        assert venue.calls.count("place") == 1
        released.set()


async def test_an_order_hidden_by_a_lagging_replica_is_not_called_absent(tmp_path: Path) -> None:
    venue = a_venue(replica_lag_ms=3_000)
    venue.lose_answer()
    async with rig_on(tmp_path, venue) as rig:
        venue.listener = None
        sent = rig.submit(entry(price="90"))
        await eventually(lambda: venue.calls.count("order") > 3)
        assert rig.states(sent)[-1] is S.UNKNOWN
        venue.ahead_ms = 3_500
        await rig.until(sent, S.ACCEPTED)


async def test_the_approval_is_checked_again_at_the_last_moment(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.validity["stale"] = Reason("APPROVAL_EXPIRED", {"age_s": "9"})
        order = await rig.until(rig.submit(entry(intent="stale")), S.REJECTED)
        assert order.reason == "APPROVAL_EXPIRED age_s=9"
        answers = iter([None, Reason("RISK_EPOCH_CHANGED")])
        rig.executor._carrier._still_valid = lambda *_: next(answers)
        order = await rig.until(rig.submit(entry(intent="halted")), S.REJECTED)
        assert order.reason == "RISK_EPOCH_CHANGED"
        assert rig.venue.placed == []
        assert [one.state for one in (await rig.journal.load()).orders] == [S.REJECTED]


async def test_one_instruments_orders_are_serial_and_others_go_beside(tmp_path: Path) -> None:
    venue = a_venue()
    venue.prices[ETH] = Decimal(10)
    running: list[str] = []
    most = {"BTC": 0, "all": 0}
    original = venue.place

    class Slow:
        def __getattr__(self, name: str) -> object:
            return getattr(venue, name)

        def place(self, request: OrderRequest) -> object:
            running.append(request.leg.instrument_id)
            most["BTC"] = max(most["BTC"], running.count(BTC))
            most["all"] = max(most["all"], len(running))
            waited = asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01), loop)
            waited.result()
            answer = original(request)
            running.remove(request.leg.instrument_id)
            return answer

    loop = asyncio.get_running_loop()
    async with rig_on(tmp_path, venue, port=Slow()) as rig:
        for n in range(4):
            rig.submit(entry(intent=f"btc-{n}"))
            rig.submit(proposal(leg("1", price=None, instrument_id=ETH), intent=f"eth-{n}"))
        await rig.idle()
        assert most == {"BTC": 1, "all": 2}
        assert [one.client_order_id for one in venue.placed if one.leg.instrument_id == BTC] == [
            cid(f"btc-{n}") for n in range(4)
        ]


async def test_a_full_queue_refuses_with_a_reason_at_once(tmp_path: Path) -> None:
    settings = ExecutionSettings(queue_size=2)
    async with rig_on(tmp_path, settings=settings) as rig:
        for n in range(5):
            rig.submit(entry(intent=f"i-{n}"))
        refused = [fact.order for fact in rig.facts if isinstance(fact, OrderChanged)]
        assert [(one.state, one.reason) for one in refused] == [(S.REJECTED, "EXECUTOR_QUEUE_FULL depth=2")] * 3
        await rig.idle()
        assert len(rig.venue.placed) == 2


async def test_an_intent_that_comes_twice_is_sent_once(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        sent = rig.submit(entry(price="90"))
        await rig.until(sent, S.ACCEPTED)
        rig.submit(entry(price="90"))
        await eventually(lambda: rig.executor.statistics().refused == 1)
        assert rig.states(sent) == [S.SUBMITTING, S.ACCEPTED]
        assert len(rig.venue.placed) == 1


async def test_what_the_venue_has_no_order_for_is_refused_unsent(tmp_path: Path) -> None:
    venue = a_venue()
    object.__setattr__(venue.capabilities, "native_stops", False)
    async with rig_on(tmp_path, venue) as rig:
        order = await rig.until(rig.submit(entry(stop="90")), S.REJECTED)
        assert order.reason == "PROTECTION_UNSUPPORTED type=stop_loss"
        assert venue.calls.count("place") == 0


async def test_cancel_tells_how_the_order_ended(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        sent = rig.submit(entry(price="90"))
        await rig.until(sent, S.ACCEPTED)
        ended = await rig.executor.cancel(sent, "OPERATOR")
        assert ended is not None
        assert (ended.state, ended.reason) == (S.CANCELLED, "OPERATOR")
        assert await rig.executor.cancel(cid("never")) is None


async def test_a_cancel_refused_because_it_filled_ends_filled(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        sent = rig.submit(entry(price="90"))
        await rig.until(sent, S.ACCEPTED)
        rig.venue.listener = None
        rig.venue.meanwhile("cancel", lambda: rig.venue.move(BTC, "89"))
        ended = await rig.executor.cancel(sent)
        assert ended is not None
        assert ended.state is S.FILLED
        await eventually(lambda: quantities(rig.fills()) == [Decimal(1)])
        assert rig.order(sent).unbooked_quantity == 0
        assert rig.executor.statistics().oddities["CANCEL_REFUSED"] == 1


async def test_a_cancel_whose_answer_is_lost_is_asked_after(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        sent = rig.submit(entry(price="90"))
        await rig.until(sent, S.ACCEPTED)
        rig.venue.listener = None
        rig.venue.lose_answer("cancel")
        ended = await rig.executor.cancel(sent)
        assert ended is not None
        assert ended.state is S.CANCELLED


async def test_cancel_working_cancels_entries_and_leaves_stops(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await rig.until(rig.submit(entry("1", intent="held", stop="90")), S.FILLED)
        resting = rig.submit(entry(intent="resting", price="80"))
        await rig.until(resting, S.ACCEPTED)
        assert await rig.executor.cancel_working(Purpose.ENTRY, "STOPPING") == ()
        assert rig.order(resting).state is S.CANCELLED
        assert len(rig.venue.open_stops(BTC)) == 1


async def test_events_of_the_user_stream_come_late_twice_and_shuffled(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        sent = rig.submit(entry("3", price="90"))
        await rig.until(sent, S.ACCEPTED)
        heard: list[object] = []
        rig.venue.listener = heard.append
        rig.venue.liquidity[BTC] = Decimal(1)
        for price in ("89", "88"):
            rig.venue.move(BTC, price)
        rig.venue.liquidity.clear()
        rig.venue.move(BTC, "87")
        assert len(heard) == 3
        for event in [*reversed(heard), *heard]:
            rig.executor.on_user_event(event)
        order = await rig.until(sent, S.FILLED)
        await eventually(lambda: len(rig.fills()) == 3)
        assert rig.order(sent).filled_quantity == 3
        assert (order.state, rig.order(sent).average_price) == (S.FILLED, Decimal(90 - 2))


async def test_missed_events_are_made_up_for_when_the_user_stream_is_back(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        sent = rig.submit(entry("1", price="90"))
        await rig.until(sent, S.ACCEPTED)
        rig.venue.listener = None
        rig.venue.move(BTC, "89")
        rig.executor.on_user_event(UserStreamRestored(1))
        await rig.until(sent, S.FILLED)
        await eventually(lambda: quantities(rig.fills()) == [Decimal(1)])


async def test_an_instrument_that_is_delisted_costs_no_other_its_reconciliation(tmp_path: Path) -> None:
    venue = a_venue()
    venue.prices[ETH] = Decimal(100)
    is_listed = {ETH: True}

    class Delisting:
        def __getattr__(self, name: str) -> object:
            return getattr(venue, name)

        def fills_since(self, instrument_id: InstrumentId, since_ms: int) -> list[Fill]:
            if not is_listed.get(instrument_id, True):
                raise RequestRefused("[-1121] Invalid symbol.")
            return venue.fills_since(instrument_id, since_ms)

    async with rig_on(tmp_path, venue, port=Delisting()) as rig:
        gone = rig.submit(proposal(leg("1", price="90", instrument_id=ETH), intent="gone"))
        kept = rig.submit(entry("1", price="90"))
        await rig.until(gone, S.ACCEPTED)
        await rig.until(kept, S.ACCEPTED)
        is_listed[ETH] = False
        rig.venue.listener = None
        rig.venue.move(BTC, "89")
        rig.executor.on_user_event(UserStreamRestored(1))
        await rig.until(kept, S.FILLED)
        assert rig.order(gone).state is S.ACCEPTED
        rig.venue.move(ETH, "89")
        is_listed[ETH] = True
        rig.executor.on_user_event(UserStreamRestored(2))
        await rig.until(gone, S.FILLED)


async def test_foreign_orders_and_fills_are_noticed_and_left_alone(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        theirs = OrderRequest("web_1", leg("1", price="90"))
        rig.venue.place(theirs)
        rig.venue.place(OrderRequest("web_2", leg("1", price=None)))
        await eventually(rig.fills)
        statistics = rig.executor.statistics()
        assert [one.client_order_id for one in statistics.foreign] == ["web_1"]
        assert statistics.fills == 0
        assert [(one.order, one.fill.quantity) for one in rig.fills()] == [(None, Decimal(1))]
        rig.venue.cancel(BTC, "web_1")
        await eventually(lambda: rig.executor.statistics().foreign_orders == 0)


async def test_a_journal_that_fails_stops_new_risk_keeps_facts_and_mends_itself(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        sent = rig.submit(entry(price="90", intent="resting"))
        await rig.until(sent, S.ACCEPTED)
        locker = sqlite3.connect(rig.report.journal.location)
        locker.execute("BEGIN IMMEDIATE")
        failed = await rig.until(rig.submit(entry(intent="unlucky")), S.REJECTED)
        assert failed.reason.startswith("JOURNAL_FAILED")
        rig.venue.move(BTC, "89")
        await rig.until(sent, S.FILLED)
        assert rig.executor.statistics().unwritten > 0
        refused = await rig.until(rig.submit(entry(intent="refused")), S.REJECTED)
        assert "locked" in refused.reason
        locker.rollback()
        locker.close()
        await eventually(lambda: rig.executor.statistics().unwritten == 0)
        await rig.until(rig.submit(entry(intent="after")), S.FILLED)
        states = {one.intent_id: one.state for one in (await rig.journal.load()).orders}
        assert states == {"resting": S.FILLED, "after": S.FILLED}
        assert {one.client_order_id for one in rig.venue.placed} == {sent, cid("after")}


async def test_a_subscriber_that_raises_costs_no_order(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:

        def broken(_: object) -> None:
            raise ValueError("not my day")

        rig.executor._parts.recorder._publish = broken
        rig.submit(entry())
        await eventually(lambda: (order := rig.executor.order(cid("in"))) is not None and order.state is S.FILLED)


async def test_a_combination_goes_no_further_than_its_first_failed_leg(tmp_path: Path) -> None:
    venue = a_venue()
    venue.prices[ETH] = Decimal(10)
    venue.fail("place", OrderRefused("no", code=-2010))
    async with rig_on(tmp_path, venue) as rig:
        legs = (leg("1", price=None), leg("1", price=None, instrument_id=ETH))
        rig.submit(proposal(*legs, intent="combo"))
        second = await rig.until(cid("combo", "leg-1"), S.REJECTED)
        assert second.reason == f"LEG_FAILED client_order_id={cid('combo')}"
        rig.submit(proposal(*legs, intent="again"))
        await rig.until(cid("again", "leg-1"), S.FILLED)
        assert len(venue.placed) == 2


async def test_settled_orders_leave_memory_and_late_fills_find_them_again(tmp_path: Path) -> None:
    settings = QUICK.model_copy(update={"retain_closed_orders": 2})
    async with rig_on(tmp_path, settings=settings) as rig:
        for n in range(6):
            await rig.until(rig.submit(entry(intent=f"i-{n}")), S.FILLED)
        await rig.idle()
        assert rig.executor.order(cid("i-0")) is None
        assert len(rig.executor.orders()) == 2
        old = rig.venue.ledger()[cid("i-0")]
        (fill,) = [one for one in rig.venue.trades() if one.client_order_id == cid("i-0")]
        again = replace(old, fills=(fill, replace(fill, trade_id=TradeId("777"))))
        rig.executor.on_user_event(again)
        await eventually(lambda: rig.executor.order(cid("i-0")) is not None)
        assert len(rig.fills()) == 6, "told twice, and once more than was asked for"


async def test_exits_never_sell_more_than_our_fills_have_left(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await rig.until(rig.submit(entry("1")), S.FILLED)
        order = await rig.until(rig.submit(exit_("5")), S.FILLED)
        assert order.leg.quantity == Decimal("0.999")
        nothing = await rig.until(rig.submit(exit_("1", intent="again")), S.REJECTED)
        assert nothing.reason == "NOTHING_HELD"


async def test_of_a_combined_exit_only_what_is_held_goes_out(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.venue.prices[ETH] = Decimal(10)
        await rig.until(rig.submit(entry("1")), S.FILLED)
        legs = (leg("1", Side.SELL, None, instrument_id=ETH), leg("1", Side.SELL, None))
        rig.submit(proposal(*legs, intent="both", purpose=Purpose.EXIT))
        assert (await rig.until(cid("both", "leg-1"), S.FILLED)).leg.quantity == Decimal("0.999")
        assert (await rig.until(cid("both", "leg-0"), S.REJECTED)).reason == "NOTHING_HELD"


async def test_an_exit_in_doubt_counts_as_sold(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await rig.until(rig.submit(entry("1")), S.FILLED)
        rig.venue.lose_request()
        await rig.until(rig.submit(exit_("0.999")), S.UNKNOWN)
        again = await rig.until(rig.submit(exit_("0.999", intent="again")), S.REJECTED)
        assert again.reason == "NOTHING_HELD"
        rig.venue.ahead_ms = 5_000
        await rig.until(cid("out"), S.ABSENT)
        await rig.until(rig.submit(exit_("0.999", intent="third")), S.FILLED)


async def test_stopping_withdraws_the_queue_and_waits_for_what_has_left(tmp_path: Path) -> None:
    venue = a_venue()
    entered, released = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(released.wait(), loop).result()

    venue.meanwhile("place", hold)
    async with rig_on(tmp_path, venue) as rig:
        first, second = rig.submit(entry(intent="first")), rig.submit(entry(intent="second"))
        await entered.wait()
        rig.running.cancel()
        await eventually(lambda: rig.executor.statistics().phase == "stopping")
        third = rig.submit(entry(intent="third"))
        assert rig.states(third) == [S.REJECTED]
        released.set()
        await eventually(lambda: rig.executor.statistics().phase == "stopped")
        assert rig.states(first)[-1] is S.FILLED
        assert rig.states(second) == [S.REJECTED]
        assert [one.client_order_id for one in venue.placed] == [first]
        assert (await rig.journal.load()).orders[0].state is S.FILLED


async def test_fill_reports_without_fills_are_completed_from_the_trade_history(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        venue.listener = None
        sent = rig.submit(entry("1", price="90"))
        await rig.until(sent, S.ACCEPTED)
        venue.move(BTC, "89")
        report = venue.order(BTC, sent)
        assert report is not None
        assert report.status is OrderStatus.FILLED
        rig.executor.on_user_event(report)
        filled = await rig.until(sent, S.FILLED)
        assert (filled.filled_quantity, filled.unbooked_quantity, filled.remaining) == (0, 1, 1)
        await eventually(lambda: quantities(rig.fills()) == [Decimal(1)])
        assert rig.order(sent).unbooked_quantity == 0
        assert OrderType.LIMIT is filled.leg.order_type
        assert filled.leg.side is Side.BUY


async def test_unknown_stays_unknown_where_the_venue_has_no_window(tmp_path: Path) -> None:
    venue = a_venue(window_ms=None)
    venue.fail("place", OutcomeUnknown("reset"))
    async with rig_on(tmp_path, venue) as rig:
        sent = rig.submit(entry())
        await eventually(lambda: S.UNKNOWN in rig.states(sent))
        venue.ahead_ms = 10_000_000
        await eventually(lambda: venue.calls.count("order") > 10)
        assert rig.states(sent)[-1] is S.UNKNOWN


async def test_an_entry_whose_stop_would_be_one_too_many_is_refused(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        for n in range(4):
            await rig.until(rig.submit(entry("0.5", intent=f"held-{n}", stop="90")), S.FILLED)
        await rig.until(rig.submit(entry("0.5", intent="resting", price="95", stop="90")), S.ACCEPTED)
        order = await rig.until(rig.submit(entry("0.5", intent="one too many", stop="90")), S.REJECTED)
        assert order.reason == "STOPS_FULL needed=6 limit=5"
        await rig.until(rig.submit(exit_("2")), S.FILLED)
        await rig.until(rig.submit(entry("0.5", intent="again", stop="90")), S.FILLED)


def on_margin() -> FakeVenue:
    """A venue of positions; what it holds is what a test says."""
    venue = a_venue(fee_rate="0")
    venue.prices[SWAP] = Decimal(100)
    venue.deposit("BTC", "100")
    venue.capabilities = replace(venue.capabilities, has_positions=True, short_selling=True)
    return venue


async def test_an_entry_against_what_is_still_held_is_refused(tmp_path: Path) -> None:
    async with rig_on(tmp_path, on_margin()) as rig:
        await rig.until(rig.submit(proposal(leg("1", price=None, instrument_id=SWAP), intent="in")), S.FILLED)
        other_way = leg("2", Side.SELL, price=None, instrument_id=SWAP)
        order = await rig.until(rig.submit(proposal(other_way, intent="turn")), S.REJECTED)
        assert order.reason == "POSITION_OPPOSED held=1"


async def test_a_turn_goes_out_exit_first(tmp_path: Path) -> None:
    async with rig_on(tmp_path, on_margin()) as rig:
        await rig.until(
            rig.submit(proposal(leg("1", price=None, instrument_id=SWAP), intent="in", stop="90")), S.FILLED
        )
        await eventually(lambda: len(rig.venue.open_stops(SWAP)) == 1)
        sell = leg("1", Side.SELL, price=None, instrument_id=SWAP, reduce_only=True)
        rig.submit(proposal(sell, intent="out", purpose=Purpose.EXIT))
        turned = rig.submit(proposal(replace(sell, reduce_only=False), intent="turn", stop="110"))
        await rig.until(turned, S.FILLED)
        await eventually(lambda: [stop.side for stop in rig.venue.open_stops(SWAP)] == [Side.BUY])
        assert rig.executor._parts.books.held(SWAP) == -1


async def test_funding_is_booked_once_and_survives_a_restart(tmp_path: Path) -> None:
    venue = on_margin()
    async with rig_on(tmp_path, venue) as rig:
        await rig.until(rig.submit(proposal(leg("1", price=None, instrument_id=SWAP), intent="in")), S.FILLED)
        payment = FundingPayment(SWAP, "7", "USDT", Decimal("-0.5"), venue._server_ms() * 1_000_000)
        venue.funding.append(payment)
        rig.listener(FundingAnnounced(payment.event_ns))
        await eventually(lambda: FundingBooked(payment) in rig.facts)
        await rig.executor.reconcile()
        assert rig.facts.count(FundingBooked(payment)) == 1
    late = FundingPayment(SWAP, "8", "USDT", Decimal("0.25"), venue._server_ms() * 1_000_000)
    venue.funding.append(late)
    async with rig_on(tmp_path, venue) as rig:
        assert rig.replayed.seen_funding == {(SWAP, "7"): payment.event_ns}
        assert [fact for fact in rig.facts if isinstance(fact, FundingBooked)] == [FundingBooked(late)]


async def test_a_liquidation_takes_the_position_and_its_duty(tmp_path: Path) -> None:
    async with rig_on(tmp_path, on_margin()) as rig:
        bought = proposal(leg("1", price=None, instrument_id=SWAP), intent="in", stop="90")
        await rig.until(rig.submit(bought), S.FILLED)
        await eventually(lambda: len(rig.venue.open_stops(SWAP)) == 1)
        taken = fill(
            "1",
            trade_id="autoclose-1",
            side=Side.SELL,
            instrument_id=SWAP,
            venue_order_id=VenueOrderId("666"),
            client_order_id=ClientOrderId("autoclose-1"),
            is_forced=True,
        )
        (stop,) = rig.venue.open_stops(SWAP)
        forced = replace(
            stop,
            client_order_id=ClientOrderId("autoclose-1"),
            venue_order_id=VenueOrderId("666"),
            status=OrderStatus.FILLED,
            fills=(taken,),
        )
        rig.listener(forced)
        await eventually(lambda: FillBooked(taken, None) in rig.facts)
        assert FillBooked(taken, None).is_ours
        books = rig.executor._parts.books
        await eventually(lambda: not books.duties(SWAP))
        assert books.held(SWAP) == 0
        await eventually(lambda: rig.venue.open_stops(SWAP) == [])


async def test_a_position_that_nothing_explains_is_said_until_it_is_gone(tmp_path: Path) -> None:
    venue = on_margin()
    venue.held[SWAP] = Decimal(-3)
    async with rig_on(tmp_path, venue) as rig:
        await rig.executor.reconcile()
        assert rig.executor.statistics().unexplained_positions == {SWAP: "-3"}
        venue.held.clear()
        await rig.executor.reconcile()
        assert rig.executor.statistics().unexplained_positions == {}
