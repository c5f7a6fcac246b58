"""A journal in other hands than its daemon's: nothing is written or upgraded, and a daemon may be writing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import merge
from pathlib import Path

from sqlalchemy import Connection, Table, inspect, select
from sqlalchemy.engine import URL

from core.domain.errors import JournalError
from core.execution.journal import schema
from core.execution.journal.cells import AnyRow
from core.execution.journal.engine import Database, parse_url
from core.execution.journal.lease import Holder, Sight
from core.execution.journal.lease_table import all_leases
from core.execution.journal.processes import sight_of


@dataclass(frozen=True, slots=True)
class BookName:
    """One book of a journal: who traded where, in which life of the venue."""

    number: int
    mode: str
    venue: str
    account: str
    epoch: str | None
    opened_at: str


def journals(data_dir: Path, url: str | None) -> list["JournalReader"]:
    """The server's database where `url` names one, else every file in `data_dir/journal`, those put aside included.
    Raises `JournalError` for a URL that can't be read."""
    if url is not None:
        return [JournalReader(parse_url(url))]
    return [JournalReader(read_only_url(file)) for file in sorted((data_dir / "journal").glob("*.sqlite"))]


class JournalReader:
    """Raises `JournalError` that names the place, and nothing else."""

    def __init__(self, url: URL) -> None:
        self._database = Database(url, busy_timeout_s=5.0)
        self.location = str(url.database).partition("?")[0].removeprefix("file:") if _is_file(url) else str(url)

    def check_file(self) -> None:
        """Raises where SQLite finds a damaged page, or where the schema is not that of this program."""
        with self.opened() as connection:
            if connection.dialect.name == "sqlite":
                found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
                if found != "ok":
                    raise JournalError(f"damaged: {found}")

    def books(self) -> list[BookName]:
        with self.opened() as connection:
            return [BookName(*row) for row in connection.execute(select(schema.BOOKS).order_by(schema.BOOKS.c.book))]

    def holders(self) -> list[Holder]:
        """The processes of this machine that have an account of this journal, and run."""
        with self.opened() as connection:
            leases = all_leases(connection)
        return [each.holder for each in leases if sight_of(each.holder, on_one_machine=False) is Sight.RUNNING]

    @contextmanager
    def opened(self) -> Iterator[Connection]:
        """One picture of the journal, whatever is written meanwhile."""
        try:
            with self._database.transaction(writing=False) as connection:
                if not inspect(connection).has_table(schema.SCHEMA_VERSIONS.name):
                    raise JournalError("holds no journal")
                found, newest = schema.version_of(connection), schema.NEWEST
                if found != newest:
                    hint = (
                        "start the daemon once, which upgrades it"
                        if found < newest
                        else "use the version that wrote it"
                    )
                    raise JournalError(f"its schema is version {found}, this program reads {newest}: {hint}")
                yield connection
        except JournalError as error:
            raise JournalError(f"journal {self.location}: {error}") from error.__cause__
        finally:
            self._database.close()


def written_rows(connection: Connection, book: int) -> Iterator[tuple[Table, AnyRow]]:
    """All that was written into a book, in that order, without holding it in memory."""
    return merge(*(_rows_of(connection, table, book) for table in schema.LOG), key=lambda pair: pair[1].seq)


def newest_rows(connection: Connection, book: int, limit: int) -> list[tuple[Table, AnyRow]]:
    """The last that were written into a book, in that order."""
    found: list[tuple[Table, AnyRow]] = []
    for table in schema.LOG:
        query = select(table).where(table.c.book == book).order_by(table.c.seq.desc()).limit(limit)
        found += [(table, row) for row in connection.execute(query)]
    return sorted(found, key=lambda pair: pair[1].seq)[-limit:]


def _rows_of(connection: Connection, table: Table, book: int) -> Iterator[tuple[Table, AnyRow]]:
    query = select(table).where(table.c.book == book).order_by(table.c.seq).execution_options(yield_per=1_000)
    for row in connection.execute(query):
        yield table, row


def _is_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def read_only_url(file: Path) -> URL:
    """Of a file that somebody else may be writing."""
    return URL.create("sqlite", database=f"file:{file}", query={"mode": "ro", "uri": "true"})
