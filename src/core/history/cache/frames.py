"""A cached series as a pandas frame."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from core.domain.series import SeriesName
from core.history.cache.store import HistoryCache
from core.history.coverage import Span
from core.history.series import SCHEMAS, TIME

BAR_COLUMNS = ("open_time", "open", "high", "low", "close", "volume")


def read_frame(cache: HistoryCache, name: SeriesName, span: Span, columns: Sequence[str] = BAR_COLUMNS) -> pd.DataFrame:
    """The first column says when (UTC); files are compared with their checksums on the way. Blocking. Raises
    `CacheError`."""
    schema = SCHEMAS[name.kind]
    if not all(_is_number(schema.field(each).type) for each in columns[1:]):
        frame: pd.DataFrame = cache.columns(name, span, columns).to_pandas()
        return frame
    times, *numbers = cache.arrays(name, span, columns).values()
    return pd.DataFrame({columns[0]: _utc(times), **dict(zip(columns[1:], numbers, strict=True))}, copy=False)


def _utc(times: np.ndarray[Any, Any]) -> Any:
    """Times without a zone as a pandas array in UTC: by way of Arrow, since pandas would copy them."""
    column = pa.Array.from_buffers(TIME, len(times), [None, pa.py_buffer(times)])
    return pa.table({"time": column}).to_pandas()["time"].array


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))
