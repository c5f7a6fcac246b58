"""One month's file: written whole, checked whole. Blocking."""

import os
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.history.cache.manifest import Part

_LARGE_BYTES = 4 << 20
"""Reading less beside each other costs more than it saves."""
_READERS = 4


class TornPart(Exception):
    """The file is not the one that was written."""


def write_part(folder: Path, month: str, rows: pa.Table) -> Part:
    """Raises `OSError`, and leaves nothing behind."""
    sink = pa.BufferOutputStream()
    texts = [column.name for column in rows.schema if pa.types.is_string(column.type)]
    # Prices hardly compress, and plain ones are read several times as fast.
    pq.write_table(rows, sink, compression="none", use_dictionary=texts, write_statistics=False)
    content = sink.getvalue()
    checksum = zlib.crc32(content)
    file = folder / f"{month}.{checksum:08x}.parquet"
    write_whole(file, content)
    return Part(file=file.name, rows=rows.num_rows, bytes=len(content), checksum=checksum)


def write_whole(file: Path, content: Any) -> None:
    """`content`, bytes or an Arrow buffer: all of it or nothing, in place of what was there. After a power cut the name
    may be lost, not the content: files of a cache need no more, for what is lost is fetched again. Raises `OSError`."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with draft.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(file)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def read_part(folder: Path, part: Part, columns: Sequence[str] | None = None) -> pa.Table:
    """`columns` `None`: all, that of the symbol included. Raises `TornPart`, and `OSError` where it can't be read:
    `FileNotFoundError` may mean that a newer one has taken its place."""
    # Mapped: copying it first takes longer than reading it. Nobody writes into a file that is there.
    with pa.memory_map(str(folder / part.file)) as file:
        return _checked(file.read_buffer(), part, columns)


def _checked(content: pa.Buffer, part: Part, columns: Sequence[str] | None) -> pa.Table:
    if len(content) != part.bytes:
        raise TornPart(f"{part.file} has {len(content)} bytes instead of {part.bytes}")
    if zlib.crc32(content) != part.checksum:
        raise TornPart(f"{part.file} has another checksum than when it was written")
    try:
        file = pq.ParquetFile(pa.BufferReader(content))  # `read_table` takes twice as long for a small file
        table: pa.Table = file.read(None if columns is None else list(columns), use_threads=False)
    except (pa.ArrowException, OSError) as error:  # what it reads lies in memory
        raise TornPart(f"{part.file} is no Parquet file: {error}") from error
    return table


def read_parts(folder: Path, parts: Sequence[Part], columns: Sequence[str]) -> list[pa.Table]:
    """As `read_part`, of several."""
    if sum(part.bytes for part in parts) < _LARGE_BYTES or len(parts) < 2:
        return [read_part(folder, part, columns) for part in parts]
    with ThreadPoolExecutor(min(_READERS, os.cpu_count() or 1)) as readers:
        return list(readers.map(lambda part: read_part(folder, part, columns), parts))
