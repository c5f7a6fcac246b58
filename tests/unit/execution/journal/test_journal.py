"""The journal on real files: what is acknowledged is there, what fails says why and mends itself."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.domain.errors import JournalError
from core.domain.facts import OrderState
from core.domain.orders import IntentId, OrderStatus, Protection, Purpose, Side, TimeInForce, VenueOrderId
from core.execution.books import Books
from core.execution.client_order_id import client_order_id
from core.execution.duty import Duty
from core.execution.events import (
    AbsenceProven,
    CancelAsked,
    CancelRefused,
    Filled,
    OrderEvent,
    OutcomeLost,
    Refused,
    Reported,
    Sent,
    Vanished,
    Withdrawn,
)
from core.execution.journal.engine import RecordRepeats
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.execution.journal.records import (
    BalancesObserved,
    DutyClosed,
    DutyNoted,
    DutyOpened,
    ForeignFillRecorded,
    IntentRecorded,
    Record,
    RequestRecorded,
)
from core.execution.machine import advance
from tests.waiting import eventually
from unit.execution.lives import Life, lives
from unit.execution.making import BTC, INTENT, fill, leg, order, proposal, report

IDENTITY = JournalIdentity("paper", "sim", "acc/ount 1")
CID = order().client_order_id
FILE = "paper-sim-acc_ount_1.sqlite"


URLS: dict[Path, str] = {}
"""Of folders whose journal is no file in them."""


def journal_in(folder: Path, **options: object) -> Journal:
    return Journal(IDENTITY, data_dir=folder, **{"url": URLS.get(folder), **options})


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where the journal of `tmp_path` is: most of what a journal promises it promises anywhere."""
    if request.param == "postgresql":
        URLS[tmp_path] = request.getfixturevalue("postgres").new_database()
    yield request.param
    URLS.pop(tmp_path, None)


only_files = pytest.mark.parametrize("database", ["sqlite"])


@pytest.fixture
async def journal(tmp_path: Path, database: str) -> AsyncIterator[Journal]:
    made = journal_in(tmp_path, busy_timeout_s=0.05, probe_s=0.02)
    await made.open("epoch-1")
    yield made
    await made.close()


async def reopened(folder: Path) -> Journal:
    made = journal_in(folder)
    await made.open("epoch-1")
    return made


def duty(held: str = "0") -> Duty:
    return Duty(
        CID, INTENT, BTC, Side.BUY, Protection(Decimal(90), Decimal("120.5")), ("ema_cross",), 1_000, Decimal(held)
    )


async def test_what_was_acknowledged_is_there_after_reopening_exactly(tmp_path: Path, journal: Journal) -> None:
    quantity = "0.12345678901234567890123456789"
    wanted = proposal(leg(quantity), stop="90", target="120.5")
    placed = order(quantity)
    await journal.append([IntentRecorded(wanted, 7, 1_000), RequestRecorded(placed), DutyOpened(duty())])
    await journal.append([Reported(CID, 3, report(placed, OrderStatus.PARTIALLY_FILLED, "0.1"))])
    await journal.append([Filled(CID, 4, fill("0.1", fee="0.0001", fee_asset="BTC"))])
    await journal.append([ForeignFillRecorded(fill("5", trade_id="99", side=Side.SELL), 5)])
    await journal.append([DutyNoted(CID, "TARGET_SKIPPED", 6)])
    await journal.append([BalancesObserved((("USDT", Decimal("1000.10")), ("BTC", Decimal("0.0999"))), "START", 7)])
    await journal.append([Filled(CID, 8, fill("0.02", trade_id="2", price="100.5"))])
    await journal.close()

    other = await reopened(tmp_path)
    state = await other.load()
    await other.close()
    (found,) = state.orders
    assert found.leg.quantity == Decimal(quantity)
    assert (found.state, found.booked_quantity, found.venue_order_id) == (
        OrderState.PARTIALLY_FILLED,
        Decimal("0.12"),
        VenueOrderId("100"),
    )
    assert state.last_intents == (wanted,)
    assert {trade_id for trade_id, _ in state.seen[BTC]} == {"1", "99", "2"}
    assert (state.ledger.n_fills, state.ledger.n_foreign_fills) == (2, 1)
    assert state.duties == (duty("0.1199"),)
    assert state.observed_totals == {"USDT": Decimal("998.09"), "BTC": Decimal("0.1199")}
    assert state.working == (found.view(),)


async def test_a_request_without_an_answer_may_have_left(journal: Journal) -> None:
    await journal.append([RequestRecorded(order())])
    assert [one.state for one in (await journal.load()).orders] == [OrderState.SUBMITTING]


@pytest.mark.parametrize(
    "terms",
    [
        {"visible_quantity": Decimal("0.10")},
        {"trailing_bps": 150, "stop_price": Decimal(90)},
        {"expires_ns": 1_800_000_000_123_456_789, "time_in_force": TimeInForce.GTD},
        {"reduce_only": True},
    ],
)
async def test_the_terms_of_an_order_are_kept(journal: Journal, terms: dict[str, Any]) -> None:
    wanted = leg(**terms)
    await journal.append([RequestRecorded(order(leg=wanted))])
    assert [one.leg for one in (await journal.load()).orders] == [wanted]


async def test_fills_are_booked_once(journal: Journal) -> None:
    await journal.append([RequestRecorded(order()), Filled(CID, 2, fill("0.5")), Filled(CID, 2, fill("0.5"))])
    await journal.append([Filled(CID, 3, fill("0.5"))])
    state = await journal.load()
    assert len(state.seen[BTC]) == state.ledger.n_fills == 1
    assert state.orders[0].booked_quantity == Decimal("0.5")


async def test_an_id_that_is_used_again_is_refused_and_nobody_else_suffers(journal: Journal) -> None:
    await journal.append([RequestRecorded(order())])
    others = [order(intent=IntentId(f"other-{n}")) for n in range(10)]
    appends = [journal.append([RequestRecorded(one)]) for one in (*others[:5], order(), *others[5:])]
    outcomes = await asyncio.gather(*appends, return_exceptions=True)
    assert [type(one) for one in outcomes if one is not None] == [RecordRepeats]
    assert journal.is_writable
    assert (await journal.load()).n_orders == 11


async def test_all_records_of_one_append_or_none(journal: Journal) -> None:
    await journal.append([RequestRecorded(order())])
    with pytest.raises(RecordRepeats):
        await journal.append([RequestRecorded(order(intent=IntentId("new"))), RequestRecorded(order())])
    assert (await journal.load()).n_orders == 1


async def test_appends_that_come_together_share_a_commit(journal: Journal) -> None:
    before = journal.statistics()
    await asyncio.gather(*(journal.append([RequestRecorded(order(intent=IntentId(f"i-{n}")))]) for n in range(200)))
    after = journal.statistics()
    assert after.appends - before.appends == 200
    assert after.commits - before.commits <= 20
    assert (await journal.load()).n_orders == 200


async def test_settled_orders_leave_memory_and_can_be_found_again(journal: Journal) -> None:
    for n in range(5):
        placed = order(intent=IntentId(f"i-{n}"))
        done = report(placed, OrderStatus.CANCELLED, venue_order_id=VenueOrderId(str(n)))
        await journal.append([RequestRecorded(placed), Reported(placed.client_order_id, 2, done)])
    working = order(intent=IntentId("working"))
    await journal.append([RequestRecorded(working)])
    state = await journal.load(retain_closed=2)
    assert [one.intent_id for one in state.orders] == ["i-3", "i-4", "working"]
    assert state.n_orders == 6
    wanted = client_order_id(IntentId("i-0"), "leg-0")
    by_id = await journal.find([wanted, client_order_id(IntentId("never"), "leg-0")])
    assert [(one.client_order_id, one.state) for one in by_id] == [(wanted, OrderState.CANCELLED)]
    by_venue_id = await journal.find(venue_order_ids=[(BTC, VenueOrderId("1")), (BTC, VenueOrderId("77"))])
    assert [one.intent_id for one in by_venue_id] == ["i-1"]


OWN_STEPS: list[OrderEvent] = [
    Withdrawn(CID, 2, "QUEUE_FULL"),
    Refused(CID, 2, "[-2010] no"),
    OutcomeLost(CID, 2, "TIMEOUT"),
    CancelAsked(CID, 3, "exit"),
    CancelRefused(CID, 3, "[-2011] Unknown order sent."),
]


@pytest.mark.parametrize("step", OWN_STEPS)
async def test_own_steps_are_replayed(journal: Journal, step: OrderEvent) -> None:
    await journal.append([RequestRecorded(order()), step])
    sent, _ = advance(order(), Sent(CID, order().created_ns))
    assert (await journal.load()).orders == (advance(sent, step)[0],)


async def test_the_long_way_through_doubt_is_replayed(journal: Journal) -> None:
    steps: list[Record] = [
        Reported(CID, 2, report(order(), OrderStatus.NEW)),
        Vanished(CID, 3, "gone"),
    ]
    await journal.append([RequestRecorded(order()), *steps])
    assert (await journal.load()).orders[0].state is OrderState.UNKNOWN
    other = order(intent=IntentId("other"))
    cid = other.client_order_id
    await journal.append([RequestRecorded(other), OutcomeLost(cid, 2, "TIMEOUT"), AbsenceProven(cid, 3, "two reads")])
    assert (await journal.load()).orders[1].state is OrderState.ABSENT


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(life=lives(), data=st.data())
async def test_replay_gives_what_the_live_fold_gave(
    tmp_path_factory: pytest.TempPathFactory, life: Life, data: st.DataObject
) -> None:
    made = journal_in(tmp_path_factory.mktemp("replay"))
    await made.open(None)
    live, _ = advance(life.order, Sent(life.order.client_order_id, life.order.created_ns))
    await made.append([RequestRecorded(life.order)])
    for message in data.draw(st.permutations(life.messages)):
        after, _ = advance(live, message)
        if after != live:
            await made.append([message])
        live = after
    state = await made.load()
    await made.close()
    assert state.orders == (live,)


@pytest.mark.slow
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(life=lives(), data=st.data())
async def test_a_settled_order_is_not_read_again_and_one_that_is_so_no_more_is(
    tmp_path_factory: pytest.TempPathFactory, life: Life, data: st.DataObject
) -> None:
    made = journal_in(tmp_path_factory.mktemp("settled"))
    await made.open(None)
    books = Books(retain_closed=10)
    live, _ = advance(life.order, Sent(life.order.client_order_id, life.order.created_ns))
    books.add(live)
    await made.append([RequestRecorded(life.order)])
    for message in data.draw(st.permutations(life.messages)):
        await made.append(books.apply(message).records)
    state = await made.load(retain_closed=0)
    await made.close()
    (live,) = books.orders()
    assert state.unmarked == ()
    assert state.orders == (() if live.is_settled else (live,))
    assert {trade_id for trade_id, _ in state.seen.get(BTC, ())} == live.trade_ids


async def test_exits_take_from_the_oldest_duty_and_stops_from_their_own(journal: Journal) -> None:
    records: list[Record] = []
    entries = [order("2", intent=IntentId(f"entry-{n}")) for n in range(3)]
    for n, entry in enumerate(entries):
        made = Duty(entry.client_order_id, entry.intent_id, BTC, Side.BUY, Protection(Decimal(90)), (), n)
        records += [RequestRecorded(entry), DutyOpened(made)]
        records += [Filled(entry.client_order_id, n, fill("2", trade_id=f"in-{n}"))]
    exit_ = order("3", intent=IntentId("exit"), purpose=Purpose.EXIT, leg=leg("3", Side.SELL))
    stop = order("1", role="stop-1", purpose=Purpose.PROTECT, leg=leg("1", Side.SELL))
    stop = replace(stop, protects=entries[2].client_order_id)
    records += [RequestRecorded(exit_), RequestRecorded(stop)]
    records += [Filled(exit_.client_order_id, 9, fill("3", trade_id="out", side=Side.SELL))]
    records += [DutyClosed(entries[0].client_order_id, "FLAT", 9)]
    records += [Filled(stop.client_order_id, 9, fill("0.5", trade_id="stopped", side=Side.SELL))]
    await journal.append(records)
    held = {one.duty_id: one.held for one in (await journal.load()).duties}
    assert held == {entries[1].client_order_id: Decimal(1), entries[2].client_order_id: Decimal("1.5")}


@only_files
async def test_a_new_epoch_starts_a_new_file_and_keeps_the_old_one(tmp_path: Path, journal: Journal) -> None:
    await journal.append([RequestRecorded(order())])
    await journal.close()
    opened = await journal.open("epoch-2")
    assert (opened.previous_epoch, opened.epoch) == ("epoch-1", "epoch-2")
    assert (await journal.load()).n_orders == 0
    assert opened.kept_aside is not None
    aside = Path(opened.kept_aside)
    assert aside.name == "paper-sim-acc_ount_1.epoch-epoch_1.sqlite"
    with sqlite3.connect(aside) as kept:
        assert kept.execute("SELECT count(*) FROM requests").fetchone() == (1,)
    kept.close()
    await journal.append([RequestRecorded(order())])


async def test_the_same_epoch_and_no_epoch_go_on_in_the_same_file(tmp_path: Path, journal: Journal) -> None:
    await journal.append([RequestRecorded(order())])
    await journal.close()
    for epoch in ("epoch-1", None):
        opened = await journal.open(epoch)
        assert (opened.previous_epoch, opened.kept_aside) == (None, None)
        assert (await journal.load()).n_orders == 1
        await journal.close()


async def test_a_database_by_url_keeps_epochs_as_books(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'by-url.sqlite'}"
    first = journal_in(tmp_path, url=url)
    assert (await first.open("epoch-1")).location == str(tmp_path / "by-url.sqlite")
    await first.append([RequestRecorded(order())])
    await first.close()
    other = Journal(JournalIdentity("live", "binance", "main"), data_dir=tmp_path, url=url)
    await other.open(None)
    assert (await other.load()).n_orders == 0
    await other.append([RequestRecorded(order())])
    await other.close()


@only_files
async def test_a_file_of_another_account_is_refused(tmp_path: Path, journal: Journal) -> None:
    await journal.close()
    other = Journal(JournalIdentity("paper", "sim", "acc_ount 1"), data_dir=tmp_path)
    with pytest.raises(JournalError, match="holds the orders of paper sim acc/ount 1"):
        await other.open("epoch-1")


async def test_a_closed_journal_refuses(tmp_path: Path) -> None:
    made = journal_in(tmp_path)
    with pytest.raises(JournalError, match="not open"):
        await made.append([RequestRecorded(order())])
    assert not made.is_writable
    assert await made.close()


async def test_closing_writes_what_waits(tmp_path: Path) -> None:
    made = journal_in(tmp_path)
    await made.open("epoch-1")
    waiting = asyncio.gather(*(made.append([RequestRecorded(order(intent=IntentId(f"i-{n}")))]) for n in range(50)))
    await asyncio.sleep(0)
    assert await made.close()
    await waiting
    again = await reopened(tmp_path)
    assert (await again.load()).n_orders == 50
    await again.close()


async def test_a_cancelled_append_is_still_written(journal: Journal) -> None:
    append = asyncio.create_task(journal.append([RequestRecorded(order())]))
    await asyncio.sleep(0)
    append.cancel()
    await asyncio.wait([append])
    assert (await journal.load()).n_orders == 1


@only_files
async def test_a_locked_journal_fails_with_a_reason_and_mends_itself(tmp_path: Path, journal: Journal) -> None:
    await journal.append([RequestRecorded(order())])
    locker = sqlite3.connect(tmp_path / "journal" / FILE)
    locker.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="locked"):
        await journal.append([RequestRecorded(order(intent=IntentId("second")))])
    assert (await journal.load()).n_orders == 1
    assert not journal.is_writable
    assert FILE in journal.statistics().failure
    locker.rollback()
    locker.close()
    await eventually(lambda: journal.is_writable)
    await journal.append([RequestRecorded(order(intent=IntentId("third")))])
    assert [one.intent_id for one in (await journal.load()).orders] == ["intent-1", "third"]


@only_files
async def test_a_file_deleted_under_the_journal_is_noticed(tmp_path: Path, journal: Journal) -> None:
    await journal.append([RequestRecorded(order())])
    (tmp_path / "journal" / FILE).unlink()
    with pytest.raises(JournalError, match="deleted or replaced"):
        await journal.append([RequestRecorded(order(intent=IntentId("second")))])
    assert not journal.is_writable


async def test_a_full_queue_refuses_at_once(tmp_path: Path) -> None:
    made = journal_in(tmp_path, queue_size=3, busy_timeout_s=5.0)
    await made.open("epoch-1")
    locker = sqlite3.connect(tmp_path / "journal" / FILE)
    locker.execute("BEGIN IMMEDIATE")
    appends = [asyncio.create_task(made.append([RequestRecorded(order(intent=IntentId(f"i-{n}")))])) for n in range(20)]
    await eventually(lambda: any(one.done() for one in appends))
    locker.rollback()
    locker.close()
    outcomes = await asyncio.gather(*appends, return_exceptions=True)
    refused = [one for one in outcomes if one is not None]
    assert refused
    assert all("queue is full" in str(one) for one in refused)
    assert (await made.load()).n_orders == 20 - len(refused)
    await made.close()
