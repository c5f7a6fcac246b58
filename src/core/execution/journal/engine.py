"""One connection to the journal's database: SQLite made durable, anything else as SQLAlchemy has it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from core.domain.errors import JournalError
from core.runtime.durable_files import sync_path
from core.runtime.sqlite import sqlite_engine

_PATIENCE_S = 5
"""With a server that does not answer, and with a session that holds up others."""


class RecordRepeats(JournalError):
    """An intent or a request whose id the journal has already: ids are never re-used."""


class Database:
    """Connects when first used, and anew after every failure. One thread at a time. Raises `JournalError` only."""

    def __init__(self, url: URL, busy_timeout_s: float, *, synced: bool = True) -> None:
        """`busy_timeout_s`: how long SQLite waits for another process's lock. `synced` false: SQLite may forget what
        was committed last when the power fails."""
        self.url = url
        is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
        self.file = Path(str(url.database)) if is_file else None
        """`None` for servers and memory."""
        self._busy_timeout_s = busy_timeout_s
        self._synced = synced
        self._connection: Connection | None = None
        self._inode: int | None = None

    @property
    def location(self) -> str:
        """File, or URL without its password."""
        return str(self.file or self.url.render_as_string(hide_password=True))

    @contextmanager
    def transaction(self, *, writing: bool = True) -> Iterator[Connection]:
        """Commits at the end, synced to the disk; rolls back when the body raises. SQLite: only `writing` waits for
        another process's lock."""
        self._check_file()
        try:
            connection = self._connect().execution_options(metronome_writing=writing)
            with connection.begin():
                yield connection
        except IntegrityError as error:
            raise RecordRepeats(f"an id is used again: {_describe(error)}") from error
        except SQLAlchemyError as error:
            self._drop()
            raise JournalError(_describe(error)) from error
        except JournalError:
            raise
        except BaseException:  # what the connection is in the middle of can't be told: the next one is a new one
            self._drop()
            raise

    def check_integrity(self) -> None:
        """Raises `JournalError` where SQLite finds a damaged page; other databases look after themselves."""
        if self.url.get_backend_name() != "sqlite":
            return
        with self.transaction() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if found != "ok":
            raise JournalError(f"damaged: {found}")

    def watch_file(self) -> None:
        """From here on, notice when the file is deleted or replaced: commits into a file that nobody can find again
        would be lost."""
        if self.file is not None:
            self._inode = self.file.stat().st_ino
            sync_path(self.file.parent)

    def close(self) -> None:
        """SQLite: the last connection to close empties the write-ahead log into the file."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.close()
        except SQLAlchemyError as error:
            raise JournalError(_describe(error)) from error
        finally:
            self._inode = None

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = _engine(self.url, self._busy_timeout_s, synced=self._synced).connect()
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _check_file(self) -> None:
        if self.file is None or self._inode is None:
            return
        try:
            is_same = self.file.stat().st_ino == self._inode
        except OSError:
            is_same = False
        if not is_same:
            raise JournalError("deleted or replaced while in use: put it back, or restart")


def parse_url(url: str) -> URL:
    """Raises `JournalError` for what SQLAlchemy can't read or has no driver for."""
    try:
        parsed = make_url(url)
        parsed.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise JournalError(f"storage.journal_url: {error}") from None
    return parsed


def _engine(url: URL, busy_timeout_s: float, *, synced: bool) -> Engine:
    if url.get_backend_name() == "postgresql":
        return _postgresql_engine(url)
    if url.get_backend_name() != "sqlite":
        return create_engine(url, poolclass=NullPool)
    return sqlite_engine(url, busy_timeout_s, synced=synced)


def _postgresql_engine(url: URL) -> Engine:
    is_libpq = url.get_driver_name().startswith("psycopg")
    patience = {"connect_timeout": _PATIENCE_S, "tcp_user_timeout": _PATIENCE_S * 1_000} if is_libpq else {}
    engine = create_engine(url, poolclass=NullPool, connect_args=patience)

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _: object) -> None:
        # A process that is stopped inside a transaction must not hold up the one that takes over from it.
        with connection.cursor() as cursor:
            for setting in ("idle_in_transaction_session_timeout", "lock_timeout"):
                cursor.execute(f"SET {setting} = '{_PATIENCE_S}s'")
        connection.commit()

    return engine


def _describe(error: BaseException) -> str:
    """In one line, without the SQL and its parameters."""
    cause = getattr(error, "orig", None) or error
    return f"{cause}".splitlines()[0] or type(cause).__name__
