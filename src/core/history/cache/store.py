"""The cache itself. Everything blocks: call it in a lane."""

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.domain.errors import CacheError
from core.domain.series import SeriesName
from core.history.cache.layout import Shelf, by_month, folder_of, month_span, shelf_at, shelf_of
from core.history.cache.locks import locked
from core.history.cache.manifest import Manifest, Part, decode, encode
from core.history.cache.parts import TornPart, read_arrays, read_part, read_parts, write_part, write_whole
from core.history.cache.rows import (
    SYMBOL,
    SYMBOL_FIELD,
    by_symbol,
    clipped,
    in_order,
    months_of,
    not_replaced,
    together,
)
from core.history.coverage import Span, Spans
from core.history.series import SCHEMAS, Series

MANIFEST = "manifest.json"
TORN = ".torn"
_READ_AGAIN = 5
"""A writer may replace a file between our look at the manifest and the file."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

T = TypeVar("T")
ReadMonths = Callable[[Path, Sequence[Part], bool], T]
"""Of a folder's files; whether one symbol is all that they have."""


class HistoryCache:
    """Thread-safe, and safe for several processes. Raises `CacheError`s for what the disk does, with the path and what
    to do."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def covered(self, names: Iterable[SeriesName]) -> dict[SeriesName, Spans]:
        """What has been asked for and need not be asked for again, whether there were rows or not."""
        found: dict[SeriesName, Spans] = {}
        for shelf, members in _by_shelf(names).items():
            manifest = self.manifest(shelf)
            found |= {name: manifest.covered.get(name.symbol, ()) for name in members}
        return found

    def store(self, shelf: Shelf, rows: Mapping[str, pa.Table], span: Span, settled_ms: int) -> None:
        """`rows`, by symbol and all of them of this shelf, are all that there is in `span` (symbols without rows have
        an empty table); what was there before is replaced. From `settled_ms` on they may yet be revised: they are kept,
        and asked for again. Whole or not at all."""
        table = together(rows)
        fresh = {} if table is None else dict(months_of(table, span))
        with self._locked(shelf) as folder:
            manifest = self._load(folder)
            changed: dict[str, Part | None] = {}
            for month, part_span in by_month(span):
                tables = [fresh[month]] if month in fresh else []
                try:
                    old = self._rows_of_month(folder, manifest, month, shelf)
                except TornPart:
                    manifest = manifest.without_span(month_span(month))
                    old = None
                tables += [] if old is None else [not_replaced(old, list(rows), part_span)]
                changed[month] = _write(folder, month, tables, is_synced=old is not None)
            manifest = manifest.with_parts(changed).without_span(span, rows)
            self._keep(folder, manifest.with_covered(rows, (span[0], min(span[1], settled_ms))))

    def forget(self, name: SeriesName, span: Span) -> None:
        """That `span` was asked for: it will be asked for again. Rows stay."""
        with self._locked(shelf_of(name)) as folder:
            self._keep(folder, self._load(folder).without_span(span, [name.symbol]))

    def read(self, name: SeriesName, span: Span) -> Series:
        """As `read_many`, of one."""
        return self.read_many([name], span)[0]

    def read_many(self, names: Sequence[SeriesName], span: Span) -> list[Series]:
        """The rows that are there, in order. Files that are not what was written are set aside, and what they covered
        counts as missing from then on."""
        found: dict[SeriesName, Series] = {}
        for shelf, members in _by_shelf(names).items():
            found |= self._read_shelf(shelf, members, span)
        return [found[name] for name in names]

    def arrays(self, name: SeriesName, span: Span, columns: Sequence[str]) -> dict[str, np.ndarray[Any, Any]]:
        """As `read`, these columns only, of which the first is that of the time (datetime64[ms], UTC) and the others
        are numbers (float64, null is NaN): what is not read costs nothing."""
        schema = pa.schema([SCHEMAS[name.kind].field(each) for each in columns])
        values = self._read_months(
            shelf_of(name), name.symbol, span, partial(_arrays, symbol=name.symbol, schema=schema)
        )
        start, end = np.searchsorted(values[0], span)
        times, *numbers = [each[start:end] for each in values]
        return dict(zip(columns, [times.view("datetime64[ms]"), *numbers], strict=True))

    def columns(self, name: SeriesName, span: Span, columns: Sequence[str]) -> pa.Table:
        """As `read`, these columns only, of which the first is that of the time."""
        schema = pa.schema([SCHEMAS[name.kind].field(each) for each in columns])
        return self._rows(shelf_of(name), name.symbol, span, schema).get(name.symbol, schema.empty_table())

    def manifest(self, shelf: Shelf) -> Manifest:
        """An empty one where there is none."""
        with self._disk():
            return self._load(self._folder(shelf))

    def shelves(self) -> Iterator[Shelf]:
        """All that have a manifest, in order."""
        for file in sorted(self.root.glob(f"*/*/*/*/{MANIFEST}")):
            shelf = shelf_at(file.parent.relative_to(self.root))
            if shelf is not None:
                yield shelf

    def verify(self, shelf: Shelf) -> list[str]:
        """Read all of its files; those that are not what was written are set aside. Their names."""
        torn = []
        with self._locked(shelf) as folder:
            manifest = self._load(folder)
            for month, part in manifest.parts.items():
                try:
                    self._rows_of_month(folder, manifest, month, shelf)
                except TornPart:
                    torn.append(part.file)
                    manifest = manifest.with_parts({month: None}).without_span(month_span(month))
            if torn:
                self._keep(folder, manifest)
        return torn

    def prune(self, shelf: Shelf, before_ms: int | None = None) -> int:
        """Delete the months that end before `before_ms` (`None`: all), and what was set aside; bytes freed."""
        with self._locked(shelf) as folder:
            manifest = self._load(folder)
            gone = [month for month in manifest.parts if before_ms is None or month_span(month)[1] <= before_ms]
            freed = sum(manifest.parts[month].bytes for month in gone)
            for file in folder.glob(f"*{TORN}"):
                freed += file.stat().st_size
                file.unlink(missing_ok=True)
            last_ms = max((month_span(month)[1] for month in gone), default=0)
            manifest = manifest.with_parts(dict.fromkeys(gone)).without_span((0, last_ms))
            self._keep(folder, Manifest() if before_ms is None else manifest)
            if before_ms is None:
                (folder / MANIFEST).unlink(missing_ok=True)
                with suppress(OSError):  # somebody keeps something of his own there
                    folder.rmdir()
        return freed

    def _read_shelf(self, shelf: Shelf, names: Sequence[SeriesName], span: Span) -> dict[SeriesName, Series]:
        schema = SCHEMAS[shelf.kind]
        found = self._rows(shelf, names[0].symbol if len(names) == 1 else None, span, schema)
        return {name: Series(name, found.get(name.symbol, schema.empty_table())) for name in names}

    def _rows(self, shelf: Shelf, symbol: str | None, span: Span, schema: pa.Schema) -> dict[str, pa.Table]:
        """By symbol, the columns of `schema`."""
        return self._read_months(shelf, symbol, span, partial(_tables, symbol=symbol, schema=schema, span=span))

    def _read_months(self, shelf: Shelf, symbol: str | None, span: Span, read: ReadMonths[T]) -> T:
        """`read` those months that may have rows in `span`, again if a writer replaces them meanwhile. Where `symbol`
        is all that there is, its column need not even be read."""
        with self._disk():
            folder = self._folder(shelf)
            for _ in range(_READ_AGAIN):
                manifest = self._load(folder)
                is_alone = symbol is not None and set(manifest.covered) <= {symbol}
                try:
                    return read(
                        folder, [part for month, part in manifest.parts.items() if _overlap(month, span)], is_alone
                    )
                except FileNotFoundError:
                    if self._load(folder) == manifest:
                        self.verify(shelf)
                except TornPart:
                    self.verify(shelf)
        raise CacheError(f"{shelf}: its files change faster than they can be read; is another load running?")

    @contextmanager
    def _locked(self, shelf: Shelf) -> Iterator[Path]:
        folder = self._folder(shelf)
        with self._disk(), locked(self.root, folder):
            folder.mkdir(parents=True, exist_ok=True)
            yield folder

    def _folder(self, shelf: Shelf) -> Path:
        return self.root / folder_of(shelf)

    def _load(self, folder: Path) -> Manifest:
        file = folder / MANIFEST
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            return Manifest()
        manifest = decode(content)
        if manifest is None:
            _set_aside(file)
            return Manifest()
        return manifest

    def _rows_of_month(self, folder: Path, manifest: Manifest, month: str, shelf: Shelf) -> pa.Table | None:
        """`None`: no rows. Raises `TornPart`, and the file is set aside."""
        part = manifest.parts.get(month)
        if part is None:
            return None
        try:
            return read_part(folder, part, SCHEMAS[shelf.kind].insert(0, SYMBOL_FIELD))
        except (FileNotFoundError, TornPart) as error:
            _set_aside(folder / part.file)
            raise TornPart(part.file) from error

    def _keep(self, folder: Path, manifest: Manifest) -> None:
        """The files first, then the manifest that names them; then those that nobody names any more go."""
        write_whole(folder / MANIFEST, encode(manifest), is_synced=True)
        named = {part.file for part in manifest.parts.values()}
        for file in folder.iterdir():
            if file.name not in named and (file.suffix == ".parquet" or file.name.startswith(".")):
                file.unlink(missing_ok=True)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """What the operating system says becomes a message with a cure."""
        try:
            yield
        except OSError as error:
            cure = " Free some space, or choose another folder with history.dir." if error.errno in _NO_ROOM else ""
            where = error.filename or self.root
            raise CacheError(f"{where}: the cache can't be used: {error.strerror or error}.{cure}") from error


def _tables(
    folder: Path, parts: Sequence[Part], is_alone: bool, *, symbol: str | None, schema: pa.Schema, span: Span
) -> dict[str, pa.Table]:
    if not parts:
        return {}
    whole = schema if is_alone else schema.insert(0, SYMBOL_FIELD)
    rows = clipped(pa.concat_tables(read_parts(folder, parts, whole)), span, 0 if is_alone else 1)
    return {symbol: rows} if is_alone and symbol is not None else dict(by_symbol(rows.combine_chunks()))


def _arrays(
    folder: Path, parts: Sequence[Part], is_alone: bool, *, symbol: str, schema: pa.Schema
) -> list[np.ndarray[Any, Any]]:
    if is_alone:
        return read_arrays(folder, parts, schema)
    tables = [
        table.filter(pc.equal(table.column(0), symbol)).drop_columns([SYMBOL])
        for table in read_parts(folder, parts, schema.insert(0, SYMBOL_FIELD))
    ]
    rows = pa.concat_tables([schema.empty_table(), *tables])
    times, *numbers = rows.columns
    return [pc.cast(times, pa.int64()).to_numpy(), *(pc.cast(each, pa.float64()).to_numpy() for each in numbers)]


def _write(folder: Path, month: str, tables: Sequence[pa.Table], *, is_synced: bool) -> Part | None:
    """The disk is waited for where an older file goes: what was there may not be had again (chains are snapshots);
    what came just now may."""
    rows = pa.concat_tables(tables) if tables else None
    if rows is None or not rows.num_rows:
        return None
    return write_part(folder, month, in_order(rows), is_synced=is_synced)


def _overlap(month: str, span: Span) -> bool:
    start, end = month_span(month)
    return start < span[1] and span[0] < end


def _set_aside(file: Path) -> None:
    with suppress(FileNotFoundError):
        file.rename(file.with_name(file.name + TORN))


def _by_shelf(names: Iterable[SeriesName]) -> dict[Shelf, list[SeriesName]]:
    found: dict[Shelf, list[SeriesName]] = {}
    for name in names:
        found.setdefault(shelf_of(name), []).append(name)
    return found
