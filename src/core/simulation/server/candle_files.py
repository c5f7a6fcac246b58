"""Reads recorded candles from CSV, Parquet and Feather files, and refuses what could not have been a market.

A file holds one symbol, named by the file: `BTC-USDT-1m.csv`, `eth_usdt.parquet`, `BTCUSDT-1m-2024-01.csv`. Needed are
a time column (`timestamp`, `open_time`, `date` ...) and open, high, low, close, volume; quote volume and number of
trades are taken if there. Times are ISO or epoch numbers in s, ms, µs or ns, UTC unless they say otherwise. A CSV
without a header is read as Binance writes its archives.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.domain.candles import Candle
from core.domain.errors import DataFileError
from core.domain.instruments import InstrumentId
from core.domain.symbol_names import split_name
from core.runtime.table_files import Floats, TableFile, read_table

_NEEDED = ("open", "high", "low", "close", "volume")
_QUOTE_VOLUMES = ("quote_volume", "quote_asset_volume", "quotevolume")
_TRADE_COUNTS = ("n_trades", "number_of_trades", "num_trades", "count", "trades")
_BINANCE_ARCHIVE = ("open_time", *_NEEDED, "close_time", "quote_volume", "count")


def read_candle_files(paths: Iterable[Path]) -> dict[InstrumentId, list[Candle]]:
    """One file a symbol. Raises `DataFileError`, also where two files name the same symbol."""
    files: dict[InstrumentId, Path] = {}
    for path in paths:
        symbol = symbol_of(path)
        if symbol in files:
            raise DataFileError(f"{path}: {files[symbol]} already holds {symbol}; give one file a symbol")
        files[symbol] = path
    return {symbol: read_candles(path) for symbol, path in files.items()}


def symbol_of(path: Path) -> InstrumentId:
    """The symbol a file's name stands for. Raises `DataFileError` when it stands for none."""
    first, *others = re.split(r"[-_.]", path.stem.upper())
    if others and re.fullmatch(r"[A-Z]{2,6}", others[0]) and first.isalnum():
        return InstrumentId(f"{first}/{others[0]}")
    parts = split_name(first)
    if parts is None:
        raise DataFileError(f"{path}: the name does not say which symbol it holds; name it like BTC-USDT-1m.csv")
    return InstrumentId("/".join(parts))


def read_candles(path: Path) -> list[Candle]:
    """The file's candles, oldest first. Raises `DataFileError` naming the file and the line (CSV) or row (others)."""
    table = read_table(path, dict(enumerate(_BINANCE_ARCHIVE)))
    if table.frame.empty:
        raise DataFileError(f"{path}: holds no candles")
    open_ms = table.times_ms()
    columns = {name: table.numbers(name, wanted=_NEEDED) for name in _NEEDED}
    quote_volume = _optional(table, _QUOTE_VOLUMES)
    n_trades = _optional(table, _TRADE_COUNTS)
    _check_order(open_ms, table)
    _check_prices(columns, table)
    return [
        Candle(*row)
        for row in zip(
            open_ms.tolist(),
            *(columns[name].tolist() for name in _NEEDED),
            quote_volume.tolist(),
            n_trades.astype(np.int64).tolist(),
            strict=True,
        )
    ]


def _optional(table: TableFile, names: Sequence[str]) -> Floats:
    name = next((name for name in names if table.has(name)), None)
    return np.zeros(len(table.frame)) if name is None else table.numbers(name)


def _check_order(open_ms: NDArray[np.int64], table: TableFile) -> None:
    steps = np.diff(open_ms)
    if (steps <= 0).any():
        row = int(np.argmax(steps <= 0)) + 1
        same = open_ms[row] == open_ms[row - 1]
        time = pd.Timestamp(int(open_ms[row]), unit="ms", tz="UTC").isoformat()
        raise table.error(row, f"{time} is {'there twice' if same else 'before the candle above it'}")


def _check_prices(columns: dict[str, Floats], table: TableFile) -> None:
    open_, high, low, close, volume = (columns[name] for name in _NEEDED)
    rules = (
        (low > 0, "a price is not positive"),
        (high >= np.maximum(open_, close), "high is below open or close"),
        (low <= np.minimum(open_, close), "low is above open or close"),
        (volume >= 0, "volume is negative"),
    )
    for good, text in rules:
        if not good.all():
            row = int(np.argmin(good))
            values = ", ".join(f"{name} {columns[name][row]:g}" for name in _NEEDED)
            raise table.error(row, f"{text} ({values})")
