"""SQLite by SQLAlchemy, as everything here that must last wants it: durable, its lock taken before what is read."""

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

_CACHE_KIB = 512


def sqlite_engine(url: URL, busy_timeout_s: float, *, synced: bool = True) -> Engine:
    """`busy_timeout_s`: how long it waits for another process's lock. `synced` false: what was committed last may be
    forgotten when the power fails. Transactions take the write lock at their beginning, but for connections with the
    execution option `metronome_writing=False`. The thread that closes a connection may be another one than the one
    that wrote; never both at a time."""
    arguments = {"timeout": busy_timeout_s, "check_same_thread": False}
    engine = create_engine(url, poolclass=NullPool, connect_args=arguments)

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _: object) -> None:
        # Transactions are begun by `on_begin`: pysqlite would begin them too late to take the write lock at once.
        connection.isolation_level = None
        # What is appended is seldom read again: a larger cache would fill with it for hours, and look like a leak.
        synchronous = "FULL" if synced else "NORMAL"
        wal = () if url.query.get("mode") == "ro" else ("journal_mode=WAL",)  # the writer's to say
        for pragma in (*wal, f"synchronous={synchronous}", "foreign_keys=ON", f"cache_size=-{_CACHE_KIB}"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        is_writing = connection.get_execution_options().get("metronome_writing", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    return engine
