"""Reads series from their files, whatever the layout."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.domain.series import SeriesName
from core.history.files import freqtrade, lean, lean_options, recordings, tables
from core.history.files.parts import DAY_MS, FileSeries, Layout, Part
from core.history.series import Series

Delays = NDArray[np.float64]


def read_series(series: FileSeries) -> Series:
    """All of it, in the order of the files. Blocks and takes CPU. Raises `DataFileError`."""
    return Series(series.name, pa.concat_tables([read_part(part, series.name) for part in series.parts]))


def read_part(part: Part, name: SeriesName) -> pa.Table:
    """The rows of one file, as they stand in it. Raises `DataFileError`."""
    if part.layout is Layout.FREQTRADE:
        return freqtrade.read_part(part, name)
    if part.layout is Layout.RECORDING:
        return recordings.read_part(part, name)
    if part.layout is Layout.TABLE:
        return tables.read_part(part, name)
    if lean_options.is_options(part.path):
        return lean_options.read_part(part, name)
    return lean.read_part(part, name)


def covers_of(series: FileSeries) -> tuple[int, int] | None:
    """First and last ms that the names of the files promise; `None`: they promise none."""
    days = [part.day_ms for part in series.parts if part.day_ms is not None]
    return (min(days), max(days) + DAY_MS - 1) if len(days) == len(series.parts) else None


def delays_of(series: FileSeries) -> Delays | None:
    """How much later than they happened its rows were received, in ms; `None`: the files don't say."""
    parts = [part for part in series.parts if part.layout is Layout.RECORDING]
    return np.concatenate([recordings.delays_ms(part, series.name) for part in parts]) if parts else None
