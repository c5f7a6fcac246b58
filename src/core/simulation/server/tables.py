"""What the tables of the venue's books are asked: rows take the place of those with their key, old ones go when there
are too many, and records are read by number."""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Select,
    Table,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.sqlite import insert

_T = TypeVar("_T")
_ROW_ID: ColumnClause[int] = literal_column("rowid", Integer)


def upsert(
    connection: Connection, table: Table, rows: Iterable[dict[str, object]], keep: frozenset[str] = frozenset()
) -> None:
    """`keep`: columns that stay as they are in rows that exist."""
    rows = list(rows)
    if not rows:
        return
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    changes = {name: statement.excluded[name] for name in rows[0] if name not in keys and name not in keep}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), rows)


def drop_old(connection: Connection, table: Table, kept: int, *, only: ColumnElement[bool] | None = None) -> None:
    """All rows beyond the newest `kept`; of them those alone that `only` is true of, `None`: of all."""
    newest = connection.execute(select(func.max(_ROW_ID)).select_from(table)).scalar() or 0
    dropped = table.delete().where(newest - kept >= _ROW_ID)
    connection.execute(dropped if only is None else dropped.where(only))


def by_number(
    table: Table, wanted: ColumnElement[bool], *, number: str, content: str, newest: int | None
) -> Select[Any]:
    """`newest`: all open ones, but only so many closed ones of a symbol; `None`: all that are kept."""
    rank = func.row_number().over(partition_by=(table.c.symbol, table.c.is_open), order_by=table.c[number].desc())
    rows = select(table, rank.label("rank")).where(wanted).subquery()
    query = select(rows.c[content]).order_by(rows.c[number])
    return query if newest is None else query.where((rows.c.is_open == 1) | (rows.c.rank <= newest))


def read(engine: Engine, query: Select[Any], kind: type[_T]) -> list[_T]:
    """What JSON in the one column of `query` says."""
    with engine.connect() as connection:
        return [msgspec.json.decode(found, type=kind) for found in connection.execute(query).scalars()]
