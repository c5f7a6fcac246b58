"""Rows of history as Arrow tables: one schema a kind, the same in memory, in the cache and from every source.

Times are UTC; prices are float64 in the unit in which the source quotes them (analytics, never money). Rows are
ordered by their first column. A source that does not know a column leaves it null.
"""

from dataclasses import dataclass

import pyarrow as pa

from core.domain.series import SeriesKind, SeriesName

TIME = pa.timestamp("ms", tz="UTC")

BARS = pa.schema(
    [
        pa.field("open_time", TIME, nullable=False),
        pa.field("open", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("close", pa.float64()),
        pa.field("volume", pa.float64()),
        pa.field("vwap", pa.float64()),
        pa.field("n_trades", pa.int64()),
    ]
)
"""Closed bars; `open_time` is the start of the bar. Null prices: no trade in that bar and a source that says so."""

TRADES = pa.schema(
    [
        pa.field("time", TIME, nullable=False),
        pa.field("trade_id", pa.string()),
        pa.field("price", pa.float64()),
        pa.field("size", pa.float64()),
        pa.field("side", pa.string()),  # of the taker: "buy", "sell", or null
    ]
)

QUOTES = pa.schema(
    [
        pa.field("time", TIME, nullable=False),  # of the change; of quote bars, when the bar opened
        pa.field("bid", pa.float64()),
        pa.field("ask", pa.float64()),
        pa.field("bid_size", pa.float64()),
        pa.field("ask_size", pa.float64()),
    ]
)
"""A one-sided quote has a null on the other side."""

FUNDING = pa.schema([pa.field("time", TIME, nullable=False), pa.field("rate", pa.float64())])
"""`rate` is the fraction of the position's value that was paid at `time`; positive: longs paid."""

OPTION_CHAIN = pa.schema(
    [
        pa.field("time", TIME, nullable=False),  # of the snapshot
        pa.field("contract", pa.string(), nullable=False),
        pa.field("expiry", pa.date32(), nullable=False),
        pa.field("right", pa.string(), nullable=False),  # "call" or "put"
        pa.field("strike", pa.float64(), nullable=False),
        pa.field("bid", pa.float64()),
        pa.field("ask", pa.float64()),
        pa.field("bid_size", pa.float64()),
        pa.field("ask_size", pa.float64()),
        pa.field("quote_time", TIME),
        pa.field("last", pa.float64()),
        pa.field("volume", pa.float64()),
        pa.field("open_interest", pa.float64()),
        pa.field("implied_volatility", pa.float64()),  # a year, 0.25 is 25 %
        pa.field("delta", pa.float64()),
        pa.field("gamma", pa.float64()),
        pa.field("theta", pa.float64()),  # a calendar day
        pa.field("vega", pa.float64()),  # for one point (0.01) of volatility
        pa.field("rho", pa.float64()),  # for one point (0.01) of interest
    ]
)
"""Ordered by `time`, then `contract`. A one-sided quote has a null on the other side."""

SCHEMAS: dict[SeriesKind, pa.Schema] = {
    SeriesKind.CANDLES: BARS,
    SeriesKind.MARK_CANDLES: BARS,
    SeriesKind.FUNDING: FUNDING,
    SeriesKind.TRADES: TRADES,
    SeriesKind.QUOTES: QUOTES,
    SeriesKind.STOCK_BARS: BARS,
    SeriesKind.OPTION_BARS: BARS,
    SeriesKind.OPTION_CHAIN: OPTION_CHAIN,
}


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A named table whose schema is `SCHEMAS[name.kind]`."""

    name: SeriesName
    rows: pa.Table

    def __post_init__(self) -> None:
        expected = SCHEMAS[self.name.kind]
        if not self.rows.schema.equals(expected):
            raise ValueError(f"{self.name}: columns {self.rows.schema.names} are not those of {self.name.kind}")

    def __len__(self) -> int:
        return int(self.rows.num_rows)
