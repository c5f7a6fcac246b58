"""Tables with named columns: candles, bars of stocks, trades or quotes; one symbol a file, or a column that says which.

The symbol and the timeframe are in the file's name (`BTC-USDT-1m.csv`, `SPY_1d.parquet`, `btcusdt-trades.parquet`), the
kind follows from the columns: open to close are bars, price and size trades, bid and ask quotes. A CSV without a header
is read as Binance writes its archives of candles.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from core.domain.candles import Timeframe
from core.domain.errors import DataFileError
from core.domain.series import SeriesKind, SeriesName
from core.domain.symbol_names import split_name
from core.history.files.parts import SOURCE, FileSeries, Layout, Part, table_of
from core.runtime.table_files import Floats, TableFile, read_table

PRICES = ("open", "high", "low", "close")
_SYMBOL_NAMES = ("symbol", "ticker", "name", "pair")
_SIZES = ("size", "quantity", "qty", "amount")
_TRADE_IDS = ("trade_id", "id", "tid")
_TRADE_COUNTS = ("n_trades", "number_of_trades", "num_trades", "trade_count", "count", "trades")
_ARCHIVE = dict(enumerate(("open_time", *PRICES, "volume", "close_time", "quote_volume", "count")))
_NAME_PARTS = re.compile(r"[-_. ]")


def series_in(path: Path) -> list[FileSeries]:
    """The series of one file. Reads it, since only its columns say what it is. Raises `DataFileError`."""
    table = read_table(path, _ARCHIVE)
    part = Part(path, Layout.TABLE)
    return [FileSeries(name, (part,)) for name in _names(table)]


def read_part(part: Part, name: SeriesName) -> pa.Table:
    """The rows of one series. Raises `DataFileError` naming the file and the line (CSV) or the row (others)."""
    table = _of_symbol(read_table(part.path, _ARCHIVE), name.symbol)
    if table.frame.empty:
        raise DataFileError(f"{part.path}: holds no rows")
    return table_of(name, _columns(table, name.kind))


def _of_symbol(table: TableFile, symbol: str) -> TableFile:
    """The rows of one symbol, where a column says whose each row is."""
    column = _symbol_column(table)
    if column is None:
        return table
    codes, names = pd.factorize(table.column(column))
    mine = np.flatnonzero(
        np.isin(codes, [code for code, each in enumerate(names) if _plain_symbol(str(each)) == symbol])
    )
    if not len(mine):
        raise DataFileError(f"{table.path}: no rows of {symbol} in column {column!r}")
    first, last = int(mine[0]), int(mine[-1]) + 1
    if last - first != len(mine):
        raise DataFileError(
            f"{table.path}: rows of {symbol} stand between those of others; sort the file by {column!r}"
        )
    return TableFile(table.path, table.frame.iloc[first:last].reset_index(drop=True), table.first_line + first)


def _columns(table: TableFile, kind: SeriesKind) -> dict[str, Any]:
    times = table.times_ms()
    if kind is SeriesKind.QUOTES:
        sides = ("bid", "ask", "bid_size", "ask_size")
        return {"time": times, **{side: table.numbers(side, blanks=True) for side in sides if table.has(side)}}
    if kind is SeriesKind.TRADES:
        return {
            "time": times,
            "trade_id": _texts(table, _TRADE_IDS),
            "price": table.numbers("price", blanks=True),
            "size": _first_of(table, _SIZES),
            "side": _sides(table),
        }
    prices = {price: table.numbers(price, wanted=(*PRICES, "volume"), blanks=True) for price in PRICES}
    others = {"volume": ("volume",), "vwap": ("vwap",), "n_trades": _TRADE_COUNTS}
    return {"open_time": times, **prices, **{name: _first_of(table, names) for name, names in others.items()}}


def _names(table: TableFile) -> list[SeriesName]:
    kind = _kind(table)
    timeframe = _timeframe(table) if kind is SeriesKind.CANDLES else None
    column = _symbol_column(table)
    if column is None:
        symbols = [_symbol_of(table.path)]
    else:
        symbols = [_plain_symbol(str(each)) for each in table.column(column).dropna().unique()]
    return [SeriesName(SOURCE, _of_market(kind, symbol), symbol, timeframe) for symbol in symbols]


def _kind(table: TableFile) -> SeriesKind:
    if all(table.has(price) for price in PRICES):
        return SeriesKind.CANDLES
    if table.has("bid") and table.has("ask"):
        return SeriesKind.QUOTES
    if table.has("price") and table.has("trade_id"):
        return SeriesKind.TRADES
    has = ", ".join(map(str, table.frame.columns))
    raise DataFileError(
        f"{table.path}: its columns are of no kind of series that is known; has {has}; wants a time and open, high,"
        " low, close, volume (bars), or trade_id, price, size (trades), or bid, ask (quotes)"
    )


def _of_market(kind: SeriesKind, symbol: str) -> SeriesKind:
    return SeriesKind.STOCK_BARS if kind is SeriesKind.CANDLES and "/" not in symbol else kind


def _symbol_column(table: TableFile) -> str | None:
    return next((name for name in _SYMBOL_NAMES if table.has(name)), None)


def _symbol_of(path: Path) -> str:
    """`BTC-USDT-1m` and `btcusdt-trades` are pairs, `SPY_1d` and `AMD_data` are stocks."""
    first, *others = (part.upper() for part in _NAME_PARTS.split(path.name) if part)
    if not re.fullmatch(r"[A-Z0-9]{1,15}", first):
        raise DataFileError(f"{path}: the name does not say which symbol it holds; name it like BTC-USDT-1m.csv")
    if others and re.fullmatch(r"USD[TC]?|EUR|GBP|JPY|BTC|ETH|BNB|PERP", others[0]):
        return f"{first}/{others[0]}"
    return _plain_symbol(first)


def _plain_symbol(text: str) -> str:
    """As this system writes symbols: `BTCUSDT` is `BTC/USDT`. Stocks have no more than five letters."""
    symbol = text.strip().upper()
    parts = split_name(symbol) if len(symbol) > 5 else None
    return symbol if parts is None else "/".join(parts)


def _timeframe(table: TableFile) -> Timeframe:
    """By the file's name, else by the most frequent step of its times."""
    named = {each.value: each for each in Timeframe}
    for part in _NAME_PARTS.split(table.path.name):
        if part.lower() in named:
            return named[part.lower()]
    steps = np.diff(table.times_ms())
    sizes, counts = np.unique(steps[steps > 0], return_counts=True)
    usual = int(sizes[np.argmax(counts)]) if len(sizes) else 0
    timeframe = next((each for each in Timeframe if each.ms == usual), None)
    if timeframe is None:
        raise DataFileError(
            f"{table.path}: neither its name nor its times ({usual:,} ms apart) say how long its bars are; name it"
            f" like {_symbol_of(table.path).replace('/', '-')}-1m.csv, with one of {', '.join(named)}"
        )
    return timeframe


def _first_of(table: TableFile, names: Sequence[str]) -> Floats | None:
    name = next((name for name in names if table.has(name)), None)
    return None if name is None else table.numbers(name, blanks=True)


def _texts(table: TableFile, names: Sequence[str]) -> Any:
    name = next((name for name in names if table.has(name)), None)
    return None if name is None else pa.array(table.column(name).astype(str).to_list(), pa.string())


def _sides(table: TableFile) -> Any:
    """Of the taker. Binance says whether the buyer was the maker."""
    if table.has("side"):
        words = table.column("side").astype(str).str.lower().to_list()
        return pa.array([word if word in ("buy", "sell") else None for word in words], pa.string())
    name = next((name for name in ("buyer_maker", "is_buyer_maker") if table.has(name)), None)
    if name is None:
        return None
    words = table.column(name).astype(str).str.lower().to_list()
    return pa.array(["sell" if word == "true" else "buy" for word in words], pa.string())
