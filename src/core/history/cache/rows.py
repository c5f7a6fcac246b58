"""Tables cut by time and by symbol. Pure."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.history.coverage import Span

SYMBOL = "series_symbol"
"""The first column of a cached file, which the series themselves do not have."""


def clipped(table: pa.Table, span: Span, time_index: int = 0) -> pa.Table:
    """Rows within `span`; the column at `time_index` says when."""
    time = _ms(table, time_index)
    if len(time) == 0:
        return table
    extremes = pc.min_max(time).as_py()
    if span[0] <= extremes["min"] and extremes["max"] < span[1]:
        return table
    return table.filter(_within(time, span))


def with_symbols(rows: Mapping[str, pa.Table], span: Span) -> list[pa.Table]:
    """What of `rows` lies within `span`, the symbol in front."""
    tables = []
    for symbol, table in rows.items():
        part = clipped(table, span)
        names = pa.repeat(pa.scalar(symbol), part.num_rows)
        tables.append(part.add_column(0, pa.field(SYMBOL, pa.string(), nullable=False), names))
    return tables


def not_replaced(old: pa.Table, rows: Mapping[str, pa.Table], span: Span) -> pa.Table:
    """What of the old rows of a file stays: other symbols', and those outside of `span`."""
    replaced = pc.and_(_within(_ms(old, 1), span), pc.is_in(old.column(0), pa.array(list(rows), pa.string())))
    return old.filter(pc.invert(replaced))


def in_order(rows: pa.Table) -> pa.Table:
    """A file's rows by symbol, then time; equal ones stay as they were."""
    if _is_ordered(rows):
        return rows
    keys = [(SYMBOL, "ascending"), (rows.schema.names[1], "ascending")]
    return rows.take(pc.sort_indices(rows, keys))


def by_symbol(rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The stretches of a file's rows that have one symbol, without its column; no copies."""
    if rows.num_rows == 0:
        return
    names = rows.column(0).combine_chunks().dictionary_encode()
    codes = names.indices.to_numpy(zero_copy_only=False)
    edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    plain = rows.drop_columns([SYMBOL])
    for start, end in pairwise(edges):
        yield names.dictionary[int(codes[start])].as_py(), plain.slice(start, end - start)


def _ms(table: pa.Table, index: int) -> pa.ChunkedArray:
    return pc.cast(table.column(index), pa.int64())


def _within(time: pa.ChunkedArray, span: Span) -> pa.ChunkedArray:
    return pc.and_(pc.greater_equal(time, span[0]), pc.less(time, span[1]))


def _is_ordered(rows: pa.Table) -> bool:
    """Of one symbol and in order already, as nearly always."""
    time = _ms(rows, 1).combine_chunks()
    if len(time) < 2:
        return True
    is_alone = pc.count_distinct(rows.column(0)).as_py() == 1
    return is_alone and bool(pc.all(pc.greater_equal(time[1:], time[:-1])).as_py())
