"""The ledger's file in the hands of its one writer."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog
from sqlalchemy import Connection, select
from sqlalchemy.engine import URL

from core.decision_ledger import schema
from core.decision_ledger.codec import encode
from core.domain.errors import JournalError, LedgerError
from core.domain.facts import OrderView
from core.domain.orders import Fill
from core.domain.status import DecisionLine, OrderOutcome
from core.execution.journal.engine import Database
from core.runtime.durable_files import make_folder

_HOUR_MS = 3_600_000
_EVER_MS = 2**63 - 1
_PRUNED_AT_ONCE = 2_000
"""Rows deleted in one transaction: tens of ms."""
_BUSY_S = 2.0
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")

_log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(slots=True)
class Batch:
    """What one transaction takes."""

    decisions: list[DecisionLine] = field(default_factory=list)
    orders: dict[str, OrderView] = field(default_factory=dict)
    """By client order id: the newest picture."""
    fills: list[Fill] = field(default_factory=list)

    def add(self, item: DecisionLine | OrderView | Fill) -> None:
        match item:
            case DecisionLine():
                self.decisions.append(item)
            case OrderView():
                self.orders[item.client_order_id] = item
            case Fill():
                self.fills.append(item)


class LedgerFile:
    """Opens, or makes, the file when it is first written to and after each failure. A file that is damaged, or of
    another version, is set aside once and begun anew. One thread; raises `LedgerError` and `OSError`."""

    def __init__(
        self,
        file: Path,
        *,
        max_age_ms: int | None,
        max_bytes: int,
        wall_ms: Callable[[], int],
    ) -> None:
        """`wall_ms`: real time, UTC ms. `max_age_ms` `None`: age deletes nothing."""
        self.file = file
        self._max_age_ms = max_age_ms
        self._max_bytes = max_bytes
        self._wall_ms = wall_ms
        self._database: Database | None = None
        self._symbols: dict[str, int] = {}

    @property
    def size_mb(self) -> float:
        return sum(each.stat().st_size for each in self._files() if each.exists()) / 1e6

    def write(self, batch: Batch) -> None:
        """All of it, or nothing."""
        rows = [(line, encode(line)) for line in batch.decisions]
        try:
            self._write(batch, rows)
        except JournalError as error:
            self.close()
            if not is_damage(error):
                raise LedgerError(f"{self.file}: {error}") from error
            self._set_aside(str(error))
            self._guarded(lambda: self._write(batch, rows))

    def prune(self) -> bool:
        """Delete one portion of what is too old or too much; whether there may be more. Room in the file is used again,
        the file itself does not shrink."""
        return self._guarded(self._prune)

    def close(self) -> None:
        """The next use opens it anew. Never raises: what it could not write is lost, and the file may be dropped."""
        database, self._database = self._database, None
        if database is not None:
            try:
                database.close()
            except JournalError as error:
                _log.warning("decision_ledger_close_failed", reason=str(error))

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except JournalError as error:
            self.close()
            if is_damage(error):
                self._set_aside(str(error))
            raise LedgerError(f"{self.file}: {error}") from error

    def _write(self, batch: Batch, rows: Sequence[tuple[DecisionLine, bytes]]) -> None:
        now_ms, database = self._wall_ms(), self._opened()
        known = dict(self._symbols)
        with database.transaction() as connection:
            _add_symbols(connection, known, {line.symbol for line in batch.decisions})
            _insert(
                connection,
                "INSERT INTO decisions (symbol, close_ms, recorded_ms, body) VALUES (?, ?, ?, ?)",
                [(known[line.symbol], line.close_ms, now_ms, body) for line, body in rows],
            )
            _insert(
                connection,
                "INSERT INTO hours (hour_ms, symbol, outcome, code, count) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET count = count + excluded.count",
                [(*key, count) for key, count in _by_hour(batch.decisions, known).items()],
            )
            _insert(
                connection,
                "INSERT OR REPLACE INTO orders (client_order_id, intent_id, recorded_ms, body) VALUES (?, ?, ?, ?)",
                [(name, order.intent_id, now_ms, _outcome(order)) for name, order in batch.orders.items()],
            )
            _insert(
                connection,
                "INSERT OR IGNORE INTO fees (client_order_id, trade_id, recorded_ms, asset, amount)"
                " VALUES (?, ?, ?, ?, ?)",
                [
                    (fill.client_order_id, f"{fill.trade_id}", now_ms, fill.fee_asset, _plain(fill.fee))
                    for fill in batch.fills
                ],
            )
        self._symbols = known

    def _prune(self) -> bool:
        with self._opened().transaction() as connection:
            first = connection.exec_driver_sql("SELECT min(seq) FROM decisions").scalar()
            if first is None:
                return False
            before_ms = 0 if self._max_age_ms is None else self._wall_ms() - self._max_age_ms
            if _used_bytes(connection) > self._max_bytes:
                before_ms = _EVER_MS
            deleted = connection.exec_driver_sql(
                "DELETE FROM decisions WHERE seq < ? AND recorded_ms < ?", (first + _PRUNED_AT_ONCE, before_ms)
            ).rowcount
            if deleted:
                _prune_the_rest(connection)
            return deleted == _PRUNED_AT_ONCE

    def _opened(self) -> Database:
        if self._database is None:
            make_folder(self.file.parent)
            database = Database(URL.create("sqlite", database=str(self.file)), _BUSY_S, synced=False)
            try:
                self._prepare(database)
            except BaseException:  # whatever it was: nobody else knows of the connection yet
                database.close()
                raise
            self._database = database
        return self._database

    def _prepare(self, database: Database) -> None:
        with database.transaction() as connection:
            found = schema.version_of(connection)
            if found == 0:
                schema.create(connection)
        if found not in (0, schema.VERSION):
            database.close()
            self._set_aside(f"its format is version {found}, this program writes {schema.VERSION}")
            with database.transaction() as connection:
                schema.create(connection)
        with database.transaction(writing=False) as connection:
            self._symbols = {name: number for number, name in connection.execute(select(schema.SYMBOLS))}
        database.watch_file()

    def _set_aside(self, why: str) -> None:
        """At most one is kept."""
        kept = self.file.with_name(f"{self.file.name}.set-aside")
        wal, shm = self._files()[1:]
        for leftover in (wal, shm):
            leftover.unlink(missing_ok=True)
        self.file.replace(kept)
        _log.warning("decision_ledger_set_aside", reason=why, kept_as=str(kept))

    def _files(self) -> tuple[Path, Path, Path]:
        """With SQLite's own beside it."""
        return (
            self.file,
            self.file.with_name(f"{self.file.name}-wal"),
            self.file.with_name(f"{self.file.name}-shm"),
        )


def free_mb(folder: Path) -> float:
    """Where `folder` is, or would be. Raises `OSError`."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    disk = os.statvfs(there)
    return disk.f_bavail * disk.f_frsize / 1e6


def _insert(connection: Connection, statement: str, rows: list[tuple[object, ...]]) -> None:
    if rows:
        connection.exec_driver_sql(statement, rows)


def _add_symbols(connection: Connection, known: dict[str, int], names: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            made = connection.execute(schema.SYMBOLS.insert().values(name=name))
            known[name] = int((made.inserted_primary_key or (0,))[0])


def _by_hour(lines: Iterable[DecisionLine], symbols: dict[str, int]) -> Counter[tuple[int, int, str, str]]:
    return Counter(
        (line.close_ms - line.close_ms % _HOUR_MS, symbols[line.symbol], line.outcome, line.reason.partition(" ")[0])
        for line in lines
    )


def _prune_the_rest(connection: Connection) -> None:
    """What is older than the oldest decision that is left."""
    oldest = connection.exec_driver_sql("SELECT recorded_ms, close_ms FROM decisions ORDER BY seq LIMIT 1").first()
    if oldest is None:
        return
    recorded_ms, close_ms = oldest
    connection.exec_driver_sql("DELETE FROM orders WHERE recorded_ms < ?", (recorded_ms,))
    connection.exec_driver_sql("DELETE FROM fees WHERE recorded_ms < ?", (recorded_ms,))
    connection.exec_driver_sql("DELETE FROM hours WHERE hour_ms < ?", (close_ms - close_ms % _HOUR_MS,))


def _used_bytes(connection: Connection) -> int:
    pages, free, size = (
        int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _outcome(order: OrderView) -> bytes:
    leg = order.leg
    return msgspec.json.encode(
        OrderOutcome(
            client_order_id=order.client_order_id,
            purpose=order.purpose.value,
            side=leg.side.value,
            state=order.state.value,
            quantity=_plain(leg.quantity),
            filled_quantity=_plain(order.filled_quantity),
            average_price=None if order.average_price is None else _plain(round(order.average_price, 10)),
            reason=order.reason,
            changed_ms=order.changed_ns // 1_000_000,
        )
    )


def _plain(amount: Decimal) -> str:
    """Without exponent and trailing zeros."""
    return f"{amount.normalize():f}"


def is_damage(error: JournalError) -> bool:
    """Whether SQLite says that the file itself is wrong."""
    cause = getattr(error.__cause__, "orig", None)
    return getattr(cause, "sqlite_errorname", "").startswith(_DAMAGE)
