"""Snapshots: a start that reads one knows what a start that reads everything knows."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, Connection, text
from structlog.testing import capture_logs

from core.domain.orders import Fill, FundingPayment, Protection, Purpose, Side, TradeId
from core.execution.duty import Duty
from core.execution.events import Filled
from core.execution.journal import snapshots
from core.execution.journal.audit import audit
from core.execution.journal.engine import Database
from core.execution.journal.fold import Folded, fold_on
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.execution.journal.records import (
    BalancesObserved,
    DutyClosed,
    DutyFollowed,
    DutyOpened,
    ForeignFillRecorded,
    FundingRecorded,
    IntentRecorded,
    PlanClosed,
    PlanEnding,
    PlanOpened,
    Record,
    RequestRecorded,
    Settlement,
)
from core.execution.journal.state import JournalState
from core.execution.order import Order
from core.portfolio.portfolio import Portfolio
from tests.waiting import eventually
from unit.execution.making import BTC, ETH, INSTRUMENTS, SWAP, a_plan, fill, leg, order, proposal

IDENTITY = JournalIdentity("paper", "sim", "main")
A_MINUTE_NS = 60_000_000_000
BOOK = 1


@st.composite
def histories(draw: st.DrawFn) -> list[Record]:
    """Orders, fills of any order at any later time (late ones of settled orders, foreign ones, forced ones included),
    duties, plans, funding and balances."""
    records: list[Record] = []
    orders: list[Order] = []
    duties: list[Duty] = []
    for n in range(draw(st.integers(1, 40))):
        match draw(
            st.sampled_from(["entry", "exit", "stop", "fill", "fill", "fill", "settle", "duty", "plan", "rest"])
        ):
            case "entry" | "exit" as kind:
                side = draw(st.sampled_from(Side))
                purpose = Purpose.ENTRY if kind == "entry" else Purpose.EXIT
                strategies = draw(st.sampled_from([("manual",), ("ema_cross",)]))
                where = draw(st.sampled_from([BTC, ETH, SWAP]))
                asked = replace(leg("9", side), instrument_id=where)
                made = order(intent=f"intent-{n}", purpose=purpose, leg=asked, strategies=strategies)
                records += [IntentRecorded(proposal(asked, intent=f"intent-{n}"), 1, n), RequestRecorded(made)]
                orders.append(made)
                if kind == "entry":
                    cid, intent = made.client_order_id, made.intent_id
                    duties.append(Duty(cid, intent, where, side, Protection(Decimal(90)), strategies, n))
                    records.append(DutyOpened(duties[-1]))
            case "stop" if duties:
                duty = draw(st.sampled_from(duties))
                asked = replace(leg("9", duty.entry_side.opposite), instrument_id=duty.instrument_id)
                stop = order(intent=f"stop-{n}", role="stop-1", purpose=Purpose.PROTECT, leg=asked)
                orders.append(replace(stop, protects=duty.duty_id))
                records.append(RequestRecorded(orders[-1]))
            case "fill":
                whose = draw(st.sampled_from([None, *orders]))
                told = fill_of(draw, whose, str(n))
                is_ours = whose is not None
                records.append(Filled(whose.client_order_id, n, told) if is_ours else ForeignFillRecorded(told, n))
            case "settle" if orders:
                records.append(Settlement(draw(st.sampled_from(orders)).client_order_id, draw(st.booleans()), n))
            case "duty" if duties:
                duty = draw(st.sampled_from(duties))
                if draw(st.booleans()):
                    records.append(DutyFollowed(duty.duty_id, Decimal(100 + n), n))
                else:
                    duties.remove(duty)
                    records.append(DutyClosed(duty.duty_id, "left", n))
            case "plan":
                plan = a_plan(intent=f"plan-{n}")
                part = replace(order(intent=f"plan-{n}", role="slice-1"), plan_id=plan.plan_id)
                records += [IntentRecorded(plan.proposal, 1, n), PlanOpened(plan), RequestRecorded(part)]
                orders.append(part)
                if draw(st.booleans()):
                    records.append(PlanEnding(plan.plan_id, "ENOUGH", draw(st.booleans()), n))
                    records += draw(st.sampled_from([[], [PlanClosed(plan.plan_id, "ENOUGH", n)]]))
            case _:
                totals = (("USDT", Decimal(1_000 + n)),)
                payment = FundingPayment(SWAP, str(n), "USDT", Decimal("-0.25"), n * A_MINUTE_NS)
                records += [
                    FundingRecorded(payment, n),
                    *draw(st.sampled_from([[], [BalancesObserved(totals, "R", n)]])),
                ]
    return records


def fill_of(draw: st.DrawFn, whose: Order | None, trade_id: str) -> Fill:
    side = draw(st.sampled_from(Side)) if whose is None else whose.leg.side
    where = BTC if whose is None else whose.instrument_id
    made = fill(draw(st.sampled_from(["1", "0.3", "7"])), trade_id=trade_id, side=side, instrument_id=where)
    return replace(
        made,
        price=draw(st.sampled_from([Decimal("100.1"), Decimal(97), Decimal(113)])),
        fee=Decimal("0.003"),
        fee_asset=draw(st.sampled_from(["USDT", "BTC", "BNB"])),
        event_ns=draw(st.integers(0, 40)) * A_MINUTE_NS,
        is_forced=whose is None and draw(st.booleans()),
        realised_profit=Decimal("0.5") if where == SWAP else None,
        trade_id=TradeId(trade_id),
    )


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(records=histories(), data=st.data())
async def test_a_snapshot_and_the_rest_are_all_of_it(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    await written(folder, records)
    cut = data.draw(st.integers(1, len(records)))
    with a_connection(folder) as connection:
        whole, first = Folded(), Folded()
        fold_on(connection, BOOK, whole, len(records))
        fold_on(connection, BOOK, first, cut)
    with a_connection(folder) as connection:
        snapshots.keep(connection, BOOK, first)
    with a_connection(folder) as connection:
        found = snapshots.read(connection, BOOK, len(records))
        assert found == first
        fold_on(connection, BOOK, found, len(records))
    assert snapshots.sameness(found) == snapshots.sameness(whole)

    filled = Portfolio("USDT", INSTRUMENTS)
    for record in records:
        if isinstance(record, Filled) or (isinstance(record, ForeignFillRecorded) and record.fill.is_forced):
            filled.apply_fill(record.fill)
        elif isinstance(record, FundingRecorded):
            filled.apply_funding(record.payment)
    taken_over = Portfolio("USDT", INSTRUMENTS)
    taken_over.take_over(found.ledger.past)
    assert taken_over.positions() == filled.positions()
    ours, theirs = taken_over.value({}), filled.value({})
    assert replace(ours, unpriced=()) == replace(theirs, unpriced=())
    assert sorted(ours.unpriced) == sorted(theirs.unpriced)


@pytest.mark.parametrize("part", [1, 2, 3])
async def test_a_settlement_from_before_its_request_is_none_of_it(tmp_path: Path, part: int) -> None:
    """Of an attempt that the disk never took; another took its name."""
    placed = order()
    await written(tmp_path, [Settlement(placed.client_order_id, True, 1), IntentRecorded(proposal(), 1, 2)])
    await written(tmp_path, [RequestRecorded(placed)])
    folded = Folded()
    with a_connection(tmp_path) as connection:
        for until_seq in range(part, 3 + part, part):
            fold_on(connection, BOOK, folded, min(until_seq, 3))
    assert list(folded.live) == [placed.client_order_id]
    assert [each.client_order_id for each in (await loaded(tmp_path)).working] == [placed.client_order_id]


async def test_a_change_of_what_rows_fold_to_voids_older_snapshots(tmp_path: Path) -> None:
    """Where this fails, raise `FOLDING`, then write down the new digest: no start may go on from what was folded
    otherwise."""
    bought, sold = order(), order(intent="out", purpose=Purpose.EXIT, leg=leg("0.4", Side.SELL))
    duty = Duty(bought.client_order_id, bought.intent_id, BTC, Side.BUY, Protection(Decimal(90)), ("ema_cross",), 3)
    first = fill("1", trade_id="1", client_order_id=bought.client_order_id)
    second = replace(fill("0.4", trade_id="2", side=Side.SELL), price=Decimal(113), fee=Decimal("0.003"))
    totals = BalancesObserved((("USDT", Decimal(1_000)),), "R", 1)
    intents = [IntentRecorded(proposal(), 1, 1), IntentRecorded(proposal(intent="out"), 1, 1)]
    payment = FundingRecorded(FundingPayment(SWAP, "7", "USDT", Decimal("-0.25"), 6), 6)
    await written(
        tmp_path,
        [
            *(totals, *intents, RequestRecorded(bought), DutyOpened(duty), Filled(bought.client_order_id, 4, first)),
            *(RequestRecorded(sold), Filled(sold.client_order_id, 5, second), payment),
            *(Settlement(sold.client_order_id, True, 6), ForeignFillRecorded(fill("2", trade_id="3"), 7)),
        ],
    )
    folded = Folded()
    with a_connection(tmp_path) as connection:
        fold_on(connection, BOOK, folded, 11)
    digest = hashlib.sha256(snapshots.sameness(folded)).hexdigest()[:16]
    assert (snapshots.FOLDING, digest) == (1, "c3ac4be951c73b93")


async def test_one_is_written_while_nobody_waits_and_the_next_start_reads_it(tmp_path: Path) -> None:
    journal = await opened(tmp_path, snapshot_every=10)
    await journal.load()
    for n in range(25):
        await journal.append([RequestRecorded(order(intent=f"intent-{n}"))])
    await eventually(lambda: (snapshot_seq(tmp_path) or 0) > 25 - 10)
    await journal.append([Filled(order(intent="intent-3").client_order_id, 9, fill("0.5"))])
    expected = await journal.load()
    await journal.close()
    assert await loaded(tmp_path) == expected
    assert expected.n_orders == 25


async def test_another_epochs_books_have_nothing_of_the_one_before(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    await journal.append([RequestRecorded(order())])
    assert (await journal.load()).n_orders == 1
    await journal.close()
    await journal.open("epoch-2")
    assert (await journal.load()).n_orders == 0
    await journal.close()


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        ("UPDATE snapshots SET content = replace(content, '\"n_orders\":12', '\"n_orders\":13')", "checksum"),
        ("UPDATE snapshots SET form = '0-older'", None),
        ("UPDATE snapshots SET checksum = ''", "checksum"),
        ("UPDATE snapshots SET seq = seq + 1", "checksum"),
        ("DELETE FROM requests WHERE seq = 5", "has 12 requests, the journal 11"),
    ],
)
async def test_one_that_is_no_good_is_passed_over(tmp_path: Path, damage: str, finding: str | None) -> None:
    journal = await opened(tmp_path, snapshot_every=10)
    await journal.load()
    await journal.append([RequestRecorded(order(intent=f"intent-{n}")) for n in range(12)])
    await eventually(lambda: snapshot_seq(tmp_path) == 12)
    await journal.close()
    with a_connection(tmp_path) as connection:
        assert connection.exec_driver_sql(damage).rowcount == 1
        said = [each.words for each in audit(connection, BOOK).findings if each.invariant == 9]
    assert [finding in words for words in said] == ([True] if finding else [])
    with capture_logs() as lines:
        found = await loaded(tmp_path)
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == ["snapshot_void"]
    with a_connection(tmp_path) as connection:
        connection.exec_driver_sql("DELETE FROM snapshots")
    assert found == await loaded(tmp_path)
    assert found.n_orders == 12 - damage.startswith("DELETE")


async def test_the_audit_finds_a_snapshot_that_says_something_else(tmp_path: Path) -> None:
    placed = order()
    records = [IntentRecorded(proposal(), 1, 1), RequestRecorded(placed), Filled(placed.client_order_id, 2, fill())]
    await written(tmp_path, records)
    with a_connection(tmp_path) as connection:
        folded = Folded()
        fold_on(connection, BOOK, folded, 3)
        snapshots.keep(connection, BOOK, folded)
        assert audit(connection, BOOK).findings == ()
        folded.ledger.held[BTC] += 1
        snapshots.keep(connection, BOOK, folded)
        assert [(each.invariant, each.seq) for each in audit(connection, BOOK).findings] == [(9, 3)]


async def opened(folder: Path, snapshot_every: int = 1_000_000) -> Journal:
    journal = Journal(IDENTITY, data_dir=folder, snapshot_every=snapshot_every)
    await journal.open("epoch-1")
    return journal


async def loaded(folder: Path) -> JournalState:
    journal = await opened(folder)
    try:
        return await journal.load()
    finally:
        await journal.close()


async def written(folder: Path, records: Sequence[Record]) -> None:
    journal = await opened(folder)
    await journal.append(records)
    await journal.close()


@contextmanager
def a_connection(folder: Path) -> Iterator[Connection]:
    file = folder / "journal" / f"{IDENTITY.file_stem}.sqlite"
    database = Database(URL.create("sqlite", database=str(file)), 5.0)
    try:
        with database.transaction() as connection:
            yield connection
    finally:
        database.close()


def snapshot_seq(folder: Path) -> int | None:
    with a_connection(folder) as connection:
        return connection.execute(text("SELECT max(seq) FROM snapshots")).scalar_one()
