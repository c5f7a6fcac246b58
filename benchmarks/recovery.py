"""Recovery from a journal of 100,000 orders, by the daemon itself: opened, checked, replayed, reconciled, stops armed.

A first run makes the journal, then `ORDERS` round trips of one symbol are written into it by the code that always
writes it, then the daemon is started again on the same venue. What counts is the time from the start of its process to
its word that it trades: from then on a close is decided. Its start with the small journal is the floor; where that is
`BUSY_S` already, the machine does something else, and nothing is claimed. A start after that goes without the journal's
snapshot, and reads everything.
"""

import asyncio
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._daemon import Run, claim, folder, run_daemon
from rich.progress import track

from core.domain.instruments import InstrumentId
from core.domain.orders import (
    Fill,
    IntentId,
    Leg,
    OrderReport,
    OrderStatus,
    OrderType,
    Proposal,
    Protection,
    Purpose,
    Side,
    TradeId,
    VenueOrderId,
)
from core.execution.books import Books
from core.execution.client_order_id import client_order_id
from core.execution.events import Filled, Reported, Sent
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.execution.journal.records import (
    BalancesObserved,
    DutyClosed,
    DutyOpened,
    IntentRecorded,
    Record,
    RequestRecorded,
)
from core.execution.order import Order
from core.execution.protection import Duty

EVERY_NS, SNAPSHOT_EVERY = 30_000_000_000, 1_000
ORDERS, TARGET_S, BUSY_S, START_LIMIT_S = 100_000, 5.0, 4.0, 180.0
SYMBOL, PRICE, A_BATCH = InstrumentId("BTC/USDT"), Decimal("20000"), 500


@dataclass(frozen=True)
class Book:
    identity: JournalIdentity
    epoch: str
    began_ns: int


def main() -> int:
    with folder() as data_dir:
        config = f'[storage]\ndata_dir = "{data_dir}"\n[api]\nport = 0\n[simulation]\nport = 0\nseed = 7\n'
        run_daemon(config, data_dir, START_LIMIT_S, stop_on='"event": "trading"')
        floor = run_daemon(config, data_dir, START_LIMIT_S, stop_on='"event": "trading"')
        asyncio.run(write(data_dir, book_in(data_dir)))
        run = run_daemon(config, data_dir, START_LIMIT_S, stop_on='"event": "trading"')
        forget_snapshot(data_dir)
        slow = run_daemon(config, data_dir, START_LIMIT_S, stop_on='"event": "trading"')
    (recovered,) = (line for line in run.lines if line.get("event") == "recovered")
    seconds, floor_s = trading_after_s(run), trading_after_s(floor)
    holds = seconds is not None and recovered["orders"] >= ORDERS and seconds < TARGET_S
    is_busy = floor_s is not None and floor_s >= BUSY_S
    return claim(
        "from the start of a daemon with 100,000 orders in its journal to trading, s",
        seconds,
        TARGET_S,
        None if is_busy and not holds else holds,
        with_a_small_journal_s=floor_s,
        without_its_snapshot_s=trading_after_s(slow),
        recovery_s=recovered["duration_s"],
        recovery_with_a_small_journal_s=next(
            line["duration_s"] for line in floor.lines if line["event"] == "recovered"
        ),
        orders=recovered["orders"],
        fills=recovered["fills"],
    )


def trading_after_s(run: Run) -> float | None:
    return next((round(line["bench_s"], 1) for line in run.lines if line.get("event") == "trading"), None)


def book_in(data_dir: Path) -> Book:
    with closing(sqlite3.connect(journal_in(data_dir))) as database:
        mode, venue, account, epoch = database.execute("SELECT mode, venue, account, epoch FROM books").fetchone()
        (began_ns,) = database.execute("SELECT max(at_ns) FROM balances").fetchone()
    return Book(JournalIdentity(mode, venue, account), epoch, began_ns)


def snapshot_behind(data_dir: Path) -> int:
    """How many records are newer than it."""
    words = "SELECT (SELECT max(seq) FROM balances) - coalesce(max(seq), 0) FROM snapshots"
    with closing(sqlite3.connect(journal_in(data_dir))) as database:
        (behind,) = database.execute(words).fetchone()
        return int(behind)


def forget_snapshot(data_dir: Path) -> None:
    with closing(sqlite3.connect(journal_in(data_dir))) as database, database:
        database.execute("DELETE FROM snapshots")


def journal_in(data_dir: Path) -> Path:
    (file,) = (data_dir / "journal").glob("*.sqlite")
    return file


async def write(data_dir: Path, book: Book) -> None:
    journal = Journal(book.identity, data_dir=data_dir)
    await journal.open(book.epoch)
    totals = (await journal.load()).observed_totals
    books = Books(retain_closed=10)
    batch: list[Record] = []
    for n in track(range(ORDERS), "writing the journal", transient=True):
        batch += life(n, book.began_ns - (ORDERS - n) * EVERY_NS, books)
        if n % A_BATCH == A_BATCH - 1:
            await journal.append(batch)
            batch = []
    batch.append(BalancesObserved(tuple(totals.items()), "BENCHMARK", book.began_ns))
    await journal.append(batch)
    while snapshot_behind(data_dir) >= SNAPSHOT_EVERY:  # at a daemon's pace it would never have been so far behind
        await asyncio.sleep(0.1)
    await journal.close()


def life(n: int, at_ns: int, books: Books) -> Iterator[Record]:
    """An entry under a stop where `n` is even, the exit of the one before where it is odd."""
    is_entry = n % 2 == 0
    side, purpose = (Side.BUY, Purpose.ENTRY) if is_entry else (Side.SELL, Purpose.EXIT)
    intent_id, venue_id = IntentId(f"benchmark-{n}"), VenueOrderId(f"b{n}")
    leg = Leg(SYMBOL, side, Decimal("0.01"), OrderType.MARKET)
    cycle, protection = f"ema_cross|{SYMBOL}|1m|{n}", Protection(PRICE * Decimal("0.9")) if is_entry else None
    yield IntentRecorded(
        Proposal(intent_id, purpose, (leg,), ("ema_cross",), cycle, at_ns, PRICE, protection), 1, at_ns
    )
    order = Order(
        client_order_id(intent_id, "leg-0"), intent_id, "leg-0", purpose, ("ema_cross",), leg, "cross", at_ns, at_ns
    )
    cid = order.client_order_id
    yield RequestRecorded(order)
    books.add(order)
    books.apply(Sent(cid, at_ns))
    if protection is not None:
        yield DutyOpened(Duty(cid, intent_id, SYMBOL, side, protection, ("ema_cross",), at_ns))
    else:
        entry = client_order_id(IntentId(f"benchmark-{n - 1}"), "leg-0")
        yield DutyClosed(entry, "left", at_ns)
    report = OrderReport(
        SYMBOL, cid, venue_id, OrderStatus.FILLED, side, leg.order_type, leg.quantity, leg.quantity,
        leg.quantity * PRICE, None, None, at_ns,
    )  # fmt: skip
    yield from books.apply(Reported(cid, at_ns, report)).records
    fill = Fill(
        SYMBOL, TradeId(f"b{n}"), venue_id, cid, side, PRICE, leg.quantity, Decimal("0.2"), "USDT", False, at_ns
    )
    yield from books.apply(Filled(cid, at_ns, fill)).records


if __name__ == "__main__":
    sys.exit(main())
