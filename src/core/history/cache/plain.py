"""Numbers of one of the cache's own files, where they lie: decoding them would copy them first.

Apache Parquet, `README.md` and `parquet.thrift`: a column chunk that is required, plain, uncompressed and one page is a
page header, in Thrift's compact protocol, and the values as they are in memory.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq

_TYPES = {"DOUBLE": np.dtype("<f8"), "INT64": np.dtype("<i8")}
_ITEM_BYTES = 8
_DATA_PAGE = b"\x15\x00\x15"
"""Of a page header: field 1, the type, is a data page; field 2, the size, follows."""


def plain_columns(content: memoryview, file: pq.ParquetFile, names: Sequence[str]) -> list[np.ndarray[Any, Any]] | None:
    """Views of `content`, which is all of `file`. `None`: one of these columns does not lie so."""
    if file.metadata.num_row_groups != 1:
        return None
    group, schema = file.metadata.row_group(0), file.metadata.schema
    places = {schema.column(index).path: index for index in range(len(schema))}
    found = []
    for name in names:
        index = places.get(name)
        if index is None or schema.column(index).max_definition_level or schema.column(index).max_repetition_level:
            return None
        values = _plain(content, group.column(index))
        if values is None:
            return None
        found.append(values)
    return found


def _plain(content: memoryview, chunk: Any) -> np.ndarray[Any, Any] | None:
    dtype, n_bytes = _TYPES.get(chunk.physical_type), chunk.num_values * _ITEM_BYTES
    if (
        dtype is None
        or chunk.has_dictionary_page
        or chunk.compression != "UNCOMPRESSED"
        or "PLAIN" not in chunk.encodings
    ):
        return None
    start, end = chunk.data_page_offset, chunk.data_page_offset + chunk.total_compressed_size
    head = _DATA_PAGE + _varint(2 * n_bytes)  # signed numbers are doubled: zigzag
    if end - n_bytes < start + len(head) or bytes(content[start : start + len(head)]) != head:
        return None
    return np.frombuffer(content, dtype, chunk.num_values, end - n_bytes)


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])
