"""What `journal` prints: findings about each book, and every record of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table as Drawn
from rich.text import Text
from sqlalchemy import Table

from core.domain.errors import JournalError
from core.execution.journal.audit import Audit, audit
from core.execution.journal.cells import AnyRow
from core.execution.journal.reading import BookName, JournalReader, journals, written_rows
from core.settings.storage import StorageSettings

_SHOWN_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class JournalReport:
    location: str
    error: str | None
    """Why the file can't be read; `None`: it can."""
    book: BookName | None = None
    audit: Audit | None = None

    @property
    def is_wrong(self) -> bool:
        return self.error is not None or bool(self.audit and self.audit.findings)


def verify_all(storage: StorageSettings) -> list[JournalReport]:
    """One report a book, or one for a journal that can't be read."""
    reports: list[JournalReport] = []
    for reader in journals(storage.data_dir, storage.journal_url):
        try:
            reports += _verify(reader)
        except JournalError as error:
            reports.append(JournalReport(reader.location, str(error)))
    return reports


def _verify(reader: JournalReader) -> list[JournalReport]:
    reader.check_file()
    reports = []
    for book in reader.books():
        with reader.opened() as connection:
            reports.append(JournalReport(reader.location, None, book, audit(connection, book.number)))
    return reports


def audits_table(reports: Sequence[JournalReport]) -> RenderableType:
    table = Drawn(box=None, header_style="bold")
    for name in ("journal", "records", "orders", "settled", "fills", ""):
        table.add_column(name, justify="left" if name in ("journal", "") else "right", overflow="fold")
    words: list[RenderableType] = []
    for report in reports:
        found = report.audit
        verdict = Text("wrong", style="bold red") if report.is_wrong else Text("ok", style="green")
        if found is None or report.book is None:
            table.add_row(report.location, "", "", "", "", verdict)
            words.append(Text(str(report.error)))
            continue
        book = report.book
        name = f"{book.mode} {book.venue} {book.account}" + (f", epoch {book.epoch}" if book.epoch else "")
        counts = (found.records, found.orders, found.settled, found.fills)
        table.add_row(name, *(f"{count:,}" for count in counts), verdict)
        shown = found.findings[:_SHOWN_FINDINGS]
        words += [Text(f"{report.location}, record {each.seq}: {each.words} (rule {each.invariant})") for each in shown]
        if len(found.findings) > len(shown):
            words.append(Text(f"… and {len(found.findings) - len(shown)} more; all of them with --json"))
    return Group(table, *words)


def exported_lines(storage: StorageSettings) -> Iterator[str]:
    """Raises `JournalError` for the first journal that can't be read."""
    for reader in journals(storage.data_dir, storage.journal_url):
        for book in reader.books():
            with reader.opened() as connection:
                for table, row in written_rows(connection, book.number):
                    yield record_line(reader.location, table, row)


def record_line(location: str, table: Table, row: AnyRow) -> str:
    """One record of the journal at `location` as JSON."""
    values = dict(zip(row._fields, row, strict=True))
    return msgspec.json.encode({"journal": location, "record": str(table.name), **values}).decode()
