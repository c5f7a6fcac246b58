"""LEAN's US options: minute quotes, trades and open interest (in zips, a member a contract), end-of-day universes.

Quotes and open interest of an underlying are one chain; a contract's trades are a series of their own, named as OCC
names it (`GOOG151224C00750000`). A universe is the chain at the close of its day, with implied volatility and greeks:
vega for a point of volatility, theta a day, rho for a point of interest, as LEAN computes them.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from core.domain.candles import Timeframe
from core.domain.errors import DataFileError
from core.domain.series import SeriesKind, SeriesName
from core.history.files.archives import members, opened
from core.history.files.lean import QUOTE_COLUMNS, TRADE_COLUMNS, ZONES, Rows, Scale, day_of, local_ms, read_rows
from core.history.files.parts import SOURCE, FileSeries, Layout, Part, table_of

_MINUTES = re.compile(
    r"(?:^|/)option/usa/minute/(?P<symbol>[\w.]+)/(?P<day>\d{8})_(?P<what>quote|trade|openinterest)_(?:american|european)\.zip$"
)
_UNIVERSE = re.compile(r"(?:^|/)option/usa/universes/(?P<symbol>[\w.]+)/(?P<day>\d{8})\.csv$")
_MEMBER = re.compile(
    r"\d{8}_(?P<root>[\w.]+?)_minute_(?:quote|trade|openinterest)_(?:american|european)_(?P<right>call|put)_(?P<strike>\d+)_"
    r"(?P<expiry>\d{8})\.csv"
)
_SCALE = Scale(1e-4, ZONES["option"])
_CLOSE_HOUR = 16
_UNIVERSE_COLUMNS = (
    *("expiry", "strike", "right", "open", "high", "low", "close", "volume", "open_interest", "implied_volatility"),
    *("delta", "gamma", "vega", "theta", "rho"),
)
_GREEKS = ("implied_volatility", "delta", "gamma", "vega", "theta", "rho")


def series_of(path: Path) -> list[FileSeries]:
    """What the file's place and name stand for; none: not options of LEAN's. Opens archives of trades, for the names
    of their contracts. Raises `DataFileError`."""
    if (match := _UNIVERSE.search(path.as_posix())) is not None:
        name = SeriesName(SOURCE, SeriesKind.OPTION_CHAIN, match["symbol"].upper(), Timeframe.D1)
        return [FileSeries(name, (Part(path, Layout.LEAN, day_of(path, match["day"])),))]
    if (match := _MINUTES.search(path.as_posix())) is None:
        return []
    day_ms = day_of(path, match["day"])
    if match["what"] != "trade":
        name = SeriesName(SOURCE, SeriesKind.OPTION_CHAIN, match["symbol"].upper(), Timeframe.M1)
        return [FileSeries(name, (Part(path, Layout.LEAN, day_ms),))]
    return [
        FileSeries(
            SeriesName(SOURCE, SeriesKind.OPTION_BARS, _Contract.of(path, member).occ_name, Timeframe.M1),
            (Part(path, Layout.LEAN, day_ms, member),),
        )
        for member in members(path)
    ]


def is_options(path: Path) -> bool:
    return any(pattern.search(path.as_posix()) for pattern in (_MINUTES, _UNIVERSE))


def read_part(part: Part, name: SeriesName) -> pa.Table:
    """Rows in time order, of one time in the order of the contracts. Raises `DataFileError`."""
    if name.kind is SeriesKind.OPTION_BARS:
        with opened(part.path) as archive:
            rows = read_rows(part, archive, str(part.member), TRADE_COLUMNS, _SCALE)
        return table_of(name, {"open_time": rows.times, **rows.columns})
    table = _read_universe(part, name) if part.path.suffix == ".csv" else _read_chain(part, name)
    if not table.num_rows:
        raise DataFileError(f"{part.path}: holds no rows")
    return table.sort_by([("time", "ascending"), ("contract", "ascending")])


class _Contract:
    """What the name of an archive's member says."""

    def __init__(self, root: str, right: str, strike: float, expiry: np.datetime64) -> None:
        self.right, self.strike, self.expiry = right, strike, expiry
        day = str(expiry).replace("-", "")[2:]
        self.occ_name = f"{root.upper()}{day}{right[0].upper()}{round(strike * 1_000):08d}"

    @classmethod
    def of(cls, path: Path, member: str) -> "_Contract":
        match = _MEMBER.fullmatch(member)
        if match is None:
            raise DataFileError(f"{path}, {member}: the name is not that of a contract as LEAN writes it")
        expiry = np.datetime64(day_of(path, match["expiry"]), "ms").astype("datetime64[D]")
        return cls(match["root"], match["right"], int(match["strike"]) * _SCALE.price, expiry)


def _read_chain(part: Part, name: SeriesName) -> pa.Table:
    is_quote = "_quote_" in part.path.name
    names = QUOTE_COLUMNS if is_quote else ("open_interest",)
    kept = ("bid", "ask", "bid_size", "ask_size") if is_quote else names
    contracts: list[_Contract] = []
    found: list[Rows] = []
    with opened(part.path) as archive:
        for member in members(part.path):
            contracts.append(_Contract.of(part.path, member))
            found.append(read_rows(part, archive, member, names, Scale(1.0, _SCALE.zone)))
    counts = [len(each.times) for each in found]
    divisor = round(1 / _SCALE.price) if is_quote else 1
    columns: dict[str, Any] = {"time": np.concatenate([each.times for each in found] or [np.zeros(0, np.int64)])}
    columns |= _of_contracts(contracts, counts)
    for column in kept:
        values = np.concatenate([each.columns[column] for each in found] or [np.zeros(0)])
        columns[column] = values / divisor if column in ("bid", "ask") else values
    return table_of(name, columns)


def _of_contracts(contracts: list[_Contract], counts: list[int]) -> dict[str, Any]:
    repeat = np.repeat(np.arange(len(contracts)), counts)
    expiries = np.array([each.expiry for each in contracts], dtype="datetime64[D]")
    return {
        "contract": pa.array([each.occ_name for each in contracts], pa.string()).take(repeat),
        "right": pa.array([each.right for each in contracts], pa.string()).take(repeat),
        "strike": np.array([each.strike for each in contracts], dtype=np.float64)[repeat],
        "expiry": expiries[repeat],
    }


def _read_universe(part: Part, name: SeriesName) -> pa.Table:
    try:
        table = csv.read_csv(
            part.path,
            read_options=csv.ReadOptions(column_names=list(_UNIVERSE_COLUMNS), skip_rows=1, use_threads=False),
            convert_options=csv.ConvertOptions(
                column_types={each: pa.float64() for each in _UNIVERSE_COLUMNS}
                | {"expiry": pa.string(), "right": pa.string()},
                strings_can_be_null=True,
            ),
        )
    except OSError as error:
        raise DataFileError(f"{part.path}: can't be read: {error.strerror or error}") from error
    except pa.ArrowException as error:
        raise DataFileError(f"{part.path}: not a universe of LEAN's: {str(error).splitlines()[0]}") from error
    frame = table.to_pandas()
    frame = frame[frame["expiry"].notna()]  # the first row is the underlying
    rights = frame["right"].map({"C": "call", "P": "put"})
    if rights.isna().any():
        row = int(np.flatnonzero(rights.isna())[0])
        raise DataFileError(
            f"{part.path}, line {frame.index[row] + 2}: {frame['right'].iloc[row]!r} is neither C nor P"
        )
    contracts = [
        _Contract(name.symbol, right, strike, np.datetime64(day_of(part.path, expiry), "ms").astype("datetime64[D]"))
        for expiry, strike, right in zip(frame["expiry"], frame["strike"], rights, strict=True)
    ]
    close_ms = local_ms(pd.Timestamp(int(part.day_ms or 0), unit="ms") + pd.Timedelta(hours=_CLOSE_HOUR), _SCALE.zone)
    greeks = {each: frame[each].to_numpy(np.float64) for each in _GREEKS}
    unknown = greeks["implied_volatility"] == 0  # LEAN writes 0 where it found none
    return table_of(
        name,
        {
            "time": np.full(len(frame), close_ms, dtype=np.int64),
            **_of_contracts(contracts, [1] * len(contracts)),
            "last": frame["close"].to_numpy(np.float64),
            "volume": frame["volume"].to_numpy(np.float64),
            "open_interest": frame["open_interest"].to_numpy(np.float64),
            **{each: np.where(unknown, np.nan, values) for each, values in greeks.items()},
        },
    )
