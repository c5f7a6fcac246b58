"""`history quality`: how far recorded series can be trusted, and why."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.options import AsJson, ConfigFiles, settings_of

if TYPE_CHECKING:
    from core.cli.quality_table import Examined


def quality(
    path: Annotated[
        Path | None,
        typer.Argument(help="A file or a folder: CSV, Parquet, Feather, freqtrade's or LEAN's data. None: files_dir."),
    ] = None,
    symbols: Annotated[
        str | None, typer.Option("--symbols", metavar="A,B", help="Only series of these symbols; none: of all.")
    ] = None,
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

    settings = settings_of(config).settings.history
    examined, unread = _examined(path or settings.files_dir, symbols, calendar)
    if as_json:
        print_json(as_document(examined, unread, settings.min_quality))
    else:
        print_table(lambda _: draw(examined, unread, settings.min_quality))
    poor = any(each.report.score < settings.min_quality for each in examined)
    raise typer.Exit(1 if poor or unread else 0)


def _examined(path: Path | None, symbols: str | None, calendar: str | None) -> "tuple[list[Examined], dict[Path, str]]":
    """Reports, and what could not be read. Raises `SettingsError` where there is nothing to look at."""
    from rich.console import Console
    from rich.progress import track

    from core.cli.quality_table import Examined
    from core.domain.errors import DataFileError, SettingsError
    from core.history.files.discovery import series_in
    from core.history.files.reading import covers_of, read_series
    from core.history.quality.examine import examine
    from core.history.quality.sessions import check_calendar

    if path is None:
        raise SettingsError("say which file or folder to examine, or set history.files_dir")
    check_calendar(calendar)
    found = series_in(path)
    wanted = None if symbols is None else {each.strip().upper() for each in symbols.split(",") if each.strip()}
    chosen = [each for each in found.series if wanted is None or each.name.symbol.upper() in wanted]
    if missing := sorted((wanted or set()) - {each.name.symbol.upper() for each in chosen}):
        raise SettingsError(f"{path}: no series of {', '.join(missing)}")
    examined, unread = [], dict(found.unread)
    console = Console(stderr=True)
    for series in track(chosen, "examining", console=console, transient=True, disable=not console.is_terminal):
        try:
            report = examine(read_series(series), calendar, covers_of(series))
        except DataFileError as error:
            unread[series.parts[0].path] = str(error)
        else:
            examined.append(Examined(series.parts[0].path, len(series.parts), report))
    if not examined and not unread:
        raise SettingsError(f"{path}: holds no series; known are CSV, Parquet, Feather, freqtrade's and LEAN's data")
    return examined, unread
