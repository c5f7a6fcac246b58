"""A cached series as a pandas frame."""

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from core.domain.series import SeriesName
from core.history.cache.store import HistoryCache
from core.history.coverage import Span
from core.history.series import SCHEMAS

BAR_COLUMNS = ("open_time", "open", "high", "low", "close", "volume")


def read_frame(cache: HistoryCache, name: SeriesName, span: Span, columns: Sequence[str] = BAR_COLUMNS) -> pd.DataFrame:
    """The first column says when (UTC); files are compared with their checksums on the way. Blocking. Raises
    `CacheError`."""
    schema = SCHEMAS[name.kind]
    if not all(_is_number(schema.field(each).type) for each in columns[1:]):
        frame: pd.DataFrame = cache.columns(name, span, columns).to_pandas()
        return frame
    times, *numbers = cache.arrays(name, span, columns).values()
    in_utc = pd.array(times.view("int64"), dtype=pd.DatetimeTZDtype("ms", "UTC"), copy=False)
    return pd.DataFrame({columns[0]: in_utc, **dict(zip(columns[1:], numbers, strict=True))}, copy=False)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))
