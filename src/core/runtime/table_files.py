"""Tables in CSV, Parquet and Feather files: columns by their usual names, times told by their size, and every cell that
is not what it should be named with its file and line.

Times are ISO or epoch numbers in s, ms, µs or ns, UTC unless they say otherwise. Reading blocks and takes CPU.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from core.domain.errors import DataFileError

FORMATS = {".csv": "CSV", ".parquet": "Parquet", ".pq": "Parquet", ".feather": "Feather", ".arrow": "Feather"}
TIME_NAMES = ("timestamp", "open_time", "opentime", "datetime", "date", "time", "ts", "t", "open_ms", "start")
_SHORT_NAMES = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "vol": "volume"}
_EPOCH_UNITS = ((1e17, "ns", 1_000_000), (1e14, "µs", 1_000), (1e11, "ms", 1))
"""(from this size on, unit, numbers in one ms); smaller ones are seconds."""

Floats = NDArray[np.float64]


def format_of(path: Path) -> str | None:
    """The kind of file that its name says, a trailing `.gz` of a CSV apart; `None`: none that is read here."""
    suffixes = [each.lower() for each in path.suffixes[-2:]]
    if suffixes == [".csv", ".gz"]:
        return "CSV"
    return FORMATS.get(suffixes[-1]) if suffixes else None


@dataclass(frozen=True, slots=True, eq=False)
class TableFile:
    """A file's table, its columns renamed to lower case words with underscores."""

    path: Path
    frame: pd.DataFrame
    first_line: int
    """Line that the first row is on, as an editor counts; 0: not a file of lines, rows count from 0."""

    def error(self, row: int, text: str) -> DataFileError:
        unit = "line" if self.first_line else "row"
        return DataFileError(f"{self.path}, {unit} {row + self.first_line}: {text}")

    def has(self, name: str) -> bool:
        return name in self.frame.columns

    def times_ms(self) -> NDArray[np.int64]:
        """The time column, UTC ms. Raises `DataFileError`, also for numbers of two units in one column."""
        name = next((name for name in TIME_NAMES if self.has(name)), None)
        if name is None:
            wanted = ", ".join(TIME_NAMES)
            raise DataFileError(f"{self.path}: no time column; has {self._columns()}, wants one of {wanted}")
        column = self.column(name)
        if not pd.api.types.is_datetime64_any_dtype(column):
            numbers = pd.to_numeric(column, errors="coerce")
            if numbers.notna().any():
                return self._epoch_ms(numbers.to_numpy(np.float64), column)
        is_time = bool(pd.api.types.is_datetime64_any_dtype(column))
        times = pd.to_datetime(column, utc=True, errors="coerce", format=None if is_time else "ISO8601")
        self.check(times.notna().to_numpy(), column, "is not a time")
        return np.asarray(times.dt.as_unit("ms").astype(np.int64), dtype=np.int64)

    def numbers(self, name: str, *, wanted: Sequence[str] = (), blanks: bool = False) -> Floats:
        """A column of finite numbers. With `blanks`, a cell without anything is NaN. Raises `DataFileError`, which
        tells of the `wanted` columns where this one is missing."""
        if not self.has(name):
            columns = ", ".join(wanted or (name,))
            raise DataFileError(f"{self.path}: no column {name!r}; has {self._columns()}, wants a time and {columns}")
        column = self.column(name)
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        good = np.isfinite(numbers)
        if blanks:
            good |= column.isna().to_numpy()
        self.check(good, column, f"{name} is not a number")
        return numbers

    def column(self, name: str) -> "pd.Series[Any]":
        column = self.frame[name]
        if isinstance(column, pd.DataFrame):
            raise DataFileError(f"{self.path}: two columns are called {name!r}")
        return column

    def check(self, good: NDArray[np.bool_], column: "pd.Series[Any]", text: str) -> None:
        """Raises `DataFileError` with the first cell that is not good."""
        if not good.all():
            row = int(np.argmin(good))
            cell = column.iloc[row]
            raise self.error(row, f"{text}: {cell.item() if isinstance(cell, np.generic) else cell!r}")

    def _epoch_ms(self, numbers: Floats, column: "pd.Series[Any]") -> NDArray[np.int64]:
        self.check(np.isfinite(numbers) & (numbers > 0), column, "is not a time")
        unit, per_ms = _epoch_unit(numbers[0])
        least, most = _epoch_unit(numbers.min())[0], _epoch_unit(numbers.max())[0]
        if least != most:
            row = next(row for row, each in enumerate(numbers.tolist()) if _epoch_unit(each)[0] != unit)
            other = _epoch_unit(numbers[row])[0]
            raise self.error(
                row, f"a time in {other} ({column.iloc[row]}) after times in {unit}; one unit a file, please"
            )
        scaled = numbers * 1_000 if per_ms is None else numbers / per_ms
        return np.rint(scaled).astype(np.int64)

    def _columns(self) -> str:
        return ", ".join(map(str, self.frame.columns))


def read_table(path: Path, headerless: Mapping[int, str]) -> TableFile:
    """`headerless` names the columns of a CSV that begins with numbers instead of names. Raises `DataFileError`."""
    kind = format_of(path)
    if kind is None:
        raise DataFileError(f"{path}: not a kind of file that is read here; known are {', '.join(FORMATS)}")
    try:
        if path.is_dir():
            raise DataFileError(f"{path}: is a folder, not a {kind} file")
        frame, first_line = _read_csv(path, headerless) if kind == "CSV" else (_read_columns(path, kind), 0)
    except FileNotFoundError:
        raise DataFileError(f"{path}: no such file") from None
    except OSError as error:
        raise DataFileError(f"{path}: can't be read as {kind}: {error.strerror or error}") from error
    except pd.errors.EmptyDataError:
        raise DataFileError(f"{path}: is empty") from None
    except (EOFError, zlib.error) as error:
        raise DataFileError(f"{path}: is cut short or damaged: {error}") from error
    except (pd.errors.ParserError, pa.ArrowException, UnicodeDecodeError, ValueError) as error:
        raise DataFileError(f"{path}: not a {kind} file: {str(error).splitlines()[0]}") from error
    return TableFile(path, frame.rename(columns=lambda name: _plain(str(name))), first_line)


def _read_columns(path: Path, kind: str) -> pd.DataFrame:
    return (pd.read_parquet(path) if kind == "Parquet" else pd.read_feather(path)).reset_index()


def _read_csv(path: Path, headerless: Mapping[int, str]) -> tuple[pd.DataFrame, int]:
    frame = _without_blank_end(pd.read_csv(path, skip_blank_lines=False))
    least = min(6, len(headerless))
    if headerless and len(frame.columns) >= least and all(_is_number(str(name)) for name in frame.columns[:least]):
        frame = _without_blank_end(pd.read_csv(path, header=None, skip_blank_lines=False))
        return frame.rename(columns=dict(headerless)), 1
    return frame, 2


def _without_blank_end(frame: pd.DataFrame) -> pd.DataFrame:
    filled = np.flatnonzero(frame.notna().any(axis=1))
    return frame.iloc[: filled[-1] + 1] if len(filled) else frame.iloc[:0]


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)*(e[+-]?\d+)?", text, re.IGNORECASE) is not None


def _epoch_unit(number: float) -> tuple[str, int | None]:
    """Its name, and how many are in one ms; `None`: seconds."""
    return next(((unit, per_ms) for size, unit, per_ms in _EPOCH_UNITS if number >= size), ("s", None))


def _plain(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    return _SHORT_NAMES.get(plain, plain)
