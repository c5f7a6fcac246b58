"""Files that a journal must not trust: newer, older, damaged, not a database, not writable."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from core.domain.errors import JournalError
from core.domain.facts import OrderState
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, FundingPayment, OrderStatus, Protection, Side, Terms
from core.execution.duty import Duty
from core.execution.events import AmendAsked, AmendWay, Filled, Reported
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.execution.journal.records import (
    DutyFollowed,
    DutyOpened,
    DutyReached,
    ForeignFillRecorded,
    FundingRecorded,
    IntentRecorded,
    PlanOpened,
    RequestRecorded,
)
from core.execution.journal.schema import UPGRADES
from core.execution.journal.storage import Storage
from core.execution.order import Amendment
from unit.execution.making import a_plan, fill, order, report

IDENTITY = JournalIdentity("paper", "sim", "main")
NOBODY = 65_534
NEWEST = 1 + len(UPGRADES)


def file_in(folder: Path) -> Path:
    return folder / "journal" / "paper-sim-main.sqlite"


def storage_in(folder: Path, upgrades: dict[int, Callable[[Connection], None]]) -> Storage:
    return Storage(IDENTITY, data_dir=folder, url=None, now_iso=lambda: "2026-11-22T10:00:00Z", upgrades=upgrades)


async def written(folder: Path, n_orders: int = 1) -> None:
    journal = Journal(IDENTITY, data_dir=folder)
    await journal.open("epoch-1")
    for n in range(n_orders):
        await journal.append([RequestRecorded(order(intent=f"intent-{n}"))])
    await journal.close()


async def opening_fails(folder: Path, match: str) -> JournalError:
    with pytest.raises(JournalError, match=match) as caught:
        await Journal(IDENTITY, data_dir=folder).open("epoch-1")
    assert str(file_in(folder)) in str(caught.value)
    return caught.value


def forget_following(database: sqlite3.Connection) -> None:
    """As version 7 had it, which knew of no stops that follow the market."""
    for table, columns in (("intents", 2), ("duties", 3)):
        for column in ("trailing_distance", "trailing_bps", "best_price")[:columns]:
            database.execute(f"ALTER TABLE {table} DROP COLUMN {column}")


def forget_plans(database: sqlite3.Connection) -> None:
    """As before version 7."""
    forget_following(database)
    database.execute("DROP TABLE plans")
    database.execute("ALTER TABLE requests DROP COLUMN plan_id")


def forget_amendments(database: sqlite3.Connection) -> None:
    """As before version 6."""
    forget_plans(database)
    database.execute("ALTER TABLE events DROP COLUMN price")
    database.execute("ALTER TABLE requests DROP COLUMN replaces")


def forget_adoption(database: sqlite3.Connection) -> None:
    """As before version 5."""
    forget_amendments(database)
    for column in ("theirs", "filled_before"):
        database.execute(f"ALTER TABLE requests DROP COLUMN {column}")


async def test_a_newer_schema_is_an_error_with_exit_code_4(tmp_path: Path) -> None:
    await written(tmp_path)
    with sqlite3.connect(file_in(tmp_path)) as database:
        database.execute("INSERT INTO schema_versions VALUES (99, 'later')")
    database.close()
    error = await opening_fails(tmp_path, f"schema is version 99, this program knows {NEWEST} at most")
    assert error.exit_code == 4


async def test_an_older_schema_is_upgraded_step_by_step_and_keeps_everything(tmp_path: Path) -> None:
    await written(tmp_path)

    def note_column(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE requests ADD COLUMN note TEXT"))

    def fill_it(connection: Connection) -> None:
        connection.execute(text("UPDATE requests SET note = 'from an older version'"))

    storage = storage_in(tmp_path, upgrades={**UPGRADES, NEWEST: note_column, NEWEST + 1: fill_it})
    storage.open("epoch-1")
    notes = storage.read(lambda connection, _: connection.execute(text("SELECT note FROM requests")).scalars().all())
    versions = storage.read(
        lambda connection, _: connection.execute(text("SELECT version FROM schema_versions")).scalars().all()
    )
    storage.close()
    assert (notes, versions) == (["from an older version"], [NEWEST, NEWEST + 1, NEWEST + 2])


async def test_a_journal_from_before_plans_keeps_its_orders_and_takes_plans(tmp_path: Path) -> None:
    bought, parent = order(intent="bought"), a_plan()
    journal = Journal(IDENTITY, data_dir=tmp_path)
    await journal.open("epoch-1")
    await journal.append([RequestRecorded(bought)])
    await journal.close()
    with sqlite3.connect(file_in(tmp_path)) as database:
        forget_plans(database)
        database.execute("UPDATE schema_versions SET version = 6")
    database.close()
    journal = Journal(IDENTITY, data_dir=tmp_path)
    await journal.open("epoch-1")
    await journal.append([IntentRecorded(parent.proposal, 1, 5), PlanOpened(parent)])
    state = await journal.load()
    await journal.close()
    assert [one.client_order_id for one in state.orders] == [bought.client_order_id]
    assert state.plans == (parent,)


async def test_a_journal_from_before_amendments_keeps_its_orders_and_takes_them(tmp_path: Path) -> None:
    old = order()
    journal = Journal(IDENTITY, data_dir=tmp_path)
    await journal.open("epoch-1")
    await journal.append([RequestRecorded(old), Reported(old.client_order_id, 2, report(old, OrderStatus.NEW))])
    await journal.close()
    with sqlite3.connect(file_in(tmp_path)) as database:
        forget_amendments(database)
        database.execute("UPDATE schema_versions SET version = 5")
    database.close()
    journal = Journal(IDENTITY, data_dir=tmp_path)
    await journal.open("epoch-1")
    terms = Terms(Decimal("0.4"), Decimal(99))
    new = replace(order(role="leg-0-replace-1"), replaces=old.client_order_id)
    await journal.append([AmendAsked(old.client_order_id, 3, terms, AmendWay.REPLACE, "cheaper"), RequestRecorded(new)])
    (kept, added) = (await journal.load()).orders
    await journal.close()
    assert (kept.state, kept.amendment) == (OrderState.ACCEPTED, Amendment(terms, AmendWay.REPLACE))
    assert added.replaces == old.client_order_id


async def test_a_journal_from_before_trailing_stops_keeps_its_duties_and_follows_them(tmp_path: Path) -> None:
    entry = order()
    protection = Protection(Decimal(90), Decimal(120))
    old = Duty(entry.client_order_id, entry.intent_id, entry.instrument_id, Side.BUY, protection, ("ema_cross",), 1)
    journal = Journal(IDENTITY, data_dir=tmp_path)
    await journal.open("epoch-1")
    await journal.append([RequestRecorded(entry), DutyOpened(old)])
    await journal.close()
    with sqlite3.connect(file_in(tmp_path)) as database:
        forget_following(database)
        database.execute("UPDATE schema_versions SET version = 7")
    database.close()
    journal = Journal(IDENTITY, data_dir=tmp_path)
    await journal.open("epoch-1")
    assert (await journal.load()).duties == (old,)
    followed = [DutyFollowed(old.duty_id, Decimal(110), 2), DutyReached(old.duty_id, 3)]
    trailing = replace(
        old, duty_id=ClientOrderId("other"), protection=Protection(Decimal(90), None, Decimal(10), 1_000)
    )
    await journal.append([*followed, DutyOpened(trailing)])
    assert (await journal.load()).duties == (replace(old, best_price=Decimal(110), is_reached=True), trailing)
    await journal.close()


async def test_a_file_of_version_1_is_upgraded_and_its_settled_orders_are_marked(tmp_path: Path) -> None:
    """Version 1 did not say of any order that it is settled."""
    over, working = order(intent="over"), order(intent="working")
    journal = Journal(IDENTITY, data_dir=tmp_path)
    await journal.open("epoch-1")
    end = Reported(over.client_order_id, 2, report(over, OrderStatus.CANCELLED))
    await journal.append([RequestRecorded(over), end, RequestRecorded(working)])
    await journal.close()
    with sqlite3.connect(file_in(tmp_path)) as database:
        database.execute("DROP TABLE settlements")
        database.execute("DROP TABLE funding")
        database.execute("ALTER TABLE fills DROP COLUMN realised_profit")
        database.execute("ALTER TABLE fills DROP COLUMN is_forced")
        forget_adoption(database)
        database.execute("UPDATE schema_versions SET version = 1")
    database.close()

    for unmarked in ([over.client_order_id], []):
        journal = Journal(IDENTITY, data_dir=tmp_path)
        await journal.open("epoch-1")
        state = await journal.load()
        await journal.close()
        assert [one.client_order_id for one in state.unmarked] == unmarked
        assert [one.intent_id for one in state.orders] == ["over", "working"]


async def test_a_journal_from_before_perpetuals_keeps_its_fills_and_takes_funding(tmp_path: Path) -> None:
    journal = Journal(IDENTITY, data_dir=tmp_path)
    await journal.open("epoch-1")
    bought = order()
    bought_fill = fill("1", client_order_id=bought.client_order_id)
    await journal.append([RequestRecorded(bought), Filled(bought.client_order_id, 5, bought_fill)])
    await journal.close()
    with sqlite3.connect(file_in(tmp_path)) as database:
        database.execute("DROP TABLE funding")
        database.execute("ALTER TABLE fills DROP COLUMN realised_profit")
        database.execute("ALTER TABLE fills DROP COLUMN is_forced")
        forget_adoption(database)
        database.execute("UPDATE schema_versions SET version = 2")
    database.close()
    payment = FundingPayment(InstrumentId("BTC/USDT:USDT"), "7", "USDT", Decimal("-0.25"), 6)
    journal = Journal(IDENTITY, data_dir=tmp_path)
    await journal.open("epoch-1")
    await journal.append([FundingRecorded(payment, 7)])
    await journal.append([FundingRecorded(payment, 8)])
    state = await journal.load()
    await journal.close()
    assert state.seen == {bought.instrument_id: {bought_fill.key: bought_fill}}
    assert state.seen_funding == {(payment.instrument_id, "7"): 6}


async def test_a_journal_from_before_both_sides_of_a_trade_keeps_its_fills_and_takes_the_other_side(
    tmp_path: Path,
) -> None:
    journal = Journal(IDENTITY, data_dir=tmp_path)
    await journal.open("epoch-1")
    bought, sold = fill("1"), fill("1", side=Side.SELL)
    await journal.append([ForeignFillRecorded(bought, 5)])
    await journal.close()
    with sqlite3.connect(file_in(tmp_path)) as database:
        (made,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'fills'").fetchone()
        database.execute("CREATE TABLE kept AS SELECT * FROM fills")
        database.execute("DROP TABLE fills")
        database.execute(made.replace("trade_id, side)", "trade_id)"))
        database.execute("INSERT INTO fills SELECT * FROM kept")
        database.execute("DROP TABLE kept")
        database.execute("CREATE INDEX fills_by_order ON fills (book, client_order_id)")
        database.execute("CREATE INDEX fills_by_venue_order ON fills (book, venue_order_id)")
        forget_adoption(database)
        database.execute("UPDATE schema_versions SET version = 3")
    database.close()
    journal = Journal(IDENTITY, data_dir=tmp_path)
    await journal.open("epoch-1")
    for each in (bought, sold, sold):
        await journal.append([ForeignFillRecorded(each, 6)])
    state = await journal.load()
    await journal.close()
    assert set(state.seen[bought.instrument_id]) == {bought.key, sold.key}


async def test_a_journal_from_before_adoption_keeps_its_orders(tmp_path: Path) -> None:
    await written(tmp_path, n_orders=2)
    with sqlite3.connect(file_in(tmp_path)) as database:
        forget_adoption(database)
        database.execute("UPDATE schema_versions SET version = 4")
    database.close()
    theirs = order(intent="adopted", theirs="web_1", filled_before=Decimal("0.25"))
    journal = Journal(IDENTITY, data_dir=tmp_path)
    await journal.open("epoch-1")
    await journal.append([RequestRecorded(theirs)])
    state = await journal.load()
    await journal.close()
    told = [(one.intent_id, one.known_as == one.client_order_id, one.filled_before) for one in state.orders]
    assert told == [("intent-0", True, 0), ("intent-1", True, 0), ("adopted", False, Decimal("0.25"))]


async def test_an_upgrade_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    await written(tmp_path)

    def broken(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE requests ADD COLUMN note TEXT"))
        connection.execute(text("SELECT nonsense FROM nowhere"))

    with pytest.raises(JournalError, match="nowhere"):
        storage_in(tmp_path, upgrades={**UPGRADES, NEWEST: broken}).open("epoch-1")
    journal = Journal(IDENTITY, data_dir=tmp_path)
    await journal.open("epoch-1")
    assert (await journal.load()).n_orders == 1
    await journal.close()


async def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    file_in(tmp_path).parent.mkdir()
    file_in(tmp_path).write_text("these are not the bytes you are looking for\n" * 100)
    await opening_fails(tmp_path, "not a database")


async def test_a_damaged_page_is_an_error(tmp_path: Path) -> None:
    await written(tmp_path, n_orders=300)
    raw = bytearray(file_in(tmp_path).read_bytes())
    for start in range(4_096 * 8, len(raw), 4_096):
        raw[start : start + 200] = os.urandom(200)
    file_in(tmp_path).write_bytes(raw)
    await opening_fails(tmp_path, "damaged|malformed")


async def test_a_folder_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("a file where a folder should be")
    with pytest.raises(JournalError, match="can't make this folder"):
        await Journal(IDENTITY, data_dir=tmp_path).open(None)


@pytest.mark.parametrize("url", ["nonsense", "nosuchdatabase://host/name", "mysql+nosuchdriver://host/name"])
async def test_a_url_that_nothing_understands_is_an_error(tmp_path: Path, url: str) -> None:
    with pytest.raises(JournalError, match=r"storage\.journal_url"):
        await Journal(IDENTITY, data_dir=tmp_path, url=url).open(None)


READ_ONLY = """
import asyncio, os, sqlite3, sys
from pathlib import Path
from core.domain.errors import JournalError
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
os.chdir(sys.argv[1])
if os.getuid() == 0:
    os.setgroups([]); os.setgid({nobody}); os.setuid({nobody})
async def main():
    try:
        await Journal(JournalIdentity("paper", "sim", "main"), data_dir=Path()).open("epoch-1")
    except JournalError as error:
        print(error)
asyncio.run(main())
"""


@pytest.mark.processes
async def test_a_read_only_journal_is_an_error(tmp_path: Path) -> None:
    await written(tmp_path)
    file_in(tmp_path).chmod(0o444)
    file_in(tmp_path).parent.chmod(0o555)
    tmp_path.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY.format(nobody=NOBODY), str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
            env={"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]},
        )
    finally:
        file_in(tmp_path).parent.chmod(0o755)
        tmp_path.chmod(0o755)
    assert "journal is read-only: give this user write permission" in done.stdout, done.stderr
    assert "journal/paper-sim-main.sqlite" in done.stdout
