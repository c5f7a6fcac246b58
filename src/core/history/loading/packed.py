"""Pages on their way from a worker process: one Arrow buffer, however many symbols they have."""

from dataclasses import dataclass

import pyarrow as pa

from core.ports.history import HistoryPage, UnreadPage


@dataclass(frozen=True, slots=True)
class PackedPage:
    """Unpacked on the loop, it costs microseconds; a table of its own for each of a hundred symbols takes
    milliseconds."""

    counts: tuple[tuple[str, int], ...]
    """(symbol, rows), in the order of the buffer."""
    rows: bytes | None
    """An IPC stream; `None`: no rows."""
    next_token: str | None

    def unpacked(self) -> HistoryPage:
        if self.rows is None:
            return HistoryPage({}, self.next_token)
        table, at, found = pa.ipc.open_stream(self.rows).read_all(), 0, {}
        for symbol, n_rows in self.counts:
            found[symbol] = table.slice(at, n_rows)
            at += n_rows
        return HistoryPage(found, self.next_token)


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
