"""The files of a folder as a source of history."""

import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.domain.candles import Timeframe
from core.domain.errors import (
    DataFileError,
    GarbageAnswer,
    HistoryError,
    NotPermitted,
    QueryRefused,
    SourceUnavailable,
    UnknownSymbols,
)
from core.domain.series import SeriesKind, SeriesName
from core.history.files.discovery import series_in
from core.history.files.parts import DAY_MS, SOURCE, FileSeries, Found, Part
from core.history.files.reading import read_part
from core.history.series import TIME
from core.ports.history import HistoryAbilities, HistoryPage, HistoryQuery, KindTraits, UnreadPage

_WITHOUT_LENGTH = (SeriesKind.TRADES, SeriesKind.FUNDING, SeriesKind.OPTION_CHAIN)
_NAMED = 8


class _Sheet(msgspec.Struct, frozen=True):
    """What a page of this source is made of: read by whoever computes, not by the thread that asked."""

    part: Part
    name: SeriesName
    next_token: str | None


class FileSource:
    """`HistorySource` over `folder`, which is looked through at the first call and whenever a symbol is not known. A
    page is one file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: Found | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    @property
    def abilities(self) -> HistoryAbilities:
        lengths = frozenset(Timeframe)
        kinds = {kind: KindTraits(frozenset() if kind in _WITHOUT_LENGTH else lengths) for kind in SeriesKind}
        return HistoryAbilities(SOURCE, kinds)

    def page(self, query: HistoryQuery, token: str | None) -> HistoryPage | UnreadPage:
        series = self._series_for(query)
        # A day of another zone may begin or end up to a day away.
        first, last = query.start_ms - 2 * DAY_MS, query.end_ms + 2 * DAY_MS
        parts = [part for part in series.parts if part.day_ms is None or first <= part.day_ms <= last]
        number = int(token or 0)
        if number >= len(parts):
            return HistoryPage({}, None)
        following = str(number + 1) if number + 1 < len(parts) else None
        sheet = _Sheet(parts[number], series.name, following)
        return UnreadPage(read_page, msgspec.msgpack.encode(sheet, enc_hook=str), query)

    def listing(self) -> Sequence[SeriesName]:
        return tuple(sorted({each.name for each in self._look(again=True).series}, key=str))

    def close(self) -> None:
        self._is_closed = True

    def _series_for(self, query: HistoryQuery) -> FileSeries:
        if len(query.symbols) != 1:
            raise QueryRefused(SOURCE, f"one symbol at a time, please, not {len(query.symbols)}")
        for again in (False, True):
            known = [each for each in self._look(again=again).series if _fits(each.name, query)]
            if len(known) == 1:
                return known[0]
            if known:
                places = ", ".join(sorted({str(each.parts[0].path) for each in known}))
                raise QueryRefused(SOURCE, f"more than one series is {query.symbols[0]} {query.kind}: {places}")
        raise UnknownSymbols(SOURCE, query.symbols, self._hint(query))

    def _hint(self, query: HistoryQuery) -> str:
        found = self._look(again=False)
        names = sorted(
            {str(each.name).removeprefix(f"{SOURCE} ") for each in found.series if each.name.kind is query.kind}
        )
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        hint = f"In {self._folder}: {', '.join(names[:_NAMED]) or f'no {query.kind}'}{more}"
        return f"{hint}. Not read: {'; '.join(list(found.unread.values())[:_NAMED])}" if found.unread else hint

    def _look(self, *, again: bool) -> Found:
        if self._is_closed:
            raise SourceUnavailable(SOURCE, "is closed")
        with self._lock:
            if self._found is None or again:
                try:
                    self._found = series_in(self._folder)
                except DataFileError as error:
                    raise _as_history_error(error) from error
            return self._found


def read_page(body: bytes, query: HistoryQuery) -> HistoryPage:
    """Reads the file that `FileSource.page` chose. Raises `GarbageAnswer` or `NotPermitted`."""
    sheet = msgspec.msgpack.decode(body, type=_Sheet, dec_hook=lambda wanted, value: wanted(value))
    try:
        rows = read_part(sheet.part, sheet.name)
    except DataFileError as error:
        raise _as_history_error(error) from error
    rows = _within(rows, query)
    return HistoryPage({query.symbols[0]: rows} if rows.num_rows else {}, sheet.next_token)


def _fits(name: SeriesName, query: HistoryQuery) -> bool:
    return name.kind is query.kind and name.symbol == query.symbols[0] and query.timeframe in (None, name.timeframe)


def _within(rows: pa.Table, query: HistoryQuery) -> pa.Table:
    """The rows of the query's range, in order."""
    first = rows.column_names[0]
    start, end = (pa.scalar(each, pa.int64()).cast(TIME) for each in (query.start_ms, query.end_ms))
    rows = rows.filter(pc.and_(pc.greater_equal(rows[first], start), pc.less(rows[first], end)))
    times = rows[first].cast(pa.int64()).to_numpy()
    if (times[1:] < times[:-1]).any():
        rows = rows.take(np.argsort(times, kind="stable"))
    return rows


def _as_history_error(error: DataFileError) -> HistoryError:
    kind = NotPermitted if isinstance(error.__cause__, PermissionError) else GarbageAnswer
    return kind(SOURCE, str(error))
