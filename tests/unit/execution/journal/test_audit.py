"""What an audit finds in a journal that somebody has tampered with, and that it finds nothing in one that is whole."""

import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.errors import JournalError
from core.domain.orders import FundingPayment, OrderStatus, Protection, Purpose, Side
from core.execution.books import Books
from core.execution.duty import Duty
from core.execution.events import Filled, Reported, Sent
from core.execution.journal.audit import Audit, audit
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.execution.journal.reading import journals, written_rows
from core.execution.journal.records import (
    BalancesObserved,
    DutyClosed,
    DutyOpened,
    FundingRecorded,
    IntentRecorded,
    Record,
    RequestRecorded,
)
from unit.execution.making import BTC, fill, order, proposal, report

IDENTITY = JournalIdentity("paper", "sim", "main")


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """One entry under a stop, filled and settled; funding paid."""
    books, entry = Books(retain_closed=10), order()
    cid = entry.client_order_id
    books.add(entry)
    books.apply(Sent(cid, 1))
    duty = Duty(cid, entry.intent_id, BTC, Side.BUY, Protection(Decimal(90)), ("ema_cross",), 1)
    records: list[Record] = [IntentRecorded(proposal(), 1, 1), RequestRecorded(entry), DutyOpened(duty)]
    records += books.apply(Reported(cid, 2, report(entry, OrderStatus.FILLED, "1"))).records
    records += books.apply(Filled(cid, 3, fill())).records
    records += [DutyClosed(cid, "left", 4), BalancesObserved((("USDT", Decimal(1)),), "START", 5)]
    records.append(FundingRecorded(FundingPayment(BTC, "7", "USDT", Decimal("-0.25"), 6), 6))
    journal = Journal(IDENTITY, data_dir=tmp_path)
    await journal.open("epoch-1")
    await journal.append(records)
    await journal.close()
    return tmp_path


def audited(folder: Path) -> Audit:
    (reader,) = journals(folder, None)
    reader.check_file()
    (book,) = reader.books()
    with reader.opened() as connection:
        return audit(connection, book.number)


def tampered(folder: Path, statement: str) -> None:
    with sqlite3.connect(next((folder / "journal").glob("*.sqlite"))) as database:
        assert database.execute(statement).rowcount
    database.close()


async def test_a_whole_journal_has_no_findings(folder: Path) -> None:
    assert audited(folder) == Audit(orders=1, settled=1, fills=1, records=9, findings=())


@pytest.mark.parametrize(
    ("statement", "invariant", "words"),
    [
        ("UPDATE balances SET seq = 1", 1, "given before"),
        ("UPDATE fills SET price = 'dear'", 2, "fills"),
        ("UPDATE funding SET amount = 'dear'", 2, "funding"),
        ("UPDATE requests SET leg = '{'", 2, "requests"),
        ("UPDATE events SET kind = 'guessed'", 2, "guessed"),
        ("DELETE FROM intents", 3, "intent-1"),
        ("DELETE FROM requests", 4, "not there"),
        ("UPDATE requests SET seq = 99", 4, "not there"),
        ("UPDATE fills SET quantity = '7'", 5, "OVERFILLED"),
        ("UPDATE fills SET quantity = '-1'", 5, "ABSURD_FILL"),
        ("DELETE FROM fills", 6, "marked as settled"),
        ("UPDATE duties SET duty_id = 'x' WHERE kind = 'opened'", 7, "not there"),
        ("DELETE FROM duties WHERE kind = 'opened'", 7, "never opened"),
    ],
)
async def test_what_cannot_be_true_is_found(folder: Path, statement: str, invariant: int, words: str) -> None:
    tampered(folder, statement)
    found = audited(folder).findings
    assert any(each.invariant == invariant and words in each.words for each in found), found


async def test_an_audit_does_not_read_on_for_ever(folder: Path) -> None:
    journal = Journal(IDENTITY, data_dir=folder)
    await journal.open("epoch-1")
    lost = [replace(order(intent=f"lost-{n}"), purpose=Purpose.EXIT) for n in range(1_200)]
    await journal.append([RequestRecorded(one) for one in lost])
    await journal.close()
    assert len(audited(folder).findings) == 1_000


async def test_rows_come_in_the_order_of_writing_while_the_daemon_holds_the_file(folder: Path) -> None:
    journal = Journal(IDENTITY, data_dir=folder)
    await journal.open("epoch-1")
    (reader,) = journals(folder, None)
    with reader.opened() as connection:
        names = [table.name for table, _ in written_rows(connection, 1)]
        await journal.append([RequestRecorded(order(intent="meanwhile"))])
    await journal.close()
    assert names == ["intents", "requests", "duties", "events", "fills", "settlements", "duties", "balances", "funding"]


@pytest.mark.parametrize(("version", "words"), [(1, "start the daemon once"), (99, "use the version that wrote it")])
async def test_another_schema_is_refused(folder: Path, version: int, words: str) -> None:
    tampered(folder, f"UPDATE schema_versions SET version = {version}")
    with pytest.raises(JournalError, match=words):
        audited(folder)


async def test_a_damaged_page_is_found(folder: Path) -> None:
    file = next((folder / "journal").glob("*.sqlite"))
    raw = bytearray(file.read_bytes())
    raw[4_096 * 3 : 4_096 * 3 + 200] = b"\xff" * 200
    file.write_bytes(raw)
    with pytest.raises(JournalError, match=r"journal .*paper-sim-main\.sqlite: "):
        audited(folder)
