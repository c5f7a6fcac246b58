"""Intents made durable a second, on SQLite and on PostgreSQL: the journal's group commit beside one commit each.

Naive is one connection, the same SQLAlchemy Core inserts, a commit each: what a thread that waits for every commit
reaches, however many wait for it. Both write the same rows to the same tables on the same disk, in turns; where the
naive rates before and after differ by more than `NOISE` the machine does something else, and nothing is claimed. Syncs
are counted by the kernel (strace) for SQLite, and by PostgreSQL itself.

An idle journal is compared with one naive commit that a loop waits for, since no loop here waits for a disk: the same
inserts in a thread of its own, asked for and answered across the same two threads. The commit alone, which nobody waits
for on a loop, stands beside it, and so does the bare way to a thread and back. They take turns in a drawn order, one
intent each; the figure is the median of `ROUNDS` ratios of medians, each of a journal that was opened anew.
"""

import asyncio
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, field
from decimal import Decimal
from itertools import chain, count
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import uvloop
from benchmarks._daemon import claim, folder
from sqlalchemy import insert, text
from sqlalchemy.engine import URL, make_url

from core.domain.instruments import InstrumentId
from core.domain.orders import IntentId, Leg, OrderType, Proposal, Protection, Purpose, Side
from core.execution.client_order_id import client_order_id
from core.execution.journal import schema
from core.execution.journal.cells import Encoded
from core.execution.journal.codec import to_row
from core.execution.journal.engine import Database
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.execution.journal.records import IntentRecorded, Record, RequestRecorded
from core.execution.order import Order
from core.runtime.loop import tune_interpreter
from core.settings.compute import ComputeSettings

AT_ONCE, SECONDS, SINGLES = 64, 3.0, 300
ROUNDS, LONE = 7, 100
PER_SYNC, TIMES_NAIVE, IDLE = 8.0, 3.0, 1.25
NOISE = 1.6
CHANCE = random.Random(7)
IDENTITY = JournalIdentity("paper", "bench", "main")
SYMBOL, PRICE = InstrumentId("BTC/USDT"), Decimal("20000")

_fresh = count(1)


@dataclass(frozen=True)
class Store:
    name: str
    data_dir: Path
    url: str | None
    syncs: Callable[[], int] | None
    """Of its write-ahead log so far; `None`: nobody here counts them."""

    @property
    def database_url(self) -> URL:
        file = self.data_dir / "journal" / f"{IDENTITY.file_stem}.sqlite"
        return make_url(self.url) if self.url else URL.create("sqlite", database=str(file))

    def journal(self) -> Journal:
        return Journal(IDENTITY, data_dir=self.data_dir, url=self.url)


def main() -> int:
    if sys.argv[1:2] == ["--burst"]:  # a child that is counted
        store = Store("sqlite", Path(sys.argv[2]), None, None)
        print(json.dumps({"intents": len(asyncio.run(burst(store, 1.0)))}))
        return 0
    status = 0
    with folder() as data_dir:
        fsync_ms = disk_fsync_ms(data_dir)
        for store in stores(data_dir):
            status |= measure(store, fsync_ms)
    return status


def measure(store: Store, fsync_ms: float) -> int:
    asyncio.run(burst(store, 0.2))  # the tables are there, everything is warm
    with closing(Naive(store)) as naive:
        before = naive.write(SINGLES)
        syncs = store.syncs() if store.syncs else 0
        together = asyncio.run(burst(store, SECONDS))
        syncs = store.syncs() - syncs if store.syncs else 0
        after = naive.write(SINGLES)
        rounds = [uvloop.run(idle(store, naive)) for _ in range(ROUNDS)]
    naive_per_s = 1_000 / median((*before, *after))
    per_s = len(together) / SECONDS
    swing = max(median(before), median(after)) / min(median(before), median(after))
    is_quiet = swing < NOISE
    beside = {"fsync_p50_ms": round(fsync_ms, 3), "naive_swing": round(swing, 2)}
    status = claim(
        f"durable intents a second on {store.name} at {AT_ONCE} at once, times naive",
        round(per_s / naive_per_s, 2),
        TIMES_NAIVE,
        per_s / naive_per_s >= TIMES_NAIVE if is_quiet else None,
        per_s=round(per_s),
        naive_per_s=round(naive_per_s),
        latency_p50_ms=round(median(together), 2),
        latency_p99_ms=round(p99(together), 2),
        **beside,
    )
    n, syncs = (len(together), syncs) if store.syncs else counted_by_strace(store.data_dir)
    per_sync = n / syncs if syncs else None
    status |= claim(
        f"durable intents a sync on {store.name} at {AT_ONCE} at once",
        None if per_sync is None else round(per_sync, 1),
        PER_SYNC,
        None if per_sync is None else per_sync >= PER_SYNC,
        intents=n,
        syncs=syncs,
        **({} if syncs else {"why": "strace is absent"}),
    )
    ratio = median(median(each.journal) / median(each.commit_off_loop) for each in rounds)
    lone = Lone(*(list(chain.from_iterable(each)) for each in zip(*map(astuple, rounds), strict=True)))
    return status | claim(
        f"an idle journal on {store.name}: latency of one intent, times one commit's off the loop",
        round(ratio, 2),
        IDLE,
        ratio <= IDLE if is_quiet else None,
        p50_ms=round(median(lone.journal), 3),
        p99_ms=round(p99(lone.journal), 3),
        commit_off_loop_p50_ms=round(median(lone.commit_off_loop), 3),
        commit_off_loop_p99_ms=round(p99(lone.commit_off_loop), 3),
        commit_alone_p50_ms=round(median(lone.commit), 3),
        times_commit_alone=round(median(median(each.journal) / median(each.commit) for each in rounds), 2),
        rounds=[round(median(each.journal) / median(each.commit_off_loop), 2) for each in rounds],
        hand_off_p50_ms=round(median(lone.hand_off), 3),
        **beside,
    )


async def burst(store: Store, seconds: float) -> list[float]:
    """`AT_ONCE` at a time for so long; how long each waited, in ms."""
    journal = store.journal()
    await journal.open(None)
    ends = time.perf_counter() + seconds
    waited: list[float] = []

    async def keep_asking() -> None:
        while (began := time.perf_counter()) < ends:
            await journal.append(intent())
            waited.append((time.perf_counter() - began) * 1_000)

    await asyncio.gather(*(keep_asking() for _ in range(AT_ONCE)))
    await journal.close()
    return waited


@dataclass(frozen=True)
class Lone:
    """What one at a time takes, in ms."""

    commit: list[float] = field(default_factory=list)
    commit_off_loop: list[float] = field(default_factory=list)
    hand_off: list[float] = field(default_factory=list)
    journal: list[float] = field(default_factory=list)

    def warm(self) -> "Lone":
        """Without the first of each, which finds nothing compiled."""
        return Lone(self.commit[1:], self.commit_off_loop[1:], self.hand_off[1:], self.journal[1:])


async def idle(store: Store, naive: "Naive") -> Lone:
    """By turns, on the daemon's loop as it is tuned."""
    tune_interpreter(ComputeSettings().switch_interval_s)
    found, loop = Lone(), asyncio.get_running_loop()
    journal = store.journal()
    await journal.open(None)

    async def timed(took: list[float], work: Awaitable[object]) -> None:
        began = time.perf_counter()
        await work
        took.append((time.perf_counter() - began) * 1_000)

    with ThreadPoolExecutor(1) as thread:
        off_loop = await loop.run_in_executor(thread, Naive, store)

        async def commit() -> None:
            found.commit.extend(naive.write(1))

        async def commit_off_loop() -> None:
            rows = off_loop.rows()
            await timed(found.commit_off_loop, loop.run_in_executor(thread, off_loop.commit, rows))

        async def hand_off() -> None:
            await timed(found.hand_off, loop.run_in_executor(thread, int))

        async def append() -> None:
            records = intent()
            await timed(found.journal, journal.append(records))

        turns = [commit, commit_off_loop, hand_off, append]
        for _ in range(LONE):
            CHANCE.shuffle(turns)  # a sync takes longer or shorter by what was written before it
            for turn in turns:
                await turn()
        await loop.run_in_executor(thread, off_loop.close)
    await journal.close()
    return found.warm()


class Naive:
    """One connection, one commit an intent."""

    def __init__(self, store: Store) -> None:
        self._database = Database(store.database_url, 5.0)
        self._seq = 0
        book = {"mode": "naive", "venue": "bench", "account": str(next(_fresh)), "opened_at": "now"}
        with self._database.transaction() as connection:
            made = connection.execute(insert(schema.BOOKS).values(**book))
            self._book = int((made.inserted_primary_key or (0,))[0])

    def write(self, n: int) -> list[float]:
        """How long each took, in ms."""
        took: list[float] = []
        for _ in range(n):
            rows = self.rows()
            began = time.perf_counter()
            self.commit(rows)
            took.append((time.perf_counter() - began) * 1_000)
        return took

    def rows(self) -> list[Encoded]:
        return [to_row(record) for record in intent()]

    def commit(self, rows: list[Encoded]) -> None:
        with self._database.transaction() as connection:
            for table, values in rows:
                self._seq += 1
                connection.execute(insert(table), {"book": self._book, "seq": self._seq, **values})

    def close(self) -> None:
        self._database.close()


def intent() -> list[Record]:
    """What is written before an order leaves."""
    intent_id, at_ns = IntentId(f"bench-{os.getpid()}-{next(_fresh)}"), 1_700_000_000_000_000_000
    leg = Leg(SYMBOL, Side.BUY, Decimal("0.01"), OrderType.MARKET)
    strategies, cycle = ("ema_cross",), f"ema_cross|{SYMBOL}|1m|{intent_id}"
    protection = Protection(PRICE * Decimal("0.9"))
    proposal = Proposal(intent_id, Purpose.ENTRY, (leg,), strategies, cycle, at_ns, PRICE, protection)
    order = Order(
        client_order_id(intent_id, "leg-0"), intent_id, "leg-0", Purpose.ENTRY, strategies, leg, "cross", at_ns, at_ns
    )
    return [IntentRecorded(proposal, 1, at_ns), RequestRecorded(order)]


def stores(data_dir: Path) -> Iterator[Store]:
    yield Store("SQLite", data_dir, None, None)
    from tests.postgres import binary

    if binary("initdb") is None:
        for what in ("a second", "a sync"):
            claim(f"durable intents {what} on PostgreSQL", None, PER_SYNC, None, why="PostgreSQL is absent")
        return
    with postgres() as url:
        yield Store("PostgreSQL", data_dir, url, lambda: wal_syncs(url))


@contextmanager
def postgres() -> Iterator[str]:
    from tests.postgres import PostgresServer

    server = PostgresServer(synced=True)
    try:
        yield server.new_database()
    finally:
        server.stop()


def wal_syncs(url: str) -> int:
    """PostgreSQL's own count: `pg_stat_wal` until 17, `pg_stat_io` from 18 on."""
    database = Database(make_url(url), 5.0)
    with closing(database), database.transaction() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
    with closing(database), database.transaction() as connection:
        version = int(connection.execute(text("SHOW server_version_num")).scalar_one())
        query = (
            "SELECT wal_sync FROM pg_stat_wal"
            if version < 180_000
            else "SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'"
        )
        return int(connection.execute(text(query)).scalar_one())


def counted_by_strace(data_dir: Path) -> tuple[int, int]:
    """Intents and syncs of a burst in a process of its own; zeros where strace is absent."""
    if shutil.which("strace") is None:
        return 0, 0
    counts = data_dir / "strace"
    command = ["strace", "-f", "-c", "-e", "trace=fsync,fdatasync", "-o", str(counts), sys.executable, __file__]
    done = subprocess.run([*command, "--burst", str(data_dir)], stdout=subprocess.PIPE, text=True, check=True)
    calls = re.findall(r"^ +[\d.]+ +[\d.]+ +\d+ +(\d+) .*sync$", counts.read_text(), re.MULTILINE)
    return json.loads(done.stdout)["intents"], sum(map(int, calls))


def disk_fsync_ms(data_dir: Path) -> float:
    """p50 of a page appended to a file and synced: what no journal can beat."""
    took: list[float] = []
    descriptor = os.open(data_dir / "fsync", os.O_WRONLY | os.O_CREAT)
    for n in range(SINGLES):
        began = time.perf_counter()
        os.pwrite(descriptor, b"x" * 4096, n * 4096)
        os.fdatasync(descriptor)
        took.append((time.perf_counter() - began) * 1_000)
    os.close(descriptor)
    return median(took)


def p99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]


if __name__ == "__main__":
    sys.exit(main())
