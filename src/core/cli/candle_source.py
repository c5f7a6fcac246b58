"""Which recorded series training may learn from: those of files, or of the history cache."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain.candles import Timeframe
from core.domain.errors import DataFileError, HistoryShort, SettingsError
from core.domain.instruments import InstrumentId
from core.domain.series import SeriesKind, SeriesName
from core.history.series import Series

if TYPE_CHECKING:
    from core.history.cache.store import HistoryCache
    from core.settings.tree import Settings

_LOOK_AGAIN_MS = 3_600_000
_KINDS = (SeriesKind.CANDLES, SeriesKind.STOCK_BARS)


@dataclass(frozen=True)
class Recording:
    """A series, to be read when it is wanted. Reading raises `MetronomeError`."""

    name: SeriesName
    timeframe: Timeframe
    read: Callable[[], Series]


def recordings(settings: "Settings", paths: Sequence[Path]) -> list[Recording]:
    """All bars of `paths`; of the cache where there are none. Raises `SettingsError` where there is nothing."""
    found = _found(settings, paths)
    if not found:
        where = ", ".join(map(str, paths)) if paths else "the history cache (`history load` fills it)"
        raise SettingsError(f"no candles in {where}; --data names files or folders of them")
    return found


def chosen(found: Sequence[Recording], symbols: Sequence[str], timeframe: Timeframe | None) -> list[Recording]:
    """Those of `symbols` (empty: all) at one timeframe. Raises `SettingsError` where that is no choice, or two."""
    known = {each.name.symbol for each in found}
    if missing := [each for each in symbols if each not in known]:
        raise SettingsError(f"--symbols {missing[0]}: no candles of it; there are {', '.join(sorted(known))}")
    wanted = [each for each in found if not symbols or each.name.symbol in symbols]
    lengths = {each.timeframe for each in wanted}
    if timeframe is None and len(lengths) > 1:
        words = ", ".join(sorted(each.value for each in lengths))
        raise SettingsError(f"there are candles of {words}: say which with --timeframe")
    taken = [each for each in wanted if timeframe in (None, each.timeframe)]
    if timeframe is not None and not taken:
        words = ", ".join(sorted(each.value for each in lengths))
        raise SettingsError(f"--timeframe {timeframe.value}: there are only candles of {words}")
    names = [each.name.symbol for each in taken]
    if twice := next((each for each in names if names.count(each) > 1), None):
        raise SettingsError(f"there is more than one series of {twice}; name the file with --data")
    return taken


def expected(
    settings: "Settings", paths: Sequence[Path], symbols: Sequence[str], timeframe: Timeframe
) -> dict[InstrumentId, Callable[[], Series]]:
    """All of `symbols`; reading one that nothing is recorded of raises `HistoryShort`."""
    found = [each for each in _found(settings, paths) if each.timeframe is timeframe]
    known = {each.name.symbol for each in found}
    recorded = [each for each in symbols if each in known]
    series = readers(chosen(found, recorded, timeframe)) if recorded else {}
    return {each: series.get(each, partial(_nothing, each, timeframe)) for each in map(InstrumentId, symbols)}


def _nothing(symbol: InstrumentId, timeframe: Timeframe) -> Series:
    message = f"{symbol}: no {timeframe.value} candles are recorded; `history load` fills the history cache"
    raise HistoryShort(message, missing=max(1, _LOOK_AGAIN_MS // timeframe.ms))


def readers(taken: Sequence[Recording]) -> dict[InstrumentId, Callable[[], Series]]:
    return {InstrumentId(each.name.symbol): each.read for each in taken}


def _found(settings: "Settings", paths: Sequence[Path]) -> list[Recording]:
    return list(_in_files(paths) if paths else _in_cache(settings))


def _in_files(paths: Sequence[Path]) -> Iterator[Recording]:
    from core.history.files.discovery import series_in
    from core.history.files.reading import read_series

    for path in paths:
        found = series_in(path)
        if found.unread:
            raise DataFileError(next(iter(found.unread.values())))
        for each in found.series:
            if each.name.kind in _KINDS and each.name.timeframe is not None:
                yield Recording(each.name, each.name.timeframe, partial(read_series, each))


def _in_cache(settings: "Settings") -> Iterator[Recording]:
    from core.cli.history_options import history_dir
    from core.history.cache.store import HistoryCache

    if not history_dir(settings).is_dir():
        return
    cache = HistoryCache(history_dir(settings))
    for shelf in cache.shelves():
        if shelf.kind in _KINDS and shelf.timeframe is not None:
            name = SeriesName(shelf.source, shelf.kind, shelf.symbol, shelf.timeframe)
            yield Recording(name, shelf.timeframe, partial(_all_of, cache, name))


def _all_of(cache: "HistoryCache", name: SeriesName) -> Series:
    from core.history.cache.layout import month_span, shelf_of

    months = cache.manifest(shelf_of(name)).parts
    span = (month_span(min(months))[0], month_span(max(months))[1]) if months else (0, 0)
    return cache.read(name, span)
