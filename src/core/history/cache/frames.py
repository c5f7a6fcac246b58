"""A cached series as a pandas frame."""

from collections.abc import Sequence

import pandas as pd

from core.domain.series import SeriesName
from core.history.cache.store import HistoryCache
from core.history.coverage import Span

BAR_COLUMNS = ("open_time", "open", "high", "low", "close", "volume")


def read_frame(cache: HistoryCache, name: SeriesName, span: Span, columns: Sequence[str] = BAR_COLUMNS) -> pd.DataFrame:
    """The first column says when (UTC); files are compared with their checksums on the way. Blocking. Raises
    `CacheError`."""
    frame: pd.DataFrame = cache.columns(name, span, columns).to_pandas(split_blocks=True)
    return frame
