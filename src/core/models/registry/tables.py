"""Tables of the registry, and the connection to them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from core.domain.errors import ModelError
from core.runtime.sqlite import sqlite_engine

REGISTRY = "registry.sqlite"
"""File below the models' folder."""
SCHEMA_VERSION = 1
_PATIENCE_S = 10.0
_METADATA = MetaData()

MODELS = Table(
    "models",
    _METADATA,
    Column("version", String, primary_key=True),
    Column("scope", String, nullable=False, index=True),
    Column("stage", String, nullable=False),
    Column("is_pinned", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("sums_sha256", String, nullable=False),
    Column("manifest", Text, nullable=False),
)
Index("one_live_model_a_scope", MODELS.c.scope, unique=True, sqlite_where=MODELS.c.stage == "live")

EVENTS = Table(
    "model_events",
    _METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("version", String, ForeignKey(MODELS.c.version), nullable=False, index=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("event", String, nullable=False),
    Column("stage", String, nullable=False),  # after it
    Column("reason", Text, nullable=False),
)

COVERAGE = Table(
    "coverage",
    _METADATA,
    Column("market", String, primary_key=True),  # venue and timeframe
    Column("symbol", String, primary_key=True),
    Column("record", Text, nullable=False),
)


class RegistryFile:
    """One SQLite file. Several processes may use it: a writer waits for another for `_PATIENCE_S` at most."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._engine: Engine | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Durable at its end; rolled back where the body raises. Raises `ModelError` that names the file."""
        try:
            with self._opened().begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise ModelError(f"{self.file}: {str(cause).splitlines()[0]}") from error

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _opened(self) -> Engine:
        if self._engine is None:
            try:
                self.file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ModelError(f"{self.file.parent}: cannot be made: {error.strerror or error}") from error
            engine = sqlite_engine(URL.create("sqlite", database=str(self.file)), _PATIENCE_S)
            with engine.begin() as connection:
                self._prepare(connection)
            self._engine = engine
        return self._engine

    def _prepare(self, connection: Connection) -> None:
        found = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        if found > SCHEMA_VERSION:
            raise ModelError(f"{self.file}: written by a newer version ({found}; this one knows {SCHEMA_VERSION})")
        if found < SCHEMA_VERSION:
            _METADATA.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")
