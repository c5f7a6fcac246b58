"""Finds the series in a file or a folder, by the names of what lies there."""

from collections.abc import Iterator
from pathlib import Path

from core.domain.errors import DataFileError
from core.history.files import freqtrade, lean, lean_options, recordings, tables
from core.history.files.parts import FileSeries, Found, Layout
from core.runtime.table_files import format_of

_ARCHIVES = (".zip",)


def series_in(path: Path) -> Found:
    """Every series of a file, or of a folder and those in it. Files that are no data (licences, notes) are passed over.
    Raises `DataFileError` where `path` itself is not there or may not be read; what is wrong with single files of a
    folder is in `unread`."""
    if not path.exists():
        raise DataFileError(f"{path}: no such file or folder")
    if not path.is_dir():
        return Found(tuple(_series_of(path)), {})
    found: list[FileSeries] = []
    unread: dict[Path, str] = {}
    for file in _files(path, unread):
        try:
            found += _series_of(file)
        except DataFileError as error:
            unread[file] = str(error)
    return Found(tuple(_joined(found)), unread)


def _files(folder: Path, unread: dict[Path, str]) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        unread[folder] = f"{folder}: can't be read: {error.strerror or error}"
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _files(entry, unread)
        elif _may_hold_data(entry):
            yield entry


def _may_hold_data(path: Path) -> bool:
    return format_of(path) is not None or path.suffix in _ARCHIVES or freqtrade.is_one(path) or recordings.is_one(path)


def _series_of(path: Path) -> list[FileSeries]:
    if lean_options.is_options(path):
        return lean_options.series_of(path)
    for layout in (lean, freqtrade):
        if (series := layout.series_of(path)) is not None:
            return [series]
    if path.suffix in _ARCHIVES:
        raise DataFileError(f"{path}: a zip, but its place and name are not LEAN's (equity/usa/daily/spy.zip)")
    if format_of(path) is None and recordings.is_one(path):
        return recordings.series_in(path)
    if format_of(path) is None:
        raise DataFileError(
            f"{path}: not a kind of file that is read here; known are CSV, Parquet, Feather, freqtrade's"
            " JSON and LEAN's zips"
        )
    return tables.series_in(path)


def _joined(found: list[FileSeries]) -> Iterator[FileSeries]:
    """Files of one folder and kind that hold the same series (its days, its months) become one."""
    groups: dict[tuple[object, ...], list[FileSeries]] = {}
    for each in found:
        part = each.parts[0]
        suffix = "" if part.layout is Layout.LEAN else part.path.suffix
        groups.setdefault((each.name, part.layout, part.path.parent, suffix), []).append(each)
    for group in groups.values():
        parts = sorted((part for each in group for part in each.parts), key=lambda part: (part.day_ms or 0, part.path))
        yield FileSeries(group[0].name, tuple(parts))
