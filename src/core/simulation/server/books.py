"""The venue's books in SQLite: accounts, balances, orders, trades, deposits, and a few facts by name.

Plain synchronous reads and one `write`; who may call what from which thread is `store`'s business. Amounts are atoms,
kept as text where they may pass 64 bits.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
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
    func,
    select,
)

from core.simulation.engine.events import BalancesChanged, Deposited, ListChanged, OrderChanged
from core.simulation.engine.orders import AccountTrade, OrderRecord
from core.simulation.server.order_records import order_records
from core.simulation.server.records import Record, RecordTable
from core.simulation.server.tables import by_number, drop_old, read, upsert

PrivateEvent = OrderChanged | ListChanged | BalancesChanged | Deposited

KEPT = 500_000
"""Closed orders, and trades, that are kept; older ones are dropped when there are a tenth more."""

_metadata = MetaData()
_facts = Table("facts", _metadata, Column("name", String, primary_key=True), Column("value", String, nullable=False))
_sums = Table("sums", _metadata, Column("name", String, primary_key=True), Column("value", String, nullable=False))
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


@dataclass(frozen=True, slots=True)
class NewAccount:
    """One that is known already keeps its age and gets the new secret."""

    account: str
    secret: str
    opened_ns: int


@dataclass(slots=True)
class Entries:
    """What one commit writes."""

    events: list[PrivateEvent] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    accounts: list[NewAccount] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.events or self.facts or self.accounts or self.records)


class Books:
    """Constructing opens the file, or makes it; raises SQLAlchemy's and OS errors."""

    def __init__(self, path: Path, *, kept: int = KEPT) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._kept = kept
        self._engine = _open(path)
        _metadata.create_all(self._engine)
        self.records = RecordTable(self._engine)
        with self._engine.connect() as connection:
            self._sums = {row.name: int(row.value) for row in connection.execute(select(_sums))}
        self._n_written = 0

    def close(self) -> None:
        self._engine.dispose()

    # Writing

    def write(self, entries: Entries) -> None:
        """All of it or nothing, in one transaction."""
        sums = dict(self._sums)
        with self._engine.begin() as connection:
            _write_facts(connection, entries)
            _write_events(connection, entries.events, sums)
            self.records.write(connection, [*entries.records, *order_records(entries.events)])
            changed = [
                {"name": name, "value": str(value)} for name, value in sums.items() if self._sums.get(name) != value
            ]
            upsert(connection, _sums, changed)
            self._n_written += len(entries.events) + len(entries.records)
            if self._n_written > self._kept // 10:
                self._n_written = 0
                drop_old(connection, _orders, self._kept, only=_orders.c.is_open == 0)
                drop_old(connection, _trades, self._kept)
                self.records.drop_old(connection, self._kept)
        self._sums = sums

    # Reading

    def sums(self) -> dict[str, int]:
        """Running totals over all trades ever: `fee:ASSET` in atoms, `base:SYMBOL` (lots) and `quote:SYMBOL` (atoms)
        that accounts won from the house."""
        return dict(self._sums)

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

    def traded_symbols(self) -> list[str]:
        with self._engine.connect() as connection:
            return sorted(connection.execute(select(_orders.c.symbol).distinct()).scalars())

    def last_order_id(self) -> int:
        with self._engine.connect() as connection:
            return connection.execute(select(func.max(_orders.c.order_id))).scalar() or 0

    def orders(self, account: str, *, newest: int | None = None) -> list[OrderRecord]:
        """Oldest first. `newest`: all open ones, but only so many closed ones of a symbol; `None`: all that are
        kept."""
        wanted = _orders.c.account == account
        query = by_number(_orders, wanted, number="order_id", content="record", newest=newest)
        return read(self._engine, query, OrderRecord)

    def trades(self, account: str, *, newest: int | None = None) -> list[AccountTrade]:
        """Oldest first by symbol. `newest`: only so many of a symbol; `None`: all that are kept."""
        rank = func.row_number().over(partition_by=_trades.c.symbol, order_by=_trades.c.trade_id.desc())
        rows = select(_trades, rank.label("rank")).where(_trades.c.account == account).subquery()
        query = select(rows.c.record).order_by(rows.c.symbol, rows.c.trade_id)
        return read(self._engine, query if newest is None else query.where(rows.c.rank <= newest), AccountTrade)

    def deposits(self, account: str) -> list[tuple[str, int, int]]:
        """(asset, atoms, time_ns), oldest first."""
        query = select(_deposits).where(_deposits.c.account == account).order_by(_deposits.c.id)
        with self._engine.connect() as connection:
            return [(row.asset, int(row.amount), row.time_ns) for row in connection.execute(query)]


def _open(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 10})

    @event.listens_for(engine, "connect")
    def _set_pragmas(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    return engine


def _write_facts(connection: Connection, entries: Entries) -> None:
    upsert(connection, _facts, [{"name": name, "value": value} for name, value in entries.facts.items()])
    upsert(connection, _accounts, [asdict(account) for account in entries.accounts], frozenset({"opened_ns"}))


def _write_events(connection: Connection, events: Sequence[PrivateEvent], sums: dict[str, int]) -> None:
    orders: dict[tuple[str, int], OrderRecord] = {}
    balances: dict[tuple[str, str], tuple[int, int]] = {}
    trades: list[AccountTrade] = []
    deposits: list[Deposited] = []
    for changed in events:
        if isinstance(changed, OrderChanged):
            orders[changed.order.symbol, changed.order.order_id] = changed.order
            if changed.trade is not None:
                trades.append(changed.trade)
                _add(sums, changed.trade)
        elif isinstance(changed, BalancesChanged):
            balances |= {(changed.account, asset): (free, locked) for asset, free, locked in changed.balances}
        elif isinstance(changed, Deposited):
            deposits.append(changed)
    upsert(connection, _orders, (_order_row(order) for order in orders.values()))
    upsert(connection, _trades, (_trade_row(trade) for trade in trades))
    upsert(connection, _balances, (_balance_row(*key, *amounts) for key, amounts in balances.items()))
    if deposits:
        connection.execute(_deposits.insert(), [_deposit_row(made) for made in deposits])


def _add(sums: dict[str, int], trade: AccountTrade) -> None:
    sign = trade.side.sign
    for name, amount in (
        (f"fee:{trade.fee_asset}", trade.fee),
        (f"base:{trade.symbol}", sign * trade.quantity),
        (f"quote:{trade.symbol}", -sign * trade.quote),
    ):
        sums[name] = sums.get(name, 0) + amount


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


def _balance_row(account: str, asset: str, free: int, locked: int) -> dict[str, object]:
    return {"account": account, "asset": asset, "free": str(free), "locked": str(locked)}


def _deposit_row(made: Deposited) -> dict[str, object]:
    return {"account": made.account, "asset": made.asset, "amount": str(made.amount), "time_ns": made.time_ns}
