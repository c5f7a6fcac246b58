"""What the venue never forgets: accounts, balances, orders and fills, in one SQLite file.

Everything that was acknowledged or told to a client survives a killed process: the event loop appends events, a writer
thread commits them in groups (WAL), and only after the commit are answers and private events let go.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    select,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError

from core.domain.errors import JournalError
from core.simulation.engine.events import BalancesChanged, Deposited, OrderChanged
from core.simulation.engine.orders import AccountTrade, OrderRecord

PrivateEvent = OrderChanged | BalancesChanged | Deposited

_metadata = MetaData()
_facts = Table("facts", _metadata, Column("name", String, primary_key=True), Column("value", String, nullable=False))
_accounts = Table(
    "accounts",
    _metadata,
    Column("account", String, primary_key=True),
    Column("secret", String, nullable=False),
    Column("opened_ns", BigInteger, nullable=False),
)
_balances = Table(
    "balances",
    _metadata,
    Column("account", String, primary_key=True),
    Column("asset", String, primary_key=True),
    Column("free", String, nullable=False),
    Column("locked", String, nullable=False),
)
_deposits = Table(
    "deposits",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("account", String, nullable=False),
    Column("asset", String, nullable=False),
    Column("amount", String, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
)
_orders = Table(
    "orders",
    _metadata,
    Column("symbol", String, primary_key=True),
    Column("order_id", BigInteger, primary_key=True),
    Column("account", String, nullable=False),
    Column("is_open", Integer, nullable=False),
    Column("record", String, nullable=False),
    Index("orders_by_account", "account", "symbol", "order_id"),
)
_trades = Table(
    "trades",
    _metadata,
    Column("symbol", String, primary_key=True),
    Column("trade_id", BigInteger, primary_key=True),
    Column("order_id", BigInteger, primary_key=True),
    Column("account", String, nullable=False),
    Column("record", String, nullable=False),
    Index("trades_by_account", "account", "symbol", "trade_id"),
)


@dataclass(frozen=True, slots=True)
class StoredAccount:
    account: str
    secret: str
    opened_ns: int
    balances: dict[str, tuple[int, int]]
    """(free, locked) in atoms."""


@dataclass(slots=True)
class _Batch:
    events: list[PrivateEvent] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    accounts: list[tuple[str, str, int]] = field(default_factory=list)
    callbacks: list[Callable[[], None]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.events or self.facts or self.accounts or self.callbacks)


class AccountStore:
    """Constructing opens (or makes) the file and raises `JournalError` when it can't be used.

    `append`, `put_fact`, `put_account` and `durable` belong to the event loop, reads may come from any thread.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._engine = _open(path)
            _metadata.create_all(self._engine)
        except (OSError, SQLAlchemyError) as error:
            raise JournalError(f"the venue's store {path} can't be opened: {error}") from error
        self._pending = _Batch()
        self._work: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: asyncio.Future[None] | None = None
        self._thread: threading.Thread | None = None
        self.commits = 0

    # Writing

    def start(self) -> None:
        """Start the writer thread, bound to the running loop."""
        self._loop = asyncio.get_running_loop()
        self._failure = self._loop.create_future()
        self._thread = threading.Thread(target=self._write_forever, name="venue-store", daemon=True)
        self._thread.start()

    async def failed(self) -> None:
        """Returns never; raises `JournalError` when the disk lets the store down."""
        assert self._failure is not None  # noqa: S101
        await asyncio.shield(self._failure)

    async def stop(self) -> None:
        """Commit what is pending and close the file."""
        if self._thread is not None:
            self._work.put(False)
            await asyncio.to_thread(self._thread.join)
        self._engine.dispose()

    def append(self, events: Sequence[PrivateEvent], then: Callable[[], None] | None = None) -> None:
        """Keep the events of accounts. `then` runs on the loop after their commit, in order of appending."""
        with self._lock:
            self._pending.events += events
            if then is not None:
                self._pending.callbacks.append(then)
        self._work.put(True)

    def put_fact(self, name: str, value: str) -> None:
        with self._lock:
            self._pending.facts[name] = value
        self._work.put(True)

    def put_account(self, account: str, secret: str, opened_ns: int) -> None:
        with self._lock:
            self._pending.accounts.append((account, secret, opened_ns))
        self._work.put(True)

    async def durable(self) -> None:
        """Returns when all that was appended before this call is committed. Raises `JournalError` if it can't be;
        cancelling is safe and undoes nothing."""
        loop = asyncio.get_running_loop()
        committed: asyncio.Future[None] = loop.create_future()

        def done() -> None:
            if not committed.done():
                committed.set_result(None)

        assert self._failure is not None  # noqa: S101
        if self._failure.done():
            self._failure.result()
        self.append((), done)
        await asyncio.wait((committed, self._failure), return_when=asyncio.FIRST_COMPLETED)
        if not committed.done():
            self._failure.result()

    def _write_forever(self) -> None:
        goes_on = True
        while goes_on:
            goes_on = self._work.get()
            with self._lock:
                batch, self._pending = self._pending, _Batch()
            if batch.is_empty:
                continue
            try:
                self._commit(batch)
            except SQLAlchemyError as error:
                self._call_loop(self._fail, JournalError(f"the venue's store {self._path} can't be written: {error}"))
                return
            self._call_loop(self._release, batch.callbacks)

    def _commit(self, batch: _Batch) -> None:
        if batch.events or batch.facts or batch.accounts:
            with self._engine.begin() as connection:
                _write(connection, batch)
            self.commits += 1

    def _call_loop(self, function: Callable[..., None], *args: object) -> None:
        assert self._loop is not None  # noqa: S101
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            return

    @staticmethod
    def _release(callbacks: list[Callable[[], None]]) -> None:
        for callback in callbacks:
            callback()

    def _fail(self, error: JournalError) -> None:
        assert self._failure is not None  # noqa: S101
        if not self._failure.done():
            self._failure.set_exception(error)

    # Reading

    def fact(self, name: str) -> str | None:
        with self._engine.connect() as connection:
            return connection.execute(select(_facts.c.value).where(_facts.c.name == name)).scalar()

    def accounts(self) -> list[StoredAccount]:
        with self._engine.connect() as connection:
            balances: dict[str, dict[str, tuple[int, int]]] = {}
            for row in connection.execute(select(_balances)):
                balances.setdefault(row.account, {})[row.asset] = (int(row.free), int(row.locked))
            return [
                StoredAccount(row.account, row.secret, row.opened_ns, balances.get(row.account, {}))
                for row in connection.execute(select(_accounts).order_by(_accounts.c.opened_ns, _accounts.c.account))
            ]

    def orders(self, account: str | None = None, *, only_open: bool = False) -> list[OrderRecord]:
        """Oldest first."""
        query = select(_orders.c.record).order_by(_orders.c.order_id)
        if account is not None:
            query = query.where(_orders.c.account == account)
        if only_open:
            query = query.where(_orders.c.is_open == 1)
        return self._records(query, OrderRecord)

    def trades(self, account: str | None = None) -> list[AccountTrade]:
        query = select(_trades.c.record).order_by(_trades.c.symbol, _trades.c.trade_id)
        if account is not None:
            query = query.where(_trades.c.account == account)
        return self._records(query, AccountTrade)

    def deposits(self, account: str) -> list[tuple[str, int, int]]:
        """(asset, atoms, time_ns), oldest first."""
        query = select(_deposits).where(_deposits.c.account == account).order_by(_deposits.c.id)
        with self._engine.connect() as connection:
            return [(row.asset, int(row.amount), row.time_ns) for row in connection.execute(query)]

    def _records(self, query: Any, kind: type[Any]) -> list[Any]:
        with self._engine.connect() as connection:
            return [msgspec.json.decode(record, type=kind) for record in connection.execute(query).scalars()]


def _open(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 10})

    @event.listens_for(engine, "connect")
    def _set_pragmas(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    return engine


def _write(connection: Connection, batch: _Batch) -> None:
    orders: dict[tuple[str, int], OrderRecord] = {}
    balances: dict[tuple[str, str], tuple[int, int]] = {}
    trades: list[AccountTrade] = []
    deposits: list[Deposited] = []
    for changed in batch.events:
        if isinstance(changed, OrderChanged):
            orders[changed.order.symbol, changed.order.order_id] = changed.order
            if changed.trade is not None:
                trades.append(changed.trade)
        elif isinstance(changed, BalancesChanged):
            for asset, free, locked in changed.balances:
                balances[changed.account, asset] = (free, locked)
        elif isinstance(changed, Deposited):
            deposits.append(changed)
    _upsert(connection, _facts, [{"name": name, "value": value} for name, value in batch.facts.items()])
    _upsert(
        connection,
        _accounts,
        [{"account": account, "secret": secret, "opened_ns": opened} for account, secret, opened in batch.accounts],
    )
    _upsert(connection, _orders, [_order_row(order) for order in orders.values()])
    _upsert(connection, _trades, [_trade_row(trade) for trade in trades])
    _upsert(
        connection,
        _balances,
        [
            {"account": account, "asset": asset, "free": str(free), "locked": str(locked)}
            for (account, asset), (free, locked) in balances.items()
        ],
    )
    if deposits:
        connection.execute(
            _deposits.insert(),
            [
                {"account": made.account, "asset": made.asset, "amount": str(made.amount), "time_ns": made.time_ns}
                for made in deposits
            ],
        )


def _upsert(connection: Connection, table: Table, rows: list[dict[str, object]]) -> None:
    if not rows:
        return
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    changes = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), rows)


def _order_row(order: OrderRecord) -> dict[str, object]:
    return {
        "symbol": order.symbol,
        "order_id": order.order_id,
        "account": order.account,
        "is_open": int(order.status.is_open),
        "record": msgspec.json.encode(order).decode(),
    }


def _trade_row(trade: AccountTrade) -> dict[str, object]:
    return {
        "symbol": trade.symbol,
        "trade_id": trade.trade_id,
        "order_id": trade.order_id,
        "account": trade.account,
        "record": msgspec.json.encode(trade).decode(),
    }
