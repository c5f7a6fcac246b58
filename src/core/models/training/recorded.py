"""Recorded series as candles to learn from: only those whose quality allows it."""

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from core.domain.candles import CandleWindow, Timeframe
from core.domain.errors import HistoryUnfit
from core.domain.instruments import InstrumentId
from core.history.quality.acceptance import refusal
from core.history.quality.examine import examine
from core.history.series import Series

_PRICES = ("open", "high", "low", "close", "volume")


class RecordedCandles:
    """`CandleSource` over series of bars, each read when its symbol is asked for."""

    def __init__(self, readers: Mapping[InstrumentId, Callable[[], Series]], min_quality: float) -> None:
        """`min_quality` from 0 to 1, as `history.min_quality`."""
        self._readers = readers
        self._min_quality = min_quality

    def candles(self, symbol: InstrumentId, timeframe: Timeframe) -> CandleWindow:
        """Raises `HistoryUnfit` with the reasons where the quality is too low, and what reading raises."""
        series = self._readers[symbol]()
        if (reason := refusal(examine(series), self._min_quality)) is not None:
            raise HistoryUnfit(reason)
        return window_of(series.rows)


def window_of(rows: pa.Table) -> CandleWindow:
    """Bars without a trade are left out: there is nothing to learn from them."""
    open_ms = rows["open_time"].cast(pa.int64()).to_numpy()
    columns = [rows[name].cast(pa.float64()).to_numpy() for name in _PRICES]
    traded = np.isfinite(np.array(columns)).all(axis=0)
    return CandleWindow(open_ms[traded], *(column[traded] for column in columns))
