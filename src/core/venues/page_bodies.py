"""Answers on their way from the thread that fetched them to the worker process that reads them; imports little, for
workers start with it."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
import pyarrow as pa

from core.domain.errors import GarbageAnswer
from core.ports.history import HistoryPage, HistoryQuery, UnreadPage

T = TypeVar("T")
_CODEC = "lz4"
_LENGTH_BYTES = 8


def unread(decode: Callable[[bytes, HistoryQuery], HistoryPage], body: bytes, query: HistoryQuery) -> UnreadPage:
    """Compressed for its way to the worker process: the loop copies it, and megabytes take long. `decode` calls
    `unpacked`."""
    packed: bytes = pa.compress(body, codec=_CODEC, asbytes=True)
    return UnreadPage(decode, len(body).to_bytes(_LENGTH_BYTES, "little") + packed, query)


def unpacked(body: bytes) -> bytes:
    length = int.from_bytes(body[:_LENGTH_BYTES], "little")
    whole: bytes = pa.decompress(memoryview(body)[_LENGTH_BYTES:], length, codec=_CODEC, asbytes=True)
    return whole


def decoded(source: str, decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Raises `GarbageAnswer` for HTML, half a page, or another shape."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        start = body[:60].decode("utf-8", "replace").strip()
        raise GarbageAnswer(source, f"an answer that cannot be read: {error}; it begins {start!r}") from error
