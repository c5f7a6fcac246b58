"""What a folder holds: series, and the files that each is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from core.domain.series import SeriesName
from core.history.series import SCHEMAS

DAY_MS = 86_400_000
SOURCE = "files"


class Layout(StrEnum):
    TABLE = "table"  # columns with names
    FREQTRADE = "freqtrade"
    LEAN = "lean"
    RECORDING = "recording"  # a stream's messages


@dataclass(frozen=True, slots=True)
class Part:
    """One file, or one member of an archive."""

    path: Path
    layout: Layout
    day_ms: int | None = None
    """Midnight UTC of the date that its name says it is of; `None`: any days."""
    member: str | None = None
    """Which member of an archive; `None`: all of them."""


@dataclass(frozen=True, slots=True)
class FileSeries:
    name: SeriesName
    parts: tuple[Part, ...]
    """In the order of their days."""


@dataclass(frozen=True, slots=True)
class Found:
    series: tuple[FileSeries, ...]
    unread: Mapping[Path, str]
    """Files that should hold series but can't be told, with the reason."""


def table_of(name: SeriesName, columns: Mapping[str, Any]) -> pa.Table:
    """A table in the schema of the series' kind. `columns` holds numpy or Arrow arrays, times as UTC ms, NaN as null;
    what is left out, or `None`, is null."""
    schema = SCHEMAS[name.kind]
    n_rows = next(len(column) for column in columns.values() if column is not None)
    return pa.table([_array(columns.get(field.name), field.type, n_rows) for field in schema], schema=schema)


def _array(values: Any, wanted: pa.DataType, n_rows: int) -> Any:
    if values is None:
        return pa.nulls(n_rows, wanted)
    if isinstance(values, np.ndarray):
        return pa.array(values, from_pandas=True).cast(wanted)
    return values.cast(wanted)
