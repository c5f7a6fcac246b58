"""Reads recorded candles from CSV, Parquet and Feather files, and refuses what could not have been a market.

A file holds one symbol, named by the file: `BTC-USDT-1m.csv`, `eth_usdt.parquet`, `BTCUSDT-1m-2024-01.csv`. Needed are
a time column (`timestamp`, `open_time`, `date` ...) and open, high, low, close, volume; quote volume and number of
trades are taken if there. Times are ISO or epoch numbers in s, ms, µs or ns, UTC unless they say otherwise. A CSV
without a header is read as Binance writes its archives.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from core.domain.candles import Candle
from core.domain.errors import DataFileError
from core.domain.instruments import InstrumentId
from core.simulation.server.symbol_names import split_name

_TIMES = ("timestamp", "open_time", "opentime", "datetime", "date", "time", "ts", "t", "open_ms", "start")
_PRICES = ("open", "high", "low", "close")
_NEEDED = (*_PRICES, "volume")
_QUOTE_VOLUMES = ("quote_volume", "quote_asset_volume", "quotevolume")
_TRADE_COUNTS = ("n_trades", "number_of_trades", "num_trades", "count", "trades")
_SHORT_NAMES = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "vol": "volume"}
_BINANCE_ARCHIVE = ("open_time", *_NEEDED, "close_time", "quote_volume", "count")
_EPOCH_UNITS = ((1e17, 1_000_000), (1e14, 1_000), (1e11, 1))
"""(from this size on, numbers in one ms) of epoch ns, µs and ms; smaller ones are seconds."""
_FORMATS = {".csv": "CSV", ".parquet": "Parquet", ".pq": "Parquet", ".feather": "Feather", ".arrow": "Feather"}

Floats = NDArray[np.float64]


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
    frame, first_line = _read_frame(path)
    if frame.empty:
        raise DataFileError(f"{path}: holds no candles")
    frame = frame.rename(columns=lambda name: _plain(str(name)))
    where = _Where(path, "line" if first_line else "row", first_line)
    open_ms = _open_times(frame, where)
    columns = {name: _numbers(frame, name, where) for name in _NEEDED}
    quote_volume = _optional(frame, _QUOTE_VOLUMES, where)
    n_trades = _optional(frame, _TRADE_COUNTS, where)
    _check_order(open_ms, where)
    _check_prices(columns, where)
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


class _Where:
    """Names places in a file: lines of a CSV as an editor counts them, rows of the others from 0."""

    def __init__(self, path: Path, unit: str, first: int) -> None:
        self.path = path
        self._unit = unit
        self._first = first

    def error(self, row: int, text: str) -> DataFileError:
        return DataFileError(f"{self.path}, {self._unit} {row + self._first}: {text}")


def _read_frame(path: Path) -> tuple[pd.DataFrame, int]:
    """The file's table, and the line its first row is on (0: not a file of lines)."""
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise DataFileError(f"{path}: not a kind of file that is read here; known are {', '.join(_FORMATS)}")
    try:
        if path.is_dir():
            raise DataFileError(f"{path}: is a folder, not a {kind} file")
        if kind == "CSV":
            return _read_csv(path)
        return (pd.read_parquet(path) if kind == "Parquet" else pd.read_feather(path)).reset_index(), 0
    except FileNotFoundError:
        raise DataFileError(f"{path}: no such file") from None
    except OSError as error:
        raise DataFileError(f"{path}: can't be read as {kind}: {error.strerror or error}") from error
    except pd.errors.EmptyDataError:
        raise DataFileError(f"{path}: is empty") from None
    except (pd.errors.ParserError, pa.ArrowException, UnicodeDecodeError, ValueError) as error:
        raise DataFileError(f"{path}: not a {kind} file: {str(error).splitlines()[0]}") from error


def _read_csv(path: Path) -> tuple[pd.DataFrame, int]:
    frame = _without_blank_end(pd.read_csv(path, skip_blank_lines=False))
    if all(_is_number(str(name)) for name in frame.columns[:6]) and len(frame.columns) >= len(_NEEDED) + 1:
        frame = _without_blank_end(pd.read_csv(path, header=None, skip_blank_lines=False))
        return frame.rename(columns=dict(enumerate(_BINANCE_ARCHIVE))), 1
    return frame, 2


def _without_blank_end(frame: pd.DataFrame) -> pd.DataFrame:
    filled = np.flatnonzero(frame.notna().any(axis=1))
    return frame.iloc[: filled[-1] + 1] if len(filled) else frame.iloc[:0]


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)*(e[+-]?\d+)?", text, re.IGNORECASE) is not None


def _plain(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    return _SHORT_NAMES.get(plain, plain)


def _open_times(frame: pd.DataFrame, where: _Where) -> NDArray[np.int64]:
    name = next((name for name in _TIMES if name in frame.columns), None)
    if name is None:
        raise DataFileError(
            f"{where.path}: no time column; has {', '.join(map(str, frame.columns))}, wants one of {', '.join(_TIMES)}"
        )
    column = frame[name]
    if not pd.api.types.is_datetime64_any_dtype(column):
        numbers = pd.to_numeric(column, errors="coerce")
        if numbers.notna().any():
            return _epoch_ms(numbers.to_numpy(np.float64), column, where)
    times = pd.to_datetime(column, utc=True, errors="coerce", format=None if _is_time(column) else "ISO8601")
    _check_all(times.notna().to_numpy(), column, "is not a time", where)
    return np.asarray(times.dt.as_unit("ms").astype(np.int64), dtype=np.int64)


def _is_time(column: "pd.Series[Any]") -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(column))


def _epoch_ms(numbers: Floats, column: "pd.Series[Any]", where: _Where) -> NDArray[np.int64]:
    _check_all(np.isfinite(numbers) & (numbers > 0), column, "is not a time", where)
    per_ms = next((per_ms for size, per_ms in _EPOCH_UNITS if numbers[0] >= size), None)
    scaled = numbers * 1_000 if per_ms is None else numbers / per_ms
    return np.rint(scaled).astype(np.int64)


def _numbers(frame: pd.DataFrame, name: str, where: _Where) -> Floats:
    if name not in frame.columns:
        raise DataFileError(
            f"{where.path}: no column {name!r}; has {', '.join(map(str, frame.columns))}, "
            f"wants a time and {', '.join(_NEEDED)}"
        )
    column = frame[name]
    if isinstance(column, pd.DataFrame):
        raise DataFileError(f"{where.path}: two columns are called {name!r}")
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    _check_all(np.isfinite(numbers), column, f"{name} is not a number", where)
    return numbers


def _optional(frame: pd.DataFrame, names: Sequence[str], where: _Where) -> Floats:
    name = next((name for name in names if name in frame.columns), None)
    return np.zeros(len(frame)) if name is None else _numbers(frame, name, where)


def _check_all(good: NDArray[np.bool_], column: "pd.Series[Any]", text: str, where: _Where) -> None:
    if not good.all():
        row = int(np.argmin(good))
        raise where.error(row, f"{text}: {column.iloc[row]!r}")


def _check_order(open_ms: NDArray[np.int64], where: _Where) -> None:
    steps = np.diff(open_ms)
    if (steps <= 0).any():
        row = int(np.argmax(steps <= 0)) + 1
        same = open_ms[row] == open_ms[row - 1]
        time = pd.Timestamp(int(open_ms[row]), unit="ms", tz="UTC").isoformat()
        raise where.error(row, f"{time} is {'there twice' if same else 'before the candle above it'}")


def _check_prices(columns: dict[str, Floats], where: _Where) -> None:
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
            raise where.error(row, f"{text} ({values})")
