"""Tables of the journal, and how an older file becomes a newer one.

Append-only: nothing of the log is ever updated or deleted. Money is written as exact decimal strings, time as trading
time in ns. Every row names its book: one (mode, venue, account, epoch). A file has one book; a server's database may
have many. `seq` counts through all tables of a book: together they are one log, and a second writer would trip over
its primary keys.
"""

from collections.abc import Callable, Mapping
from functools import partial

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    inspect,
    select,
)

from core.domain.errors import JournalError

METADATA = MetaData()

SCHEMA_VERSIONS = Table(
    "schema_versions",
    METADATA,
    Column("version", Integer, primary_key=True),
    Column("applied_at", String, nullable=False),
)

BOOKS = Table(
    "books",
    METADATA,
    Column("book", Integer, primary_key=True, autoincrement=True),
    Column("mode", String, nullable=False),
    Column("venue", String, nullable=False),
    Column("account", String, nullable=False),
    Column("epoch", String),
    Column("opened_at", String, nullable=False),
)


def _log(name: str, *columns: Column[object] | UniqueConstraint | Index) -> Table:
    return Table(
        name,
        METADATA,
        Column("book", BigInteger, ForeignKey(BOOKS.c.book), primary_key=True, autoincrement=False),
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        *columns,
    )


def _text(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, Text, nullable=nullable)


def _ns(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, BigInteger, nullable=nullable)


INTENTS = _log(
    "intents",
    _text("intent_id"),
    _text("purpose"),
    _text("strategies"),
    _text("cycle"),
    _text("legs"),
    _text("reference_price"),
    _text("stop_price", nullable=True),
    _text("target_price", nullable=True),
    _text("trailing_distance", nullable=True),
    Column("trailing_bps", Integer),
    _text("reason"),
    Column("risk_epoch", BigInteger, nullable=False),
    _ns("created_ns"),
    _ns("at_ns"),
    UniqueConstraint("book", "intent_id"),
)

REQUESTS = _log(
    "requests",
    _text("client_order_id"),
    _text("intent_id"),
    _text("role"),
    _text("purpose"),
    _text("strategies"),
    _text("leg"),
    _text("sent_because"),
    _text("protects", nullable=True),
    Column("window_ms", Integer),
    _ns("created_ns"),
    _text("theirs", nullable=True),
    _text("filled_before", nullable=True),
    _text("replaces", nullable=True),
    _text("plan_id", nullable=True),
    UniqueConstraint("book", "client_order_id"),
)

EVENTS = _log(
    "events",
    _text("client_order_id"),
    _text("kind"),
    _text("status", nullable=True),
    _text("venue_order_id", nullable=True),
    _text("quantity", nullable=True),
    _text("filled_quantity", nullable=True),
    _text("filled_notional", nullable=True),
    _text("reason", nullable=True),
    _ns("event_ns", nullable=True),
    _ns("at_ns"),
    _text("price", nullable=True),
    Index("events_by_order", "book", "client_order_id"),
)

FILLS = _log(
    "fills",
    _text("client_order_id", nullable=True),
    Column("is_ours", Boolean, nullable=False),
    _text("instrument_id"),
    _text("trade_id"),
    _text("venue_order_id"),
    _text("side"),
    _text("price"),
    _text("quantity"),
    _text("fee"),
    _text("fee_asset"),
    Column("is_maker", Boolean, nullable=False),
    _ns("event_ns"),
    _ns("at_ns"),
    _text("realised_profit", nullable=True),
    Column("is_forced", Boolean),
    UniqueConstraint("book", "instrument_id", "trade_id", "side"),
    Index("fills_by_order", "book", "client_order_id"),
    Index("fills_by_venue_order", "book", "venue_order_id"),
    Index("fills_by_time", "book", "instrument_id", "event_ns"),
)

FUNDING = _log(
    "funding",
    _text("instrument_id"),
    _text("payment_id"),
    _text("asset"),
    _text("amount"),
    _ns("event_ns"),
    _ns("at_ns"),
    UniqueConstraint("book", "instrument_id", "payment_id"),
    Index("funding_by_time", "book", "event_ns"),
)

DUTIES = _log(
    "duties",
    _text("duty_id"),
    _text("kind"),
    _text("intent_id", nullable=True),
    _text("instrument_id", nullable=True),
    _text("entry_side", nullable=True),
    _text("stop_price", nullable=True),
    _text("target_price", nullable=True),
    _text("trailing_distance", nullable=True),
    Column("trailing_bps", Integer),
    _text("best_price", nullable=True),
    _text("strategies", nullable=True),
    _text("reason", nullable=True),
    _ns("at_ns"),
)

PLANS = _log(
    "plans",
    _text("plan_id"),
    _text("kind"),
    _text("intent_id", nullable=True),
    _text("terms", nullable=True),
    _text("reason", nullable=True),
    _ns("at_ns"),
)
"""Parent orders; what a parent asks for is its intent's only leg."""

BALANCES = _log("balances", _text("totals"), _text("reason"), _ns("at_ns"))

SETTLEMENTS = _log("settlements", _text("client_order_id"), Column("is_settled", Boolean, nullable=False), _ns("at_ns"))
"""What `fold` would find out, said at once: a start need not fold the orders that are over."""

SNAPSHOTS = _log("snapshots", _text("form"), _text("content"), _text("checksum"))
"""What a book comes to up to the number `seq`. No part of the log: only the newest is kept, and none is needed."""

LOG = (INTENTS, REQUESTS, EVENTS, FILLS, FUNDING, DUTIES, PLANS, BALANCES, SETTLEMENTS)
FACTS = (FILLS, FUNDING)
"""The venue may tell these again: what is there already stays as it is."""

Upgrade = Callable[[Connection], None]


def _add_derivatives(connection: Connection) -> None:
    """What perpetuals' fills say beyond spot's, and funding."""
    _add_columns(connection, FILLS, "realised_profit", "is_forced")
    FUNDING.create(connection)


def _tell_sides_apart(connection: Connection) -> None:
    """An account that trades with itself has two fills of one trade: `fills` anew, with the side in its key."""
    for index in FILLS.indexes:
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {index.name}")
    old = FILLS.to_metadata(MetaData(), name="fills_of_version_3", referred_schema_fn=lambda *_: None)
    connection.exec_driver_sql(f"ALTER TABLE {FILLS.name} RENAME TO {old.name}")
    FILLS.create(connection)
    connection.execute(insert(FILLS).from_select(FILLS.columns.keys(), select(old)))
    connection.exec_driver_sql(f"DROP TABLE {old.name}")


def _add_adoption(connection: Connection) -> None:
    """What is known of an order that somebody else has made."""
    _add_columns(connection, REQUESTS, "theirs", "filled_before")


def _add_amendments(connection: Connection) -> None:
    """Which terms were asked for, and in whose place an order was sent."""
    _add_columns(connection, EVENTS, "price")
    _add_columns(connection, REQUESTS, "replaces")


def _add_trailing(connection: Connection) -> None:
    """How stops follow the market, and how far they have."""
    _add_columns(connection, INTENTS, "trailing_distance", "trailing_bps")
    _add_columns(connection, DUTIES, "trailing_distance", "trailing_bps", "best_price")


def _add_columns(connection: Connection, table: Table, *names: str) -> None:
    for name in names:
        words = table.c[name].type.compile(connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {name} {words}")


def _add_plans(connection: Connection) -> None:
    """Parent orders, and which of them a request is a slice of."""
    _add_columns(connection, REQUESTS, "plan_id")
    PLANS.create(connection)


def _add_snapshots(connection: Connection) -> None:
    """And what finds the fills and payments that the venue may tell again."""
    SNAPSHOTS.create(connection, checkfirst=True)
    for table in FACTS:
        for index in table.indexes:
            index.create(connection, checkfirst=True)


UPGRADES: Mapping[int, Upgrade] = {
    1: partial(METADATA.create_all, tables=[SETTLEMENTS]),
    2: _add_derivatives,
    3: _tell_sides_apart,
    4: _add_adoption,
    5: _add_amendments,
    6: _add_plans,
    7: _add_trailing,
    8: _add_snapshots,
}
"""Step from version n (the key) to n + 1. A step that has shipped is never changed."""


NEWEST = 1 + len(UPGRADES)


def version_of(connection: Connection) -> int:
    return connection.execute(select(func.max(SCHEMA_VERSIONS.c.version))).scalar_one_or_none() or 0


def bring_up_to_date(connection: Connection, now_iso: str, upgrades: Mapping[int, Upgrade] = UPGRADES) -> None:
    """Create the tables, or upgrade them step by step, inside the caller's transaction. Raises `JournalError` for a
    schema that is newer than this program."""
    newest = 1 + len(upgrades)
    if not inspect(connection).has_table(SCHEMA_VERSIONS.name):
        METADATA.create_all(connection)
        connection.execute(insert(SCHEMA_VERSIONS).values(version=newest, applied_at=now_iso))
        return
    found = version_of(connection)
    if found > newest:
        raise JournalError(
            f"its schema is version {found}, this program knows {newest} at most: start the version that wrote it,"
            " or a newer one"
        )
    for version in range(found, newest):
        upgrades[version](connection)
        connection.execute(insert(SCHEMA_VERSIONS).values(version=version + 1, applied_at=now_iso))
