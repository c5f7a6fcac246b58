"""`history quality`: how far recorded series can be trusted, and why."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from core.cli.options import AsJson, ConfigFiles, settings_of
from core.domain.series import SeriesName

if TYPE_CHECKING:
    from core.cli.quality_table import Examined
    from core.history.cache.layout import Shelf
    from core.history.cache.store import HistoryCache
    from core.history.series import Series
    from core.settings.tree import Settings

T = TypeVar("T")


def quality(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="PATH|SYMBOLS",
            help="A file or a folder (CSV, Parquet, Feather, freqtrade's or LEAN's data), or symbols in the cache."
            " None: the whole cache.",
        ),
    ] = None,
    symbols: Annotated[str | None, typer.Option("--symbols", metavar="A,B", help="Only series of these.")] = None,
    calendar: Annotated[
        str | None,
        typer.Option(help="24/7, or a name that exchange_calendars knows (XNYS, XLON); none: by the kind of series."),
    ] = None,
    config: ConfigFiles = None,
    as_json: AsJson = False,
) -> None:
    """Examine recorded series: a score from 0 to 1 each, with the reasons. Nothing is written.

    Ends with 1 where a series is below `history.min_quality`, or a file of a folder can't be read."""
    from core.cli.output import print_json, print_table
    from core.cli.quality_table import as_document, draw
    from core.history.quality.sessions import check_calendar

    settings = settings_of(config).settings
    check_calendar(calendar)
    if what is not None and Path(what).exists():
        examined, unread = _of_files(Path(what), symbols, calendar)
    else:
        examined, unread = _of_cache(settings, what, symbols, calendar), {}
    min_quality = settings.history.min_quality
    if as_json:
        print_json(as_document(examined, unread, min_quality))
    else:
        print_table(lambda _: draw(examined, unread, min_quality))
    poor = any(each.report.score < min_quality for each in examined)
    raise typer.Exit(1 if poor or unread else 0)


def _of_files(path: Path, symbols: str | None, calendar: str | None) -> "tuple[list[Examined], dict[Path, str]]":
    """Reports, and what could not be read. Raises `SettingsError` where there is nothing to look at."""
    from core.cli.history_options import symbols_of
    from core.cli.quality_table import Examined
    from core.domain.errors import DataFileError, SettingsError
    from core.history.files.discovery import series_in
    from core.history.files.reading import covers_of, delays_of, read_series
    from core.history.quality.examine import examine

    found = series_in(path)
    wanted = None if symbols is None else {each.upper() for each in symbols_of(symbols)}
    chosen = [each for each in found.series if wanted is None or each.name.symbol.upper() in wanted]
    if missing := sorted((wanted or set()) - {each.name.symbol.upper() for each in chosen}):
        raise SettingsError(f"{path}: no series of {', '.join(missing)}")
    examined, unread = [], dict(found.unread)
    for series in _tracked(chosen):
        try:
            report = examine(read_series(series), calendar, covers_of(series), delays_of(series))
        except DataFileError as error:
            unread[series.parts[0].path] = str(error)
        else:
            examined.append(Examined(str(series.parts[0].path), len(series.parts), report))
    if not examined and not unread:
        raise SettingsError(f"{path}: holds no series; known are CSV, Parquet, Feather, freqtrade's and LEAN's data")
    return examined, unread


def _of_cache(settings: "Settings", what: str | None, symbols: str | None, calendar: str | None) -> "list[Examined]":
    from core.cli.history_options import history_dir, matching
    from core.cli.quality_table import Examined
    from core.domain.errors import SettingsError
    from core.history.cache.store import HistoryCache
    from core.history.quality.examine import examine

    cache = HistoryCache(history_dir(settings))
    shelves = list(matching(cache, None, None, what if symbols is None else symbols))
    if not shelves:
        nothing = (
            "there is nothing of that" if what is None else f"{what!r} is no file or folder, and nothing of that is"
        )
        raise SettingsError(f"{nothing} in the cache, {cache.root} (`history ls` shows what is)")
    return [
        Examined(str(cache.root), len(cache.manifest(shelf).parts), examine(series, calendar))
        for shelf in _tracked(shelves)
        for series in _series_on(cache, shelf)
    ]


def _series_on(cache: "HistoryCache", shelf: "Shelf") -> "Iterator[Series]":
    """Those with rows."""
    from core.history.cache.layout import month_span

    manifest = cache.manifest(shelf)
    if manifest.parts:
        span = month_span(min(manifest.parts))[0], month_span(max(manifest.parts))[1]
        names = [SeriesName(shelf.source, shelf.kind, symbol, shelf.timeframe) for symbol in manifest.covered]
        yield from (series for series in cache.read_many(names, span) if len(series))


def _tracked(of: Sequence[T]) -> Iterable[T]:
    """With a bar on standard error, where that is a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(of, "examining", console=console, transient=True, disable=not console.is_terminal)
