"""Records of any kind by account, in a table of the venue's books."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

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
    func,
    select,
)

from core.simulation.server.tables import by_number, drop_old, read, upsert

_T = TypeVar("_T")
_metadata = MetaData()
_records = Table(
    "records",
    _metadata,
    Column("kind", String, primary_key=True),
    Column("symbol", String, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("part", BigInteger, primary_key=True),
    Column("account", String, primary_key=True),
    Column("is_open", Integer, nullable=False),
    Column("content", String, nullable=False),
    Index("records_by_account", "account", "kind", "symbol", "number"),
)


@dataclass(frozen=True, slots=True)
class Record:
    """`kind`, `account`, `symbol`, `number` and `part` name it: a later one of that name takes its place."""

    kind: str
    account: str
    symbol: str
    """Empty: of none."""
    number: int
    content: object
    """What msgspec can encode; nobody may change it any more."""
    part: int = 0
    is_open: bool = False
    """It is never dropped, however old."""


class RecordTable:
    """Of the database behind `engine`; made where it is missing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        _metadata.create_all(engine)

    def write(self, connection: Connection, records: Iterable[Record]) -> None:
        rows = {(each.kind, each.symbol, each.number, each.part, each.account): each for each in records}
        upsert(connection, _records, (_row(each) for each in rows.values()))

    def drop_old(self, connection: Connection, kept: int) -> None:
        """All that is closed beyond the newest `kept`."""
        drop_old(connection, _records, kept, only=_records.c.is_open == 0)

    def of(self, account: str, kind: str, content: type[_T], *, newest: int | None = None) -> list[_T]:
        """By number. `newest`: all open ones, but only so many closed ones of a symbol; `None`: all that are kept."""
        wanted = (_records.c.account == account) & (_records.c.kind == kind)
        query = by_number(_records, wanted, number="number", content="content", newest=newest)
        return read(self._engine, query, content)

    def by_symbol(self, account: str, kind: str, content: type[_T]) -> dict[str, _T]:
        """Of records that there is one of for each symbol."""
        wanted = (_records.c.account == account) & (_records.c.kind == kind)
        with self._engine.connect() as connection:
            rows = connection.execute(select(_records.c.symbol, _records.c.content).where(wanted))
            return {row.symbol: msgspec.json.decode(row.content, type=content) for row in rows}

    def symbols(self, kind: str) -> list[str]:
        """In which there is a record of this kind."""
        with self._engine.connect() as connection:
            query = select(_records.c.symbol).where(_records.c.kind == kind).distinct()
            return sorted(connection.execute(query).scalars())

    def last_number(self, kind: str) -> int:
        """0: there is none of this kind."""
        with self._engine.connect() as connection:
            return connection.execute(select(func.max(_records.c.number)).where(_records.c.kind == kind)).scalar() or 0


def _row(record: Record) -> dict[str, Any]:
    return {
        "kind": record.kind,
        "symbol": record.symbol,
        "number": record.number,
        "part": record.part,
        "account": record.account,
        "is_open": int(record.is_open),
        "content": msgspec.json.encode(record.content).decode(),
    }
