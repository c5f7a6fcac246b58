"""Numbers taken from where they lie in a file are those that a reader of Parquet finds."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core.history.cache.plain import plain_columns


def written(table: pa.Table, **options: object) -> memoryview:
    sink = pa.BufferOutputStream()
    plain = {"compression": "none", "use_dictionary": False, "write_statistics": False, "max_rows_per_page": 1 << 20}
    pq.write_table(table, sink, **{**plain, **options})
    return memoryview(sink.getvalue())


def table_of(prices: np.ndarray, times: np.ndarray | None = None, *, nullable: bool = False) -> pa.Table:
    fields = [("time", pa.int64(), times if times is not None else np.arange(len(prices))), ("price", None, prices)]
    columns = [pa.array(values) for _, _, values in fields]
    schema = pa.schema([pa.field(field[0], each.type, nullable) for field, each in zip(fields, columns, strict=True)])
    return pa.Table.from_arrays(columns, schema=schema)


def columns_of(content: memoryview, names: list[str]) -> list[np.ndarray] | None:
    return plain_columns(content, pq.ParquetFile(pa.BufferReader(pa.py_buffer(content))), names)


@settings(max_examples=30, deadline=None)
@given(arrays.arrays(np.float64, st.integers(0, 200)), st.data())
def test_they_are_those_that_were_written(prices: np.ndarray, data: st.DataObject) -> None:
    times = data.draw(arrays.arrays(np.int64, len(prices)))
    found = columns_of(written(table_of(prices, times)), ["price", "time"])
    if found is None:
        assert not len(prices)
    else:
        np.testing.assert_array_equal(found[0], prices)
        np.testing.assert_array_equal(found[1], times)


def test_a_month_of_minutes_lies_plain() -> None:
    prices = np.random.default_rng(1).normal(size=44_640)
    found = columns_of(written(table_of(prices)), ["price"])
    assert found is not None
    np.testing.assert_array_equal(found[0], prices)


@pytest.mark.parametrize(
    "options",
    [
        {"max_rows_per_page": 60},
        {"data_page_size": 64, "write_batch_size": 8},
        {"row_group_size": 60},
        {"compression": "snappy"},
        {"use_dictionary": True},
        {"use_byte_stream_split": ["price"]},
        {"data_page_version": "2.0"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_lies_otherwise_is_left_to_a_reader(options: dict[str, object]) -> None:
    assert columns_of(written(table_of(np.ones(100)), **options), ["price"]) is None


def test_columns_with_nulls_of_other_types_or_absent_are_left_to_a_reader() -> None:
    assert columns_of(written(table_of(np.ones(9), nullable=True)), ["price"]) is None
    assert columns_of(written(table_of(np.ones(9, np.float32))), ["price"]) is None
    assert columns_of(written(table_of(np.ones(9))), ["volume"]) is None
