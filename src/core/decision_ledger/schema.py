"""Tables of the decision ledger: appended to, deleted from at the old end, read by symbol and time."""

from pathlib import Path

from sqlalchemy import BLOB, Column, Connection, Index, Integer, MetaData, Table, Text

from core.execution.journal.identity import JournalIdentity

VERSION = 1
"""In the file as `user_version`. A file of another version is set aside: what is in it may be dropped."""

_METADATA = MetaData()

SYMBOLS = Table("symbols", _METADATA, Column("symbol", Integer, primary_key=True), Column("name", Text, unique=True))
DECISIONS = Table(
    "decisions",
    _METADATA,
    Column("seq", Integer, primary_key=True),
    Column("symbol", Integer, nullable=False),
    Column("close_ms", Integer, nullable=False),
    Column("recorded_ms", Integer, nullable=False),
    Column("body", BLOB, nullable=False),
    Index("decisions_by_symbol", "symbol", "close_ms"),
)
"""`recorded_ms` is real time, as is that of the others; `body` is what `codec.encode` makes."""
ORDERS = Table(
    "orders",
    _METADATA,
    Column("client_order_id", Text, primary_key=True),
    Column("intent_id", Text, nullable=False),
    Column("recorded_ms", Integer, nullable=False, index=True),
    Column("body", BLOB, nullable=False),
    Index("orders_by_intent", "intent_id"),
)
"""The newest that is known of each, an `OrderOutcome` as JSON."""
FEES = Table(
    "fees",
    _METADATA,
    Column("client_order_id", Text, primary_key=True),
    Column("trade_id", Text, primary_key=True),
    Column("recorded_ms", Integer, nullable=False, index=True),
    Column("asset", Text, nullable=False),
    Column("amount", Text, nullable=False),
    sqlite_with_rowid=False,
)
HOURS = Table(
    "hours",
    _METADATA,
    Column("hour_ms", Integer, primary_key=True),
    Column("symbol", Integer, primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""How often each reason decided: counting them in the decisions would read them all."""


def ledger_file(data_dir: Path, identity: JournalIdentity) -> Path:
    """One file for each (mode, venue, account), as the journal has it."""
    return data_dir / "decisions" / f"{identity.file_stem}.sqlite"


def create(connection: Connection) -> None:
    _METADATA.create_all(connection)
    connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


def version_of(connection: Connection) -> int:
    """0: there is nothing in the file yet."""
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
