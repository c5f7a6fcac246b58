"""The journal's books in their database, as one thread uses them. Nothing here is called from the loop's thread."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Insert, Table, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL

from core.domain.errors import JournalError, LeaseHeld, LeaseLost
from core.execution.journal import replay, schema
from core.execution.journal.aside import put_aside
from core.execution.journal.cells import Values
from core.execution.journal.codec import to_row
from core.execution.journal.engine import Database, RecordRepeats, parse_url
from core.execution.journal.follower import Follower
from core.execution.journal.identity import JournalIdentity, JournalOpened, LeaseWait
from core.execution.journal.keeper import LeaseKeeper, words
from core.execution.journal.lease import Lease, LeaseTerms, Refuse, Take
from core.execution.journal.lease_table import LeaseRow
from core.execution.journal.processes import this_process
from core.execution.journal.records import Record
from core.execution.journal.schema import Upgrade
from core.execution.journal.state import JournalState
from core.runtime.clocks import SystemBootClock
from core.runtime.fence import RequestFence

T = TypeVar("T")

_KEEPER_ENDS_S = 1.0


class Storage:
    """Open once, then write and read until closed. Raises `JournalError` that names the place, and nothing else."""

    def __init__(
        self,
        identity: JournalIdentity,
        *,
        data_dir: Path,
        url: str | None,
        now_iso: Callable[[], str],
        busy_timeout_s: float = 5.0,
        upgrades: Mapping[int, Upgrade] = schema.UPGRADES,
        terms: LeaseTerms | None = None,
        fence: RequestFence | None = None,
        snapshot_every: int = 1_000,
    ) -> None:
        """`terms` of the account's lease; `None`: the usual ones. `fence` bounds what may reach the venue by it.
        `snapshot_every` so many records."""
        self._follower = Follower(snapshot_every)
        self._terms = terms or LeaseTerms()
        self._clock = SystemBootClock()
        self._fence = fence or RequestFence(self._clock)
        self._lease = LeaseRow(identity, this_process(), self._terms, self._clock)
        self._keeper: LeaseKeeper | None = None
        self._identity = identity
        self._data_dir = data_dir
        self._configured_url = url
        self._now_iso = now_iso
        self._busy_timeout_s = busy_timeout_s
        self._upgrades = upgrades
        self._database: Database | None = None
        self._book = 0
        self._inserts: dict[tuple[Table, bool], Insert] = {}
        self._last_seq = 0

    @property
    def location(self) -> str:
        """Empty before `open`."""
        return self._database.location if self._database else ""

    def open(self, epoch: str | None, first: Lease | None = None) -> JournalOpened | LeaseWait:
        """As `Journal.open` has it, but one look at the lease and no waiting. `first`: what the first look found."""
        self._make_folder()
        database = self._database = Database(self._url(), self._busy_timeout_s)
        with self._naming_the_place():
            asked_ns = self._clock.now_ns()
            opened = None
            try:
                opened = self._open(database, epoch, first)
            finally:
                if not isinstance(opened, JournalOpened):
                    database.close()
            if isinstance(opened, JournalOpened):
                self._keep_lease(database, asked_ns)
            return opened

    def require_free(self) -> None:
        """Raises `LeaseHeld` where a daemon is seen at work on the account; other troubles are left to `open`, and
        nothing is written."""
        database = Database(self._url(), self._busy_timeout_s)
        if database.file is not None and not database.file.exists():
            return
        with self._naming_the_place():
            try:
                with database.transaction(writing=False) as connection:
                    self._look(connection, None)
            finally:
                database.close()

    def write(self, records: Sequence[Record]) -> None:
        """All of them or none, in one transaction that is synced when this returns. Raises `RecordRepeats` for ids that
        are there already; fills that are there already are left as they are."""
        rows: dict[Table, list[Values]] = {}
        for record in records:
            table, values = to_row(record)
            # Counts on after a failure, too: a commit whose answer was lost may have used these numbers.
            self._last_seq += 1
            rows.setdefault(table, []).append({"seq": self._last_seq, **values})
        try:
            with self._naming_the_place(), self._opened().transaction() as connection:
                dialect, lease = connection.dialect.name, True
                for table, many in rows.items():
                    one_or_many = many if len(many) > 1 else many[0]  # drivers have a slower way for many
                    connection.execute(self._insert_into(table, dialect, lease=lease), one_or_many)
                    lease = False
        except RecordRepeats:
            self._require_lease()
            raise
        except JournalError:
            if self._opened().file is None:
                self._follower.stop()  # a server may commit it yet, behind what would be in the next snapshot
            raise

    def _insert_into(self, table: Table, dialect: str, *, lease: bool) -> Insert:
        """With `lease`, fails unless it is ours: without it there is no book. The first of a transaction holds it for
        the others. Facts that are there already stay as they are; everything else that repeats is an error."""
        if (table, lease) not in self._inserts:
            made = insert(table)
            if table in schema.FACTS:
                kind = postgresql if dialect == "postgresql" else sqlite
                made = kind.insert(table).on_conflict_do_nothing()
            book = self._lease.if_ours(self._book) if lease else self._book
            self._inserts[table, lease] = made.inline().values(book=book)
        return self._inserts[table, lease]

    def _require_lease(self) -> None:
        with self._naming_the_place(), self._opened().transaction() as connection:
            if not self._lease.is_ours(connection):
                raise self._lost(connection)

    def read(self, query: Callable[[Connection, int], T]) -> T:
        """Run `query(connection, book)` in one transaction."""
        with self._naming_the_place(), self._opened().transaction(writing=False) as connection:
            return query(connection, self._book)

    def load(self, retain_closed: int) -> JournalState:
        """As `Journal.load` has it."""
        book, last_seq = self._book, self._last_seq
        with (
            self._naming_the_place(),
            self._opened().transaction(writing=False) as connection,
            self._follower.taken_on(connection, book, last_seq) as folded,
        ):
            return replay.load(connection, book, folded, last_seq, retain_closed)

    @property
    def is_behind(self) -> bool:
        """Whether it is time for a snapshot."""
        return self._follower.is_behind(self._last_seq)

    def follow(self) -> None:
        """A step, of some milliseconds, towards the next snapshot."""
        with self._naming_the_place():
            with self._opened().transaction(writing=False) as connection:
                is_due = self._follower.follow(connection, self._book, self._last_seq)
            if is_due:
                with self._opened().transaction() as connection:
                    if self._lease.is_ours(connection):
                        self._follower.keep(connection, self._book)

    def postpone_snapshot(self) -> None:
        """Until there is as much to write again."""
        self._follower.postpone(self._last_seq)

    def probe(self) -> None:
        """Raises where the journal still can't be written."""
        with self._naming_the_place(), self._opened().transaction() as connection:
            is_sqlite = connection.dialect.name == "sqlite"
            connection.exec_driver_sql("PRAGMA user_version = 0" if is_sqlite else "SELECT 1")

    def check_lease(self) -> None:
        """Raises `LeaseLost`. From any thread."""
        if self._keeper is not None:
            self._keeper.check()

    def close(self) -> None:
        """Releases the lease, too, unless a request is still out: then it is left to lapse."""
        if self._database is None:
            return
        with self._naming_the_place():
            try:
                self._release(self._database)
            finally:
                self._database.close()

    def _keep_lease(self, database: Database, asked_ns: int) -> None:
        own = Database(database.url, self._busy_timeout_s, synced=False)
        if database.file is not None:
            own.watch_file()
        self._keeper = LeaseKeeper(own, self._lease, self._terms, self._fence, self._clock)
        self._keeper.start(asked_ns)

    def _release(self, database: Database) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        self._fence.shut("the journal is closed")
        keeper.stop(_KEEPER_ENDS_S)
        if self._fence.out == 0:
            with database.transaction() as connection:
                self._lease.release(connection)

    def _lost(self, connection: Connection) -> JournalError:
        if self._keeper is None:
            return LeaseLost("the lease on the account is not ours")
        return self._keeper.lose_to(self._lease.holder(connection))

    def _look(self, connection: Connection, first: Lease | None) -> LeaseWait | None:
        """`None`: it is ours to take. Raises `LeaseHeld`."""
        found, verdict, now_ns = self._lease.look(connection, first)
        if found is None or isinstance(verdict, Take):
            return None
        left_s = max(0.0, (found.expires_ns - now_ns) / 1e9)
        until = datetime.now(UTC) + timedelta(seconds=left_s)
        mine = self._identity
        whose = f"the account {mine.mode} {mine.venue} {mine.account} is traded by {words(found.holder)}"
        lease = f"its lease runs until {until:%H:%M:%S} UTC"
        if isinstance(verdict, Refuse):
            raise LeaseHeld(
                f"{whose}; {lease}, and is renewed while it works. One daemon trades one account: use that one, or stop"
                f" it first (kill -TERM {found.holder.pid} on {found.holder.host}). Nothing was sent from here"
            )
        wait_s = (verdict.until_ns - now_ns) / 1e9
        return LeaseWait(
            found,
            wait_s,
            f"{whose}, or was: whether it still runs can't be seen from here; {lease}, and what it sent at its end may"
            f" reach the venue for {found.grace_ns / 1e9:g} s more. Waiting {wait_s:.0f} s, unless it is renewed",
        )

    def _open(self, database: Database, epoch: str | None, first: Lease | None) -> JournalOpened | LeaseWait:
        _check_writable(database.file)
        with database.transaction(writing=False) as connection:
            if (wait := self._look(connection, first)) is not None:
                return wait
        database.check_integrity()
        previous = None
        with database.transaction() as connection:
            self._lease.one_at_a_time(connection)
            if (wait := self._look(connection, first)) is not None:
                return wait
            self._lease.take(connection)
            schema.bring_up_to_date(connection, self._now_iso(), self._upgrades)
            newest = self._newest_book(connection)
            if newest is not None and epoch is not None and newest.epoch not in (None, epoch):
                previous = str(newest.epoch)
        aside = put_aside(database, previous) if previous is not None else None
        with database.transaction() as connection:
            if aside is not None:
                if (wait := self._look(connection, first)) is not None:
                    return wait
                self._lease.take(connection)
                schema.bring_up_to_date(connection, self._now_iso(), self._upgrades)
            self._book = self._enter_book(connection, epoch)
            self._inserts = {}
            self._follower.stop()
            self._last_seq = max(_last_seq(connection, table, self._book) for table in schema.LOG)
        database.watch_file()
        return JournalOpened(database.location, epoch, previous, aside)

    def _newest_book(self, connection: Connection) -> Any:
        books, mine = schema.BOOKS, self._identity
        is_mine = (books.c.mode == mine.mode) & (books.c.venue == mine.venue) & (books.c.account == mine.account)
        newest = connection.execute(select(books).where(is_mine).order_by(books.c.book.desc()).limit(1)).first()
        if newest is None and self._configured_url is None:
            other = connection.execute(select(books).limit(1)).first()
            if other is not None:
                raise JournalError(
                    f"holds the orders of {other.mode} {other.venue} {other.account}, not of {mine.mode} {mine.venue}"
                    f" {mine.account}: move it away, or name the right storage.data_dir"
                )
        return newest

    def _enter_book(self, connection: Connection, epoch: str | None) -> int:
        newest = self._newest_book(connection)
        if newest is not None and (epoch is None or newest.epoch == epoch):
            return int(newest.book)
        mine = self._identity
        row = {"mode": mine.mode, "venue": mine.venue, "account": mine.account, "epoch": epoch}
        made = connection.execute(insert(schema.BOOKS).values(**row, opened_at=self._now_iso()))
        return int((made.inserted_primary_key or (0,))[0])

    def _url(self) -> URL:
        if self._configured_url is not None:
            return parse_url(self._configured_url)
        file = self._data_dir / "journal" / f"{self._identity.file_stem}.sqlite"
        return URL.create("sqlite", database=str(file))

    def _make_folder(self) -> None:
        if self._configured_url is not None:
            return
        folder = self._data_dir / "journal"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"{folder}: can't make this folder: {error.strerror}") from None

    def _opened(self) -> Database:
        if self._database is None:
            raise JournalError("the journal is not open")
        return self._database

    @contextmanager
    def _naming_the_place(self) -> Iterator[None]:
        try:
            yield
        except (LeaseHeld, LeaseLost):
            raise  # about the account, wherever its journal is
        except JournalError as error:
            raise type(error)(f"journal {self.location}: {error}") from error.__cause__


def _check_writable(file: Path | None) -> None:
    """SQLite's own words for this ("unable to open database file") help nobody."""
    if file is None:
        return
    for path in (file.parent, file):
        if path.exists() and not os.access(path, os.W_OK):
            raise JournalError(f"{path} is read-only: give this user write permission")


def _last_seq(connection: Connection, table: Table, book: int) -> int:
    return connection.execute(select(func.max(table.c.seq)).where(table.c.book == book)).scalar_one() or 0
