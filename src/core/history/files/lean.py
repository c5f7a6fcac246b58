"""LEAN's data folder: zips of CSVs without headers, named by market, resolution, symbol and day.

Facts, from the readme files of LEAN's own `Data` folder: prices of US stocks and options are in hundredths of a cent,
raw (not adjusted for splits), and times are New York's; crypto is not scaled, and in UTC. Minute bars count ms since
midnight. A quote row is the bid's open, high, low, close, size, then the ask's; a blank bid or ask: there was none.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from core.domain.candles import Timeframe
from core.domain.errors import DataFileError
from core.domain.series import SeriesKind, SeriesName
from core.domain.symbol_names import split_name
from core.history.files.archives import members, opened, read_csv
from core.history.files.parts import DAY_MS, SOURCE, FileSeries, Layout, Part, table_of

_PATH = re.compile(
    r"(?:^|/)(?P<market>equity|crypto)/(?P<where>\w+)/(?P<resolution>minute|hour|daily)/"
    r"(?:(?P<symbol>[\w.]+)/(?P<day>\d{8})_(?P<what>trade|quote)|(?P<whole>[\w.]+?)(?:_(?P<whole_what>trade|quote))?)"
    r"\.zip$"
)
_TIMEFRAMES = {"minute": Timeframe.M1, "hour": Timeframe.H1, "daily": Timeframe.D1}
_SCALE = {"equity": 1e-4, "crypto": 1.0, "option": 1e-4}
ZONES = {"equity": "America/New_York", "crypto": "UTC", "option": "America/New_York"}
TRADE_COLUMNS = ("open", "high", "low", "close", "volume")
QUOTE_COLUMNS = (
    *("bid_open", "bid_high", "bid_low", "bid", "bid_size"),
    *("ask_open", "ask_high", "ask_low", "ask", "ask_size"),
)


def series_of(path: Path) -> FileSeries | None:
    """What the file's place and name stand for; `None`: not bars of LEAN's. Raises `DataFileError` for a market whose
    hours are not known here."""
    match = _PATH.search(path.as_posix())
    if match is None:
        return None
    market, what = match["market"], match["what"] or match["whole_what"] or "trade"
    if market == "equity" and match["where"] != "usa":
        raise DataFileError(f"{path}: stocks of {match['where']!r} are not known here, only usa")
    symbol = (match["symbol"] or match["whole"]).upper()
    if market == "crypto":
        symbol = "/".join(split_name(symbol) or (symbol,))
    bars = SeriesKind.STOCK_BARS if market == "equity" else SeriesKind.CANDLES
    kind = SeriesKind.QUOTES if what == "quote" else bars
    day_ms = None if match["day"] is None else day_of(path, match["day"])
    name = SeriesName(SOURCE, kind, symbol, _TIMEFRAMES[match["resolution"]])
    return FileSeries(name, (Part(path, Layout.LEAN, day_ms),))


def day_of(path: Path, text: str) -> int:
    """Midnight UTC of `YYYYMMDD`. Raises `DataFileError`."""
    try:
        return local_ms(pd.Timestamp(text), "UTC")
    except ValueError:
        raise DataFileError(f"{path}: {text} in its name is no day (YYYYMMDD)") from None


def read_part(part: Part, name: SeriesName) -> pa.Table:
    """All rows of one archive. Raises `DataFileError`."""
    match = _PATH.search(part.path.as_posix())
    if match is None:
        raise DataFileError(f"{part.path}: not in a folder of LEAN's")
    market = match["market"]
    names = QUOTE_COLUMNS if name.kind is SeriesKind.QUOTES else TRADE_COLUMNS
    with opened(part.path) as archive:
        inside = members(part.path)
        if len(inside) != 1:
            raise DataFileError(
                f"{part.path}: holds {len(inside)} files, where LEAN has one CSV: {', '.join(inside[:5])}"
            )
        rows = read_rows(part, archive, inside[0], names, Scale(_SCALE[market], ZONES[market]))
    if not len(rows.times):
        raise DataFileError(f"{part.path}: holds no rows")
    if name.kind is SeriesKind.QUOTES:
        sides = {side: rows.columns[side] for side in ("bid", "ask", "bid_size", "ask_size")}
        return table_of(name, {"time": rows.times, **sides})
    return table_of(name, {"open_time": rows.times, **rows.columns})


@dataclass(frozen=True, slots=True)
class Scale:
    price: float
    """What a price in the file is multiplied by."""
    zone: str


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    times: np.ndarray[Any, np.dtype[np.int64]]
    """UTC ms."""
    columns: Mapping[str, np.ndarray[Any, np.dtype[np.float64]]]
    """Prices in their currency; NaN: none."""


def read_rows(part: Part, archive: Any, member: str, names: tuple[str, ...], scale: Scale) -> Rows:
    """One member of an open archive. Raises `DataFileError`."""
    time_type = pa.string() if part.day_ms is None else pa.int64()
    table = read_csv(part.path, archive, member, {"time": time_type, **dict.fromkeys(names, pa.float64())})
    try:
        times = _times(table["time"], part, scale.zone)
    except (pa.ArrowException, ValueError) as error:
        first = str(error).splitlines()[0]
        raise DataFileError(f"{part.path}, {member}: a time is not what LEAN writes: {first}") from error
    columns = {name: table[name].to_numpy() for name in names}
    for name in names:
        if name != "volume" and not name.endswith("_size"):
            # Divided, not multiplied: 936000 / 10000 is the double nearest to 93.6.
            columns[name] = columns[name] / round(1 / scale.price)
    return Rows(times, columns)


def _times(column: pa.ChunkedArray, part: Part, zone: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    if column.null_count:
        raise ValueError("a blank one")
    if part.day_ms is None:
        local = pc.strptime(column, "%Y%m%d %H:%M", "s").to_numpy()
        index = pd.DatetimeIndex(local).tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
        return np.asarray(index.as_unit("ms").asi8)
    since = column.to_numpy()
    if len(since) and not 0 <= int(since.min()) <= int(since.max()) < DAY_MS:
        raise ValueError(f"{int(since.max())} ms since midnight are of another day")
    return np.asarray(since + local_ms(pd.Timestamp(part.day_ms, unit="ms"), zone))


def local_ms(local: pd.Timestamp, zone: str) -> int:
    """UTC ms of a time on the clocks of `zone`."""
    return round(local.tz_localize(zone).timestamp() * 1_000)
