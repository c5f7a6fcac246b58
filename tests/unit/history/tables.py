"""Series as small as tests need them."""

from collections.abc import Iterable

import pyarrow as pa

from core.domain.candles import Timeframe
from core.domain.series import SeriesKind, SeriesName
from core.history.series import BARS

DAY_MS = Timeframe.D1.ms
JAN_MS = 1_704_067_200_000
"""2024-01-01 UTC."""


def name_of(symbol: str = "SPY", kind: SeriesKind = SeriesKind.STOCK_BARS) -> SeriesName:
    return SeriesName("alpaca", kind, symbol, Timeframe.D1)


def bars(times_ms: Iterable[int], price: float = 1.0) -> pa.Table:
    """Whose prices are all the same."""
    times = list(times_ms)
    whole = [price] * len(times)
    return pa.table(
        {
            "open_time": pa.array(times, pa.int64()).cast(BARS.field("open_time").type),
            **{column: pa.array(whole, pa.float64()) for column in ("open", "high", "low", "close", "volume", "vwap")},
            "n_trades": pa.array([1] * len(times), pa.int64()),
        },
        schema=BARS,
    )


def times_of(rows: pa.Table) -> list[int]:
    return [int(each.timestamp() * 1_000) for each in rows.column(0).to_pylist()]
