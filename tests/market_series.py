"""Clean series that look like markets, drawn from a seed: what quality checks must not accuse."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.domain.candles import Timeframe
from core.domain.series import SeriesKind, SeriesName
from core.history.files.parts import table_of
from core.history.quality.sessions import DAY_MS, US_STOCKS, Sessions, sessions_between
from core.history.series import Series

Columns = dict[str, NDArray[Any]]
PRICES = ("open", "high", "low", "close")
START_MS = 1_577_836_800_000  # 2020-01-01
MINUTE_MS = 60_000


def series_of(kind: SeriesKind, symbol: str, timeframe: Timeframe | None, columns: Mapping[str, Any]) -> Series:
    name = SeriesName("drawn", kind, symbol, timeframe)
    return Series(name, table_of(name, columns))


def columns_of(series: Series) -> Columns:
    """Copies that may be changed; times as UTC ms."""
    columns = {}
    for name in series.rows.column_names:
        column = series.rows[name]
        column = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        columns[name] = np.array(column.to_numpy(zero_copy_only=False))
    return {name: column for name, column in columns.items() if name not in ("vwap", "n_trades")}


def with_columns(series: Series, columns: Mapping[str, Any]) -> Series:
    name = series.name
    return Series(name, table_of(name, columns))


def crypto_minutes(rng: np.random.Generator, days: int = 4) -> Series:
    """Every minute, with quiet and wild hours, and minutes without a trade."""
    n = days * 1_440
    times = START_MS + MINUTE_MS * np.arange(n)
    columns = _walk(rng, n, 30_000.0, 0.0006, tick=0.1)
    quiet = rng.random(n) < 0.002
    columns["volume"][quiet] = 0.0
    for name in PRICES:  # nothing traded: the bar is flat at the close before
        columns[name][1:][quiet[1:]] = columns["close"][:-1][quiet[1:]]
    columns = _consistent(columns)
    return series_of(SeriesKind.CANDLES, "BTC/USDT", Timeframe.M1, {"open_time": times, **columns})


def stock_days(rng: np.random.Generator, days: int = 1_000) -> Series:
    """Every session of New York, with a crash like that of October 1987, a wild spring like that of 2020, and two
    earnings jumps."""
    sessions = sessions_between(US_STOCKS, START_MS, START_MS + int(days * 1.6) * DAY_MS)
    n = min(days, len(sessions))
    shocks = np.zeros(n)
    crash, wild = n // 3, n // 2
    shocks[crash : crash + 4] = (-0.05, -0.23, 0.05, 0.09)
    shocks[wild : wild + 20] = rng.normal(0, 0.05, 20)
    shocks[[n // 5, n * 4 // 5]] = (0.18, -0.2)
    columns = _walk(rng, n, 100.0, 0.012, tick=0.01, shocks=shocks, base_volume=2e6)
    return series_of(SeriesKind.STOCK_BARS, "SPY", Timeframe.D1, {"open_time": sessions.days[:n], **columns})


def stock_minutes(rng: np.random.Generator, days: int = 8, *, start_ms: int = START_MS) -> Series:
    """Regular hours only, half days short, some minutes without a trade; most is traded at both ends of a day."""
    sessions = sessions_between(US_STOCKS, start_ms, start_ms + 4 * days * DAY_MS)
    times = minutes_of(sessions, days)
    n = len(times)
    columns = _walk(rng, n, 150.0, 0.0007, tick=0.01, base_volume=8e3)
    kept = rng.random(n) >= 0.004
    kept[[0, -1]] = True
    columns = {name: column[kept] for name, column in columns.items()}
    return series_of(SeriesKind.STOCK_BARS, "AAPL", Timeframe.M1, {"open_time": times[kept], **columns})


def minutes_of(sessions: Sessions, days: int) -> NDArray[np.int64]:
    spans = zip(sessions.opens[:days].tolist(), sessions.closes[:days].tolist(), strict=True)
    return np.concatenate([np.arange(open_, close, MINUTE_MS) for open_, close in spans])


def chain(rng: np.random.Generator, days: int = 6) -> Series:
    """Snapshots at the close of each session: two expiries beyond the last day and one within, strikes that lie wider
    further out, calls and puts, cheap ones without a bid."""
    sessions = sessions_between(US_STOCKS, START_MS, START_MS + 3 * days * DAY_MS)
    spot = 100.0
    near = np.arange(90.0, 111.0, 2.5)
    strikes = np.concatenate([np.arange(60.0, 90.0, 5.0), near, np.arange(115.0, 141.0, 5.0)])
    dates = sessions.days
    rows: dict[str, list[Any]] = {name: [] for name in ("time", "contract", "expiry", "right", "strike", "bid", "ask")}
    for number in range(days):
        for expiry in (dates[days // 2], dates[days + 2], dates[days + 5]):
            if expiry < dates[number]:
                continue
            day = np.datetime64(int(expiry), "ms").astype("datetime64[D]")
            for strike in strikes.tolist():
                for right in ("call", "put"):
                    intrinsic = max(0.0, spot - strike if right == "call" else strike - spot)
                    value = intrinsic + 3.0 * float(np.exp(-(((strike - spot) / 12) ** 2))) * float(
                        rng.uniform(0.9, 1.1)
                    )
                    ask = round(value * 1.03 + 0.03, 2)
                    bid = round(value * 0.97 - 0.02, 2)
                    code = f"{str(day).replace('-', '')[2:]}{right[0].upper()}{round(strike * 1000):08d}"
                    row = (int(sessions.closes[number]), f"XYZ{code}", day, right, strike, bid, ask)
                    for name, value_of in zip(rows, row, strict=True):
                        rows[name].append(value_of)
        spot *= float(np.exp(rng.normal(0, 0.01)))
    columns: dict[str, Any] = {name: np.array(rows[name]) for name in ("time", "strike", "bid", "ask")}
    columns["bid"] = np.where(columns["bid"] > 0, columns["bid"], np.nan)
    columns |= {name: pa.array(rows[name], pa.string()) for name in ("contract", "right")}
    columns["expiry"] = np.array(rows["expiry"], dtype="datetime64[D]")
    return series_of(SeriesKind.OPTION_CHAIN, "XYZ", None, columns)


def _walk(
    rng: np.random.Generator,
    n: int,
    price: float,
    deviation: float,
    *,
    tick: float,
    shocks: NDArray[np.float64] | None = None,
    base_volume: float = 20.0,
) -> Columns:
    """Returns with fat tails and clusters (log variance as an AR(1)), bars around them."""
    log_scale = np.zeros(n)
    noise = rng.normal(0, 0.12, n)
    for row in range(1, n):
        log_scale[row] = 0.97 * log_scale[row - 1] + noise[row]
    scale = deviation * np.exp(log_scale)
    steps = scale * np.clip(rng.standard_t(5, n), -6, 6) + (0.0 if shocks is None else shocks)
    close = price * np.exp(np.cumsum(steps))
    open_ = np.concatenate(([price], close[:-1])) * np.exp(scale * rng.normal(0, 0.2, n))
    high = np.maximum(open_, close) * np.exp(scale * np.abs(rng.normal(0, 0.7, n)))
    low = np.minimum(open_, close) * np.exp(-scale * np.abs(rng.normal(0, 0.7, n)))
    volume = base_volume * np.exp(rng.normal(0, 0.5, n)) * (1 + 10 * np.abs(steps) / deviation / 10)
    columns = {
        name: np.round(np.round(values / tick) * tick, 8)
        for name, values in zip(PRICES, (open_, high, low, close), strict=True)
    }
    return _consistent({**columns, "volume": np.round(volume, 3)})


def _consistent(columns: Columns) -> Columns:
    columns["high"] = np.maximum.reduce([columns[name] for name in PRICES])
    columns["low"] = np.minimum.reduce([columns[name] for name in PRICES])
    return columns
