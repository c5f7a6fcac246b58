"""The lease in the journal's database: one row for each (mode, venue, account).

It is no part of the log, nor of its schema's versions: who may write is looked at before anything else is, also by a
program that could not read the rest.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Row,
    ScalarSelect,
    String,
    Table,
    delete,
    insert,
    inspect,
    literal,
    select,
    text,
    update,
)

from core.execution.journal.identity import JournalIdentity
from core.execution.journal.lease import Holder, Lease, LeaseTerms, Sight, Verdict, judge
from core.execution.journal.processes import sight_of
from core.ports.clock import MonotonicClock

LEASES = Table(
    "leases",
    MetaData(),
    Column("mode", String, primary_key=True),
    Column("venue", String, primary_key=True),
    Column("account", String, primary_key=True),
    Column("token", String, nullable=False),
    Column("host", String, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("place", String, nullable=False),
    Column("started", String, nullable=False),
    Column("since", String, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("grace_ns", BigInteger, nullable=False),
)


class LeaseRow:
    """One account's row, as one process reads and writes it, each time inside the caller's transaction."""

    def __init__(self, identity: JournalIdentity, me: Holder, terms: LeaseTerms, clock: MonotonicClock) -> None:
        """`clock`: the kernel's, which files' leases go by."""
        self._identity = identity
        self._me = me
        self._terms = terms
        self._clock = clock

    def look(self, connection: Connection, first: Lease | None) -> tuple[Lease | None, Verdict, int]:
        """The lease as it stands, what we may do about it, and its clock's time. `first`: see `judge`."""
        now_ns = self.now_ns(connection)
        found = self._read(connection)
        sight = Sight.UNSEEN
        if found is not None:
            sight = sight_of(found.holder, on_one_machine=connection.dialect.name == "sqlite")
        return found, judge(found, token=self._me.token, now_ns=now_ns, sight=sight, first=first), now_ns

    def one_at_a_time(self, connection: Connection) -> None:
        """Until the end of the transaction nobody else opens this database. SQLite's write lock is as much."""
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('metronome journal'))"))

    def take(self, connection: Connection) -> None:
        """After `look` said so, in the same transaction."""
        LEASES.create(connection, checkfirst=True)
        connection.execute(delete(LEASES).where(self._is_of_account()))
        expires_ns = self.now_ns(connection) + int(self._terms.length_s * 1e9)
        holder = {name: getattr(self._me, name) for name in ("token", "host", "pid", "place", "started", "since")}
        identity = {name: getattr(self._identity, name) for name in ("mode", "venue", "account")}
        grace_ns = int(self._terms.grace_s * 1e9)
        connection.execute(insert(LEASES).values(**identity, **holder, expires_ns=expires_ns, grace_ns=grace_ns))

    def renew(self, connection: Connection) -> bool:
        """False: it is not ours any more."""
        expires_ns = self.now_ns(connection) + int(self._terms.length_s * 1e9)
        done = connection.execute(update(LEASES).where(self._is_ours()).values(expires_ns=expires_ns))
        return done.rowcount == 1

    def is_ours(self, connection: Connection) -> bool:
        """Stays so until the end of the transaction."""
        return connection.scalar(select(self.if_ours(1))) is not None

    def if_ours(self, value: int) -> ScalarSelect[int]:
        """`value`, and NULL where the lease is not ours. What is written with it keeps it so until the end of the
        transaction, as `is_ours` does, without another journey to the database."""
        ours = select(literal(value)).select_from(LEASES).where(self._is_ours())
        return ours.with_for_update(read=True, of=LEASES).scalar_subquery()

    def holder(self, connection: Connection) -> Holder | None:
        found = self._read(connection)
        return found.holder if found else None

    def release(self, connection: Connection) -> None:
        connection.execute(delete(LEASES).where(self._is_ours()))

    def now_ns(self, connection: Connection) -> int:
        """The clock that everybody who sees this row goes by."""
        if connection.dialect.name == "sqlite":
            return self._clock.now_ns()
        micros = connection.execute(text("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"))
        return int(micros.scalar_one()) * 1_000

    def _read(self, connection: Connection) -> Lease | None:
        if not inspect(connection).has_table(LEASES.name):
            return None
        row = connection.execute(select(LEASES).where(self._is_of_account())).first()
        return None if row is None else _lease(row)

    def _is_of_account(self) -> ColumnElement[bool]:
        mine, table = self._identity, LEASES.c
        return (table.mode == mine.mode) & (table.venue == mine.venue) & (table.account == mine.account)

    def _is_ours(self) -> ColumnElement[bool]:
        return self._is_of_account() & (LEASES.c.token == self._me.token)


def all_leases(connection: Connection) -> list[Lease]:
    """Of every account in this database, over or not."""
    if not inspect(connection).has_table(LEASES.name):
        return []
    return [_lease(row) for row in connection.execute(select(LEASES))]


def _lease(row: Row[Any]) -> Lease:
    holder = Holder(row.token, row.host, row.pid, row.place, row.started, row.since)
    return Lease(holder, row.expires_ns, row.grace_ns)
