"""Shapes of Deribit's public answers, and the tables that they become; for a worker process.

Source: docs.deribit.com, `public/get_tradingview_chart_data`, `public/get_book_summary_by_currency`,
`public/get_funding_rate_history`. Prices of options are in the coin.
"""

import msgspec
import pyarrow as pa

from core.domain.errors import GarbageAnswer
from core.history.contracts import parse_contract
from core.history.series import BARS, FUNDING, OPTION_CHAIN, TIME
from core.ports.history import HistoryPage, HistoryQuery
from core.venues.page_bodies import decoded, unpacked

SOURCE = "deribit"
CHART_ROWS = 5_000
FUNDING_ROWS = 700
HOUR_MS = 3_600_000


class _Chart(msgspec.Struct):
    ticks: list[int]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float]


class _ChartAnswer(msgspec.Struct):
    result: _Chart


class _Summary(msgspec.Struct, gc=False):
    instrument_name: str
    bid_price: float | None = None
    ask_price: float | None = None
    last: float | None = None
    volume: float | None = None
    open_interest: float | None = None
    mark_iv: float | None = None
    creation_timestamp: int | None = None


class _SummaryAnswer(msgspec.Struct):
    result: list[_Summary]


class _Funding(msgspec.Struct, gc=False):
    timestamp: int
    interest_1h: float


class _FundingAnswer(msgspec.Struct):
    result: list[_Funding]


_CHART = msgspec.json.Decoder(_ChartAnswer)
_SUMMARY = msgspec.json.Decoder(_SummaryAnswer)
_FUNDING = msgspec.json.Decoder(_FundingAnswer)


def window_end_ms(query: HistoryQuery, token: str | None) -> tuple[int, int]:
    """What one request of that query asks for: as much as an answer holds."""
    start_ms = query.start_ms if token is None else int(token)
    length_ms = FUNDING_ROWS * HOUR_MS if query.timeframe is None else CHART_ROWS * query.timeframe.ms
    return start_ms, min(query.end_ms, start_ms + length_ms)


def chart_page(body: bytes, query: HistoryQuery) -> HistoryPage:
    """`query` is that of the page, not of all of them. Raises `GarbageAnswer`."""
    chart = decoded(SOURCE, _CHART, unpacked(body)).result
    columns = (chart.open, chart.high, chart.low, chart.close, chart.volume)
    if any(len(column) != len(chart.ticks) for column in columns):
        raise GarbageAnswer(SOURCE, "a chart whose columns are not of one length")
    keep = [n for n, tick in enumerate(chart.ticks) if query.start_ms <= tick < query.end_ms]
    if not keep:
        return HistoryPage({}, None)
    rows = pa.table(
        {
            "open_time": pa.array([chart.ticks[n] for n in keep], pa.int64()).cast(TIME),
            **{
                field: [column[n] for n in keep]
                for field, column in zip(("open", "high", "low", "close", "volume"), columns, strict=True)
            },
            "vwap": pa.nulls(len(keep), pa.float64()),
            "n_trades": pa.nulls(len(keep), pa.int64()),
        },
        schema=BARS,
    )
    return HistoryPage({query.symbols[0]: rows}, None)


def funding_page(body: bytes, query: HistoryQuery) -> HistoryPage:
    """The rate of each hour, at its end. Raises `GarbageAnswer`."""
    found = decoded(SOURCE, _FUNDING, unpacked(body)).result
    kept = [each for each in found if query.start_ms <= each.timestamp < query.end_ms]
    kept.sort(key=lambda each: each.timestamp)
    rows = pa.table(
        {
            "time": pa.array([each.timestamp for each in kept], pa.int64()).cast(TIME),
            "rate": [each.interest_1h for each in kept],
        },
        schema=FUNDING,
    )
    return HistoryPage({query.symbols[0]: rows} if kept else {}, None)


def chain_page(body: bytes, query: HistoryQuery) -> HistoryPage:
    """All options on a coin; the snapshot's time is the query's start. Without greeks: a summary has none. Raises
    `GarbageAnswer`."""
    found = []
    for each in sorted(decoded(SOURCE, _SUMMARY, unpacked(body)).result, key=lambda each: each.instrument_name):
        contract = parse_contract(each.instrument_name)
        if contract is None:
            continue
        found.append(
            {
                "time": query.start_ms,
                "contract": each.instrument_name,
                "expiry": contract.expiry,
                "right": contract.right,
                "strike": contract.strike,
                "bid": each.bid_price or None,
                "ask": each.ask_price or None,
                "quote_time": each.creation_timestamp,
                "last": each.last,
                "volume": each.volume,
                "open_interest": each.open_interest,
                "implied_volatility": None if each.mark_iv is None else each.mark_iv / 100,
            }
        )
    rows = pa.Table.from_pylist(found, schema=OPTION_CHAIN)
    return HistoryPage({query.symbols[0]: rows} if found else {}, None)
