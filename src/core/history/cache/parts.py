"""One month's file: written whole, checked whole. Blocking."""

import os
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.history.cache.manifest import Part


class TornPart(Exception):
    """The file is not the one that was written."""


def write_part(folder: Path, month: str, rows: pa.Table) -> Part:
    """Raises `OSError`, and leaves nothing behind."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="snappy", use_dictionary=True, write_statistics=False)
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
    content = (folder / part.file).read_bytes()
    if len(content) != part.bytes:
        raise TornPart(f"{part.file} has {len(content)} bytes instead of {part.bytes}")
    if zlib.crc32(content) != part.checksum:
        raise TornPart(f"{part.file} has another checksum than when it was written")
    try:
        table: pa.Table = pq.read_table(pa.BufferReader(content), columns=None if columns is None else list(columns))
    except (pa.ArrowException, OSError) as error:  # what it reads lies in memory
        raise TornPart(f"{part.file} is no Parquet file: {error}") from error
    return table
