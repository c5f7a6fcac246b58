"""Files of recorded messages, line by line: when each was received, from where, and its JSON.

Two layouts are read, plain or gzipped:

- `LOCAL_NS JSON`: a received message, as hftbacktest's collector writes it;
- `TIME: JSON`, `URL -> TIME: JSON`, `URL <- TIME: JSON`, `URL <-> TIME`: a message received, the answer to a request,
  a message sent, a connection opened, as cryptofeed's recorder writes them. TIME is in seconds.
"""

import gzip
import heapq
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from core.domain.errors import DataFileError

_LINE = re.compile(rb"(?:(\d{18,19}) |(?:(\S+) (->|<->|<-) )?(\d{9,10}(?:\.\d+)?)(?:: |:?$))")
_GZIP = b"\x1f\x8b"
_ABOUT_THE_RECORDER = b"configuration: "
_BEGINNING = 64 * 1024
_LONGEST = 64 * 1024 * 1024
"""Bytes of a line; Binance's list of symbols has two million."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """`url`: what was asked, for answers; empty for messages of a stream."""

    path: Path
    number: int
    local_ns: int
    url: str
    payload: bytes

    def error(self, text: str) -> DataFileError:
        return DataFileError(f"{self.path}, line {self.number}: {text}")


def is_recording(path: Path) -> bool:
    """Whether the file's beginning looks like one of the layouts, or is gzipped. False for what can't be opened."""
    try:
        with path.open("rb") as file:
            first = file.readline(_BEGINNING)
            while first.isspace():
                first = file.readline(_BEGINNING)
    except OSError:
        return False
    return first.startswith(_GZIP) or _LINE.match(first.strip()) is not None


def read_lines(paths: Iterable[Path]) -> Iterator[Line]:
    """All files' lines in order of their local times. Raises `DataFileError` naming file and line."""
    return heapq.merge(*(_lines(path) for path in paths), key=lambda line: line.local_ns)


def _lines(path: Path) -> Iterator[Line]:
    number, last_ns = 0, 0
    try:
        with _opened(path) as file:
            while raw := file.readline(_LONGEST):
                number += 1
                line = _parsed(path, number, raw.strip())
                if line is None:
                    continue
                if line.local_ns < last_ns:
                    raise line.error(f"received {(last_ns - line.local_ns) / 1e9:.3f} s before the line above it")
                last_ns = line.local_ns
                if line.payload:
                    yield line
    except FileNotFoundError:
        raise DataFileError(f"{path}: no such file") from None
    except EOFError:
        raise DataFileError(f"{path}, after line {number}: the gzipped data ends early; the file is cut off") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataFileError(f"{path}, after line {number}: the gzipped data is damaged: {error}") from None
    except OSError as error:
        raise DataFileError(f"{path}: can't be read: {error.strerror or error}") from error


def _opened(path: Path) -> BinaryIO:
    file = path.open("rb")
    if file.peek(2).startswith(_GZIP):
        file.close()
        return gzip.open(path, "rb")  # type: ignore[return-value]  # typeshed: GzipFile is no BinaryIO by name
    return file


def _parsed(path: Path, number: int, raw: bytes) -> Line | None:
    """`None`: a blank line, or one that records something else than what was received."""
    if not raw or raw.startswith(_ABOUT_THE_RECORDER):
        return None
    match = _LINE.match(raw)
    if match is None:
        shown = raw[:40].decode("ascii", "replace")
        raise DataFileError(
            f"{path}, line {number}: is neither 'LOCAL_NS JSON' nor 'SECONDS: JSON', which are read here: {shown!r}"
        )
    local, url, way, seconds = match.groups()
    local_ns = int(local) if local is not None else _nanoseconds(seconds)
    received = way in (None, b"->")
    return Line(
        path, number, local_ns, (url or b"").decode("utf-8", "replace"), raw[match.end() :] if received else b""
    )


def _nanoseconds(seconds: bytes) -> int:
    whole, _, part = seconds.partition(b".")
    return int(whole) * 1_000_000_000 + int(part[:9].ljust(9, b"0"))
