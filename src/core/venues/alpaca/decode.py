"""Shapes of Alpaca's market data, and the tables that they become; for a worker process.

Source: the OpenAPI of Alpaca's market data API, v2 (stocks) and v1beta1 (options). Greeks are of its own model: theta a
day, vega and rho for one point.
"""

from collections.abc import Sequence
from datetime import date

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from core.history.contracts import OptionContract, parse_contract
from core.history.series import BARS, OPTION_CHAIN, TIME
from core.ports.history import HistoryPage, HistoryQuery
from core.venues.page_bodies import decoded, unpacked

SOURCE = "alpaca"


class _Bar(msgspec.Struct, gc=False):
    t: str
    o: float
    h: float
    l: float  # noqa: E741 - Alpaca's name
    c: float
    v: float
    n: int | None = None
    vw: float | None = None


class _Bars(msgspec.Struct):
    bars: dict[str, list[_Bar] | None] | None
    next_page_token: str | None = None


class _Quote(msgspec.Struct, gc=False):
    t: str | None = None
    bp: float | None = None
    ap: float | None = None
    bs: float | None = None
    az: float | None = msgspec.field(name="as", default=None)


class _Trade(msgspec.Struct, gc=False):
    p: float | None = None


class _DayBar(msgspec.Struct, gc=False):
    v: float | None = None


class _Greeks(msgspec.Struct, gc=False):
    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None
    vega: float | None = None
    rho: float | None = None


class _Snapshot(msgspec.Struct, gc=False):
    latest_quote: _Quote | None = msgspec.field(name="latestQuote", default=None)
    latest_trade: _Trade | None = msgspec.field(name="latestTrade", default=None)
    daily_bar: _DayBar | None = msgspec.field(name="dailyBar", default=None)
    volatility: float | None = msgspec.field(name="impliedVolatility", default=None)
    greeks: _Greeks | None = None


class _Snapshots(msgspec.Struct):
    snapshots: dict[str, _Snapshot] | None
    next_page_token: str | None = None


_BARS = msgspec.json.Decoder(_Bars)
_SNAPSHOTS = msgspec.json.Decoder(_Snapshots)
_NO_QUOTE, _NO_TRADE, _NO_DAY, _NO_GREEKS = _Quote(), _Trade(), _DayBar(), _Greeks()


def bars_page(body: bytes, query: HistoryQuery) -> HistoryPage:
    """Raises `GarbageAnswer`."""
    answer = decoded(SOURCE, _BARS, unpacked(body))
    found = {symbol: bars for symbol, bars in (answer.bars or {}).items() if bars}
    table, rows, at = _bars([bar for bars in found.values() for bar in bars]), {}, 0
    for symbol, bars in found.items():  # a hundred tables of their own take several times as long as one
        rows[symbol] = table.slice(at, len(bars))
        at += len(bars)
    return HistoryPage(rows, answer.next_page_token)


def chain_page(body: bytes, query: HistoryQuery) -> HistoryPage:
    """The snapshot's time is the query's start. Raises `GarbageAnswer`."""
    answer = decoded(SOURCE, _SNAPSHOTS, unpacked(body))
    found = [
        (symbol, contract, snapshot)
        for symbol, snapshot in sorted((answer.snapshots or {}).items())
        if (contract := parse_contract(symbol)) is not None
    ]
    rows = {query.symbols[0]: _chain(found, query.start_ms)} if found else {}
    return HistoryPage(rows, answer.next_page_token)


def _bars(bars: Sequence[_Bar]) -> pa.Table:
    return pa.table(
        {
            "open_time": _times([bar.t for bar in bars]),
            "open": [bar.o for bar in bars],
            "high": [bar.h for bar in bars],
            "low": [bar.l for bar in bars],
            "close": [bar.c for bar in bars],
            "volume": [bar.v for bar in bars],
            "vwap": [bar.vw for bar in bars],
            "n_trades": [bar.n for bar in bars],
        },
        schema=BARS,
    )


def _chain(found: Sequence[tuple[str, OptionContract, _Snapshot]], time_ms: int) -> pa.Table:
    contracts = [contract for _, contract, _ in found]
    quotes = [snapshot.latest_quote or _NO_QUOTE for *_, snapshot in found]
    greeks = [snapshot.greeks or _NO_GREEKS for *_, snapshot in found]
    expiries: list[date] = [contract.expiry for contract in contracts]
    return pa.table(
        {
            "time": pa.array([time_ms] * len(found), pa.int64()).cast(TIME),
            "contract": [symbol for symbol, *_ in found],
            "expiry": expiries,
            "right": [contract.right for contract in contracts],
            "strike": [contract.strike for contract in contracts],
            "bid": [quote.bp or None for quote in quotes],  # 0: nobody bids
            "ask": [quote.ap or None for quote in quotes],
            "bid_size": [quote.bs for quote in quotes],
            "ask_size": [quote.az for quote in quotes],
            "quote_time": _times([quote.t for quote in quotes]),
            "last": [(snapshot.latest_trade or _NO_TRADE).p for *_, snapshot in found],
            "volume": [(snapshot.daily_bar or _NO_DAY).v for *_, snapshot in found],
            "open_interest": pa.nulls(len(found), pa.float64()),
            "implied_volatility": [snapshot.volatility for *_, snapshot in found],
            "delta": [each.delta for each in greeks],
            "gamma": [each.gamma for each in greeks],
            "theta": [each.theta for each in greeks],
            "vega": [each.vega for each in greeks],
            "rho": [each.rho for each in greeks],
        },
        schema=OPTION_CHAIN,
    )


def _times(texts: Sequence[str | None]) -> pa.Array:
    """RFC 3339, to the nanosecond. Raises `pyarrow.ArrowInvalid`."""
    return pc.cast(pa.array(texts, pa.string()).cast(pa.timestamp("ns", tz="UTC")), TIME, safe=False)
