"""What a folder of the cache holds, and what was asked of the source for it."""

import zlib
from collections.abc import Iterable, Mapping

import msgspec

from core.history.coverage import Span, Spans, union, without

VERSION = 1


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rows of one month."""

    file: str
    rows: int
    bytes: int
    checksum: int
    """CRC-32 of the whole file."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int = VERSION
    parts: Mapping[str, Part] = {}
    """By month. Months without rows have none."""
    covered: Mapping[str, Spans] = {}
    """By symbol: what was asked for and need not be asked for again, whether there were rows or not. All symbols that
    may have rows are here, be it with nothing."""

    def with_parts(self, changed: Mapping[str, Part | None]) -> "Manifest":
        """`None`: that month has no rows."""
        parts = {month: part for month, part in {**self.parts, **changed}.items() if part is not None}
        return msgspec.structs.replace(self, parts=dict(sorted(parts.items())))

    def with_covered(self, symbols: Iterable[str], span: Span) -> "Manifest":
        added = {symbol: union(self.covered.get(symbol, ()), [span]) for symbol in symbols}
        return msgspec.structs.replace(self, covered={**self.covered, **added})

    def without_span(self, span: Span, symbols: Iterable[str] | None = None) -> "Manifest":
        """As if nobody had asked for it; `symbols` `None`: of none of them."""
        chosen = set(self.covered if symbols is None else symbols)
        covered = {
            symbol: without(spans, span) if symbol in chosen else spans for symbol, spans in self.covered.items()
        }
        return msgspec.structs.replace(self, covered=covered)


def encode(manifest: Manifest) -> bytes:
    """JSON, and a line with its checksum."""
    body = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    return body + f"\n{zlib.crc32(body):08x}\n".encode()


def decode(content: bytes) -> Manifest | None:
    """`None`: not what `encode` wrote."""
    body, _, checksum = content.rstrip(b"\n").rpartition(b"\n")
    if checksum != f"{zlib.crc32(body):08x}".encode():
        return None
    try:
        found = _DECODER.decode(body)
    except msgspec.DecodeError:
        return None
    return found if found.version == VERSION else None


_DECODER = msgspec.json.Decoder(Manifest)
