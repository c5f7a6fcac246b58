"""Candle lengths, all that Binance spot knows from one minute up."""

from datetime import UTC, datetime
from enum import Enum

import numpy as np
from numpy.typing import NDArray

_MINUTE_MS = 60_000
_DAY_MS = 86_400_000
_MONDAY_MS = 4 * _DAY_MS
"""1970-01-05 was the first Monday of the epoch."""


class Interval(Enum):
    """`Interval("5m")` parses. Weeks begin on Monday, months on their first day, all in UTC."""

    M1 = "1m"
    M3 = "3m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    H6 = "6h"
    H8 = "8h"
    H12 = "12h"
    D1 = "1d"
    D3 = "3d"
    W1 = "1w"
    MONTH = "1M"

    def open_ms(self, time_ms: int) -> int:
        """Open time of the candle that contains `time_ms` (UTC ms)."""
        if self is Interval.MONTH:
            return _month_start_ms(time_ms)
        if self is Interval.W1:
            return time_ms - (time_ms - _MONDAY_MS) % (7 * _DAY_MS)
        return time_ms - time_ms % LENGTH_MS[self]

    def open_ms_array(self, times_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """`open_ms` of many times at once."""
        if self is Interval.MONTH:
            months = times_ms.astype("datetime64[ms]").astype("datetime64[M]")
            return months.astype("datetime64[ms]").astype(np.int64)
        offset = _MONDAY_MS if self is Interval.W1 else 0
        return times_ms - (times_ms - offset) % LENGTH_MS[self]

    def next_open_ms(self, open_ms: int) -> int:
        """Open time of the candle after the one that opens at `open_ms`."""
        if self is Interval.MONTH:
            return _month_start_ms(open_ms + 31 * _DAY_MS)
        return open_ms + LENGTH_MS[self]


LENGTH_MS: dict[Interval, int] = {
    Interval.M1: _MINUTE_MS,
    Interval.M3: 3 * _MINUTE_MS,
    Interval.M5: 5 * _MINUTE_MS,
    Interval.M15: 15 * _MINUTE_MS,
    Interval.M30: 30 * _MINUTE_MS,
    Interval.H1: 60 * _MINUTE_MS,
    Interval.H2: 120 * _MINUTE_MS,
    Interval.H4: 240 * _MINUTE_MS,
    Interval.H6: 360 * _MINUTE_MS,
    Interval.H8: 480 * _MINUTE_MS,
    Interval.H12: 720 * _MINUTE_MS,
    Interval.D1: _DAY_MS,
    Interval.D3: 3 * _DAY_MS,
    Interval.W1: 7 * _DAY_MS,
    Interval.MONTH: 31 * _DAY_MS,
}
"""Nominal length; a month's is its longest."""


def _month_start_ms(time_ms: int) -> int:
    day = datetime.fromtimestamp(time_ms / 1000, UTC)
    return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp() * 1000)
