"""Where series lie: source, kind, symbol, timeframe, month. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import PurePath
from urllib.parse import quote, unquote

from core.domain.candles import Timeframe
from core.domain.errors import CacheError
from core.domain.series import SeriesKind, SeriesName
from core.history.contracts import parse_contract
from core.history.coverage import Span

_NO_TIMEFRAME = "all"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1)
_DAY_MS = 86_400_000
_LONGEST_NAME = 200
"""Bytes; file systems take 255."""


@dataclass(frozen=True, slots=True, order=True)
class Shelf:
    """The series that share a folder: one symbol's, or those of all contracts of an underlying (thousands of tiny
    files else)."""

    source: str
    kind: SeriesKind
    symbol: str
    timeframe: Timeframe | None

    def __str__(self) -> str:
        return str(SeriesName(self.source, self.kind, self.symbol, self.timeframe))


def shelf_of(name: SeriesName) -> Shelf:
    contract = parse_contract(name.symbol) if name.kind is SeriesKind.OPTION_BARS else None
    return Shelf(name.source, name.kind, contract.underlying if contract else name.symbol, name.timeframe)


def folder_of(shelf: Shelf) -> PurePath:
    """Below the cache's root. Raises `CacheError` for names that make no folder."""
    timeframe = shelf.timeframe.value if shelf.timeframe else _NO_TIMEFRAME
    return PurePath(_quoted(shelf.source), shelf.kind.value, _quoted(shelf.symbol), timeframe)


def shelf_at(folder: PurePath) -> Shelf | None:
    """The inverse; `None`: no such folder is ours."""
    try:
        source, kind, symbol, timeframe = folder.parts
        length = None if timeframe == _NO_TIMEFRAME else Timeframe(timeframe)
        return Shelf(unquote(source), SeriesKind(kind), unquote(symbol), length)
    except ValueError:
        return None


def month_of(time_ms: int) -> str:
    """`2024-01`, UTC."""
    day = _EPOCH + timedelta(milliseconds=time_ms)
    return f"{day.year:04d}-{day.month:02d}"


@lru_cache(maxsize=4_096)
def month_span(month: str) -> Span:
    """UTC ms. Raises `ValueError` for what is no month."""
    year, number = map(int, month.split("-"))
    first, after = (date(year + extra // 12, extra % 12 + 1, 1) for extra in (number - 1, number))
    return (first - _EPOCH_DAY).days * _DAY_MS, (after - _EPOCH_DAY).days * _DAY_MS


def by_month(span: Span) -> Iterator[tuple[str, Span]]:
    """The parts of `span` month by month."""
    start, end = span
    while start < end:
        month = month_of(start)
        last = min(end, month_span(month)[1])
        yield month, (start, last)
        start = last


def _quoted(name: str) -> str:
    """As one part of a path: `BTC/USDT` is `BTC%2FUSDT`."""
    quoted = quote(name, safe="").replace(".", "%2E")
    if not quoted or len(quoted) > _LONGEST_NAME:
        raise CacheError(f"{name[:40]!r} can't be the name of a series: it is empty or too long")
    return quoted
