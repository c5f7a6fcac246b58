"""One month's file: written whole, checked whole. Blocking."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from isal import isal_zlib

from core.history.cache.manifest import Part
from core.history.cache.plain import plain_columns

_READERS = 2
_PAGE_BYTES, _PAGE_ROWS = 64 << 20, 8 << 20
"""More than a month has."""


class TornPart(Exception):
    """The file is not the one that was written."""


def write_part(folder: Path, month: str, rows: pa.Table, *, is_synced: bool) -> Part:
    """`is_synced`: on the disk when this returns; else a power cut may tear it, which its checksum tells. Raises
    `OSError`, and leaves nothing behind."""
    sink = pa.BufferOutputStream()
    texts = [column.name for column in rows.schema if pa.types.is_string(column.type)]
    # Prices hardly compress; plain ones in one page, without a level for each that says "not null", are read several
    # times as fast.
    pq.write_table(
        _without_levels(rows),
        sink,
        compression="none",
        use_dictionary=texts,
        write_statistics=False,
        data_page_size=_PAGE_BYTES,
        max_rows_per_page=_PAGE_ROWS,
    )
    content = sink.getvalue()
    checksum = isal_zlib.crc32(content)
    file = folder / f"{month}.{checksum:08x}.parquet"
    write_whole(file, content, is_synced=is_synced)
    return Part(file=file.name, rows=rows.num_rows, bytes=len(content), checksum=checksum)


def write_whole(file: Path, content: Any, *, is_synced: bool = False) -> None:
    """`content`, bytes or an Arrow buffer: all of it or nothing, in place of what was there, whatever becomes of this
    process. Where the disk is not waited for, a power cut may take it or tear it. Raises `OSError`."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with draft.open("wb") as opened:
            opened.write(content)
            if is_synced:
                opened.flush()
                os.fsync(opened.fileno())
        draft.replace(file)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def read_part(folder: Path, part: Part, schema: pa.Schema) -> pa.Table:
    """The columns of `schema`. Raises `TornPart`, and `OSError` where it can't be read: `FileNotFoundError` may mean
    that a newer one has taken its place."""
    return _read(folder, part, schema, bytearray(part.bytes))


def read_parts(folder: Path, parts: Sequence[Part], schema: pa.Schema) -> list[pa.Table]:
    """As `read_part`, of several."""
    room = _room_for(parts)
    return [_read(folder, part, schema, room) for part in parts]


def read_arrays(folder: Path, parts: Sequence[Part], schema: pa.Schema) -> list[np.ndarray[Any, Any]]:
    """The columns of `schema`, times (int64 ms) and numbers (float64, null is NaN), one part after another: copied once
    to where they stay, for touching new memory is what reading costs most. Raises as `read_part`."""
    starts = [0, *accumulate(part.rows for part in parts)]
    into = [_array(starts[-1], np.int64 if pa.types.is_timestamp(field.type) else np.float64) for field in schema]

    def fill(first: int) -> None:
        mine = range(first, len(parts), _READERS)
        room = _room_for([parts[index] for index in mine])
        for index in mine:
            content, opened = _opened(folder, parts[index], room)
            columns = plain_columns(content, opened, schema.names) or _decoded(parts[index], opened, schema)
            for values, whole in zip(columns, into, strict=True):
                whole[starts[index] : starts[index + 1]] = values

    with ThreadPoolExecutor(_READERS) as readers:
        list(readers.map(fill, range(min(_READERS, len(parts)))))
    return into


def _read(folder: Path, part: Part, schema: pa.Schema, room: bytearray) -> pa.Table:
    """`room` is free again afterwards."""
    return _table(part, _opened(folder, part, room)[1], schema)


def _decoded(part: Part, opened: pq.ParquetFile, schema: pa.Schema) -> list[np.ndarray[Any, Any]]:
    return [
        (column.combine_chunks().view(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_numpy()
        for column in _table(part, opened, schema).columns
    ]


def _table(part: Part, opened: pq.ParquetFile, schema: pa.Schema) -> pa.Table:
    try:
        table: pa.Table = opened.read(schema.names, use_threads=False)
    except (pa.ArrowException, OSError) as error:  # what it reads lies in memory
        raise TornPart(f"{part.file} is no Parquet file: {error}") from error
    return pa.Table.from_arrays(table.columns, schema=schema)


def _opened(folder: Path, part: Part, room: bytearray) -> tuple[memoryview, pq.ParquetFile]:
    """What was written, read into `room`, which is at least as large."""
    content = memoryview(room)[: part.bytes]
    with (folder / part.file).open("rb") as file:
        if file.readinto(content) != part.bytes or file.read(1):
            raise TornPart(f"{part.file} has not the {part.bytes} bytes that were written")
    if isal_zlib.crc32(content) != part.checksum:
        raise TornPart(f"{part.file} has another checksum than when it was written")
    try:
        opened = pq.ParquetFile(pa.BufferReader(pa.py_buffer(content)))  # `read_table` takes twice as long
    except (pa.ArrowException, OSError) as error:
        raise TornPart(f"{part.file} is no Parquet file: {error}") from error
    if opened.metadata.num_rows != part.rows:
        raise TornPart(f"{part.file} has {opened.metadata.num_rows} rows instead of {part.rows}")
    return content, opened


def _room_for(parts: Sequence[Part]) -> bytearray:
    """Each file is read into the same memory."""
    return bytearray(max((part.bytes for part in parts), default=0))


def _array(length: int, dtype: type[np.generic]) -> np.ndarray[Any, Any]:
    """From Arrow's pool, which keeps what was freed for the next series."""
    return np.frombuffer(pa.allocate_buffer(8 * length), dtype=dtype) if length else np.empty(0, dtype)


def _without_levels(rows: pa.Table) -> pa.Table:
    fields = [
        field.with_nullable(column.null_count > 0) for field, column in zip(rows.schema, rows.columns, strict=True)
    ]
    return pa.Table.from_arrays(rows.columns, schema=pa.schema(fields))
