"""Tables cut by time and by symbol, a column at a time. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.history.cache.layout import by_month
from core.history.coverage import Span

SYMBOL = "series_symbol"
"""The first column of a cached file, which the series themselves do not have."""
SYMBOL_FIELD = pa.field(SYMBOL, pa.string(), nullable=False)


def clipped(table: pa.Table, span: Span, time_index: int = 0) -> pa.Table:
    """Rows within `span`; the column at `time_index` says when."""
    times = _times(table, time_index)
    if not len(times) or (times.min() >= span[0] and times.max() < span[1]):
        return table
    return table.filter(pa.array((times >= span[0]) & (times < span[1])))


def together(rows: Mapping[str, pa.Table]) -> pa.Table | None:
    """All of them, the symbol in front; `None`: there are none."""
    full = {symbol: table for symbol, table in rows.items() if table.num_rows}
    if not full:
        return None
    table = pa.concat_tables(full.values()).combine_chunks()  # filters go by the chunk
    codes = np.repeat(np.arange(len(full), dtype=np.int32), [each.num_rows for each in full.values()])
    symbols = pa.DictionaryArray.from_arrays(codes, pa.array(list(full))).cast(pa.string())
    return table.add_column(0, SYMBOL_FIELD, symbols)


def months_of(rows: pa.Table, span: Span) -> Iterator[tuple[str, pa.Table]]:
    """A file's rows month by month; those outside of `span` are left out, and months without rows."""
    times = _times(rows, 1)
    for month, (start, end) in by_month(span):
        inside = (times >= start) & (times < end)
        if inside.all():
            yield month, rows
            return
        if inside.any():
            yield month, rows.filter(pa.array(inside))


def not_replaced(old: pa.Table, symbols: Sequence[str], span: Span) -> pa.Table:
    """What of the old rows of a file stays: other symbols', and those outside of `span`."""
    times = _times(old, 1)
    inside = pa.array((times >= span[0]) & (times < span[1]))
    return old.filter(pc.invert(pc.and_(inside, pc.is_in(old.column(0), pa.array(symbols, pa.string())))))


def in_order(rows: pa.Table) -> pa.Table:
    """A file's rows by symbol, then time; equal ones stay as they were."""
    if _is_ordered(rows):
        return rows
    keys = [(SYMBOL, "ascending"), (rows.schema.names[1], "ascending")]
    return rows.take(pc.sort_indices(rows, keys))


def by_symbol(rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The symbols of files' rows, each with its own, in their order, without the symbol's column."""
    if rows.num_rows == 0:
        return
    names = rows.column(0).combine_chunks().dictionary_encode()
    codes = names.indices.to_numpy(zero_copy_only=False)
    plain = rows.drop_columns([SYMBOL])
    if (np.diff(codes) < 0).any():
        order = np.argsort(codes, kind="stable")
        codes, plain = codes[order], plain.take(pa.array(order))
    edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    for start, end in pairwise(edges):
        yield names.dictionary[int(codes[start])].as_py(), plain.slice(start, end - start)


def _times(table: pa.Table, index: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """UTC ms (n_rows,)."""
    column = pc.cast(table.column(index), pa.int64())
    times: np.ndarray[tuple[int], np.dtype[np.int64]] = column.to_numpy()
    return times


def _is_ordered(rows: pa.Table) -> bool:
    """Of one symbol and in order already, as nearly always."""
    is_alone = rows.num_rows < 2 or pc.count_distinct(rows.column(0)).as_py() == 1
    return is_alone and bool((np.diff(_times(rows, 1)) >= 0).all())
