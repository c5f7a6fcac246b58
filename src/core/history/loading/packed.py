"""Pages on their way from a worker process to the disk: one Arrow buffer, however many symbols they have."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from core.ports.history import HistoryPage, UnreadPage


@dataclass(frozen=True, slots=True)
class PackedPage:
    """A table of its own for each of a hundred symbols takes milliseconds: it is unpacked by the thread that writes
    it, never on the loop."""

    counts: tuple[tuple[str, int], ...]
    """(symbol, rows), in the order of the buffer."""
    rows: bytes | None
    """An IPC stream; `None`: no rows."""
    next_token: str | None

    @property
    def n_rows(self) -> int:
        return sum(n_rows for _, n_rows in self.counts)

    def tables(self) -> dict[str, pa.Table]:
        """By symbol."""
        if self.rows is None:
            return {}
        table, at, found = pa.ipc.open_stream(self.rows).read_all(), 0, {}
        for symbol, n_rows in self.counts:
            found[symbol] = table.slice(at, n_rows)
            at += n_rows
        return found


Page = HistoryPage | PackedPage


def rows_by_symbol(pages: Sequence[Page]) -> dict[str, pa.Table]:
    """Of all of them, in their order. Takes milliseconds: call it in a thread."""
    found: dict[str, list[pa.Table]] = {}
    for page in pages:
        for symbol, rows in (page.tables() if isinstance(page, PackedPage) else page.rows).items():
            found.setdefault(symbol, []).append(rows)
    return {symbol: tables[0] if len(tables) == 1 else pa.concat_tables(tables) for symbol, tables in found.items()}


def read_packed(page: UnreadPage) -> PackedPage:
    """In a worker process. Raises as a source does."""
    read = page.read()
    if not read.rows:
        return PackedPage((), None, read.next_token)
    table = pa.concat_tables(read.rows.values()).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    counts = tuple((symbol, rows.num_rows) for symbol, rows in read.rows.items())
    return PackedPage(counts, sink.getvalue().to_pybytes(), read.next_token)
