"""freqtrade's `user_data/data/<exchange>`: `BTC_USDT-1m.feather`, `futures/BTC_USDT_USDT-8h-funding_rate.feather`,
`BTC_USDT-trades.feather`, as Feather, Parquet or JSON (rows of time in ms, open, high, low, close, volume).

Names and columns are in freqtrade's documentation, "Data downloading"; times are the bars' opening times, UTC.
"""

import gzip
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from core.domain.candles import Timeframe
from core.domain.errors import DataFileError
from core.domain.series import SeriesKind, SeriesName
from core.history.files import tables
from core.history.files.parts import SOURCE, FileSeries, Layout, Part, table_of
from core.runtime.table_files import Floats

_NAME = re.compile(
    r"(?P<base>[A-Za-z0-9]+)_(?P<quote>[A-Za-z0-9]+)(?:_(?P<settle>[A-Za-z0-9]+))?"
    r"-(?:(?P<timeframe>\d+[smhdwM])(?:-(?P<what>futures|mark|index|funding_rate))?|(?P<trades>trades))"
    r"\.(?:json|json\.gz|feather|parquet)"
)
_BAR_COLUMNS = ("time", "open", "high", "low", "close", "volume")
_TRADE_COLUMNS = ("time", "trade_id", "type", "side", "price", "size", "cost")


def is_one(path: Path) -> bool:
    """Whether the name is one that freqtrade gives."""
    return _NAME.fullmatch(path.name) is not None


def series_of(path: Path) -> FileSeries | None:
    """What the file's name stands for; `None`: it is none of freqtrade's. Raises `DataFileError` for a timeframe that
    is not known here."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    symbol = f"{match['base']}/{match['quote']}" + (f":{match['settle']}" if match["settle"] else "")
    parts = (Part(path, Layout.FREQTRADE),)
    if match["trades"]:
        return FileSeries(SeriesName(SOURCE, SeriesKind.TRADES, symbol), parts)
    if match["what"] == "funding_rate":
        return FileSeries(SeriesName(SOURCE, SeriesKind.FUNDING, symbol), parts)
    known = {each.value: each for each in Timeframe}
    if match["timeframe"] not in known:
        raise DataFileError(f"{path}: bars of {match['timeframe']} are not known here, only {', '.join(known)}")
    kind = SeriesKind.MARK_CANDLES if match["what"] == "mark" else SeriesKind.CANDLES
    return FileSeries(SeriesName(SOURCE, kind, symbol, known[match["timeframe"]]), parts)


def read_part(part: Part, name: SeriesName) -> pa.Table:
    """Raises `DataFileError` naming the file and the row."""
    if ".json" in part.path.name:
        return _read_json(part.path, name)
    if name.kind is not SeriesKind.FUNDING:
        return tables.read_part(part, name)
    # Rates are kept as bars of which only the opening price means anything.
    bars = tables.read_part(part, SeriesName(name.source, SeriesKind.CANDLES, name.symbol, Timeframe.H1))
    return table_of(name, {"time": bars["open_time"], "rate": bars["open"]})


def _read_json(path: Path, name: SeriesName) -> pa.Table:
    wanted = _TRADE_COLUMNS if name.kind is SeriesKind.TRADES else _BAR_COLUMNS
    columns = _json_columns(path, wanted)
    times = _numbers(path, "time", columns["time"]).astype(np.int64)
    if name.kind is SeriesKind.TRADES:
        texts = {key: pa.array([_text(each) for each in columns[key]], pa.string()) for key in ("trade_id", "side")}
        numbers = {key: _numbers(path, key, columns[key]) for key in ("price", "size")}
        return table_of(name, {"time": times, **texts, **numbers})
    numbers = {key: _numbers(path, key, columns[key]) for key in _BAR_COLUMNS[1:]}
    if name.kind is SeriesKind.FUNDING:
        return table_of(name, {"time": times, "rate": numbers["open"]})
    return table_of(name, {"open_time": times, **numbers})


def _json_columns(path: Path, wanted: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    rows = _json_rows(path)
    if not rows:
        raise DataFileError(f"{path}: holds no rows")
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) < len(wanted):
            raise DataFileError(f"{path}, row {number}: wants a list of {', '.join(wanted)}, has {str(row)[:60]}")
    return dict(zip(wanted, zip(*(row[: len(wanted)] for row in rows), strict=True), strict=True))


def _json_rows(path: Path) -> list[Any]:
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        return msgspec.json.decode(content, type=list[Any])
    except OSError as error:
        raise DataFileError(f"{path}: can't be read: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise DataFileError(f"{path}: is cut short or damaged: {error}") from error
    except msgspec.DecodeError as error:
        raise DataFileError(f"{path}: not freqtrade's JSON, a list of rows: {error}") from error


def _numbers(path: Path, column: str, values: Sequence[Any]) -> Floats:
    for number, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int | float | None) or (column == "time" and value is None):
            raise DataFileError(f"{path}, row {number}: {column} is not a number: {value!r}")
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
