"""What a book comes to up to a number, written down, so that a start need not read what is older.

A snapshot only saves time: one that is damaged, or was written by a program that folds otherwise, is passed over, and
everything is read. `core.execution.journal.audit` compares each with its book.
"""

import hashlib
from functools import cache

import msgspec
import structlog
from sqlalchemy import Connection, delete, func, insert, select

from core.execution.journal import schema
from core.execution.journal.fold import Folded

FOLDING = 1
"""Raise it with every change of what the same rows fold to: older snapshots are void then. A change of what a snapshot
holds (its fields and their types) is noticed without."""

_log = structlog.get_logger("journal")


class SnapshotVoid(Exception):
    """Why it can't be used."""


class OtherForm(SnapshotVoid):
    """Another version of the program wrote it: nothing is wrong with it."""


def newest(connection: Connection, book: int, last_seq: int) -> Folded | None:
    """`None`: there is none that is any good, which is said where there is one. `last_seq` is the book's."""
    try:
        return read(connection, book, last_seq)
    except SnapshotVoid as error:
        _log.warning("snapshot_void", reason=str(error), then="the whole journal is read")
        return None


def read(connection: Connection, book: int, last_seq: int) -> Folded | None:
    """`None`: there is none. Raises `SnapshotVoid`."""
    table = schema.SNAPSHOTS
    row = connection.execute(select(table).where(table.c.book == book).order_by(table.c.seq.desc()).limit(1)).first()
    if row is None:
        return None
    if row.form != form():
        raise OtherForm(f"the snapshot's form is {row.form}, this program's is {form()}")
    if row.checksum != _checksum(book, row.seq, row.content):
        raise SnapshotVoid(f"the snapshot of {row.seq} records is damaged: its checksum does not match")
    try:
        folded = msgspec.json.decode(row.content, type=Folded)
    except msgspec.MsgspecError as error:
        raise SnapshotVoid(f"the snapshot of {row.seq} records can't be read: {error}") from error
    if not folded.seq == row.seq <= last_seq:
        raise SnapshotVoid(f"the snapshot is of {row.seq} records, the journal has {last_seq}")
    _require_as_many(connection, book, folded)
    return folded


def keep(connection: Connection, book: int, folded: Folded) -> None:
    """In place of the one before, in the caller's transaction."""
    table = schema.SNAPSHOTS
    content = msgspec.json.encode(folded).decode()
    connection.execute(delete(table).where(table.c.book == book))
    row = {"book": book, "seq": folded.seq, "form": form(), "content": content}
    connection.execute(insert(table).values(**row, checksum=_checksum(book, folded.seq, content)))


def _require_as_many(connection: Connection, book: int, folded: Folded) -> None:
    """What it has counted must be in the book."""
    n_fills = folded.ledger.n_fills + folded.ledger.n_foreign_fills
    for table, counted in ((schema.REQUESTS, folded.n_orders), (schema.FILLS, n_fills)):
        is_in_it = (table.c.book == book) & (table.c.seq <= folded.seq)
        there = connection.scalar(select(func.count(table.c.seq)).where(is_in_it))
        if there != counted:
            raise SnapshotVoid(f"the snapshot of {folded.seq} records has {counted} {table.name}, the journal {there}")


def sameness(folded: Folded) -> bytes:
    """The same for what is the same, in whatever parts it was folded."""
    return msgspec.json.encode(folded, order="deterministic")


def form() -> str:
    """What a snapshot must have been written as, to be read."""
    return f"{FOLDING}-{_shape()}"


@cache
def _shape() -> str:
    """Of the fields and their types."""
    return _digest(msgspec.json.encode(msgspec.json.schema(Folded), order="deterministic"))[:16]


def _checksum(book: int, seq: int, content: str) -> str:
    return _digest(f"{book} {seq} {content}".encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
