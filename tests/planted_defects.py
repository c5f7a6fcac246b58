"""Defects of each kind, planted into series that have none, with the places where they are."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from core.domain.candles import Timeframe
from core.domain.series import SeriesKind
from core.history.quality.report import FindingKind
from core.history.quality.sessions import DAY_MS, HOUR_MS, US_STOCKS, sessions_between
from core.history.series import Series
from tests.market_series import MINUTE_MS, PRICES, Columns, columns_of, with_columns

Kind = FindingKind
PLACES = 4
_MARGIN = 45
"""Rows that a defect keeps from both ends, and more than that from the next."""


@dataclass(frozen=True)
class Planted:
    series: Series
    times: tuple[int, ...]
    """UTC ms of what should be found."""
    tolerance_ms: int
    """How far from its time a place may be reported."""
    follows: frozenset[FindingKind] = field(default_factory=frozenset)
    """Kinds that are true of it as well: a day that stops early has missing bars."""


Plant = Callable[[Series, np.random.Generator], Planted | None]
"""`None`: this kind can't be in such a series."""


def spots(n: int, rng: np.random.Generator, places: int = PLACES) -> list[int]:
    """Rows far apart, in order."""
    lots = np.array_split(np.arange(_MARGIN, n - _MARGIN), places)
    return [int(rng.choice(lot[: max(1, len(lot) - _MARGIN)])) for lot in lots]


def _bar_ms(series: Series) -> int:
    assert series.name.timeframe is not None
    return series.name.timeframe.ms


def _edited(
    series: Series, rows: list[int], columns: Columns, follows: frozenset[FindingKind] = frozenset()
) -> Planted:
    times = columns_of(series)[series.rows.column_names[0]]
    tolerance = 0 if series.name.timeframe is None else _bar_ms(series)
    return Planted(with_columns(series, columns), tuple(int(times[row]) for row in rows), tolerance, follows)


def _taken(columns: Columns, order: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> Columns:
    return {name: column[order] for name, column in columns.items()}


def duplicates(series: Series, rng: np.random.Generator) -> Planted:
    columns = columns_of(series)
    n = len(columns["close"])
    rows = spots(n, rng)
    return _edited(series, rows, _taken(columns, np.sort(np.concatenate([np.arange(n), rows]))))


def disorder(series: Series, rng: np.random.Generator) -> Planted:
    columns = columns_of(series)
    rows = spots(len(columns["close"]), rng)
    order = np.arange(len(columns["close"]))
    for row in rows:
        order[[row, row + 1]] = order[[row + 1, row]]
    return _edited(series, rows, _taken(columns, order))


def misaligned(series: Series, rng: np.random.Generator) -> Planted | None:
    if series.name.timeframe is Timeframe.D1:
        return None
    columns = columns_of(series)
    rows = spots(len(columns["close"]), rng)
    columns["open_time"][rows] += _bar_ms(series) // 3
    return _edited(series, rows, columns, frozenset({Kind.GAP}))


def gaps(series: Series, rng: np.random.Generator) -> Planted:
    """Of one bar and more where every bar is wanted, longer where quiet minutes are left out."""
    columns = columns_of(series)
    least, most = (4, 20) if series.name.kind is SeriesKind.STOCK_BARS and _bar_ms(series) < DAY_MS else (1, 10)
    rows = spots(len(columns["close"]), rng)
    # Within a day: a hole over its end would also be a truncated day.
    day = columns["open_time"] // DAY_MS
    rows = [row if _bar_ms(series) >= DAY_MS or day[row] == day[row + most] else row - most - 5 for row in rows]
    kept = np.ones(len(day), dtype=bool)
    for row in rows:
        kept[row : row + int(rng.integers(least, most + 1))] = False
    planted = _edited(series, rows, _taken(columns, np.flatnonzero(kept)), frozenset({Kind.TRUNCATED_DAY}))
    return Planted(planted.series, planted.times, 3 * _bar_ms(series), planted.follows)


def truncated_days(series: Series, rng: np.random.Generator) -> Planted | None:
    columns = columns_of(series)
    if _bar_ms(series) >= DAY_MS:
        return None
    day = columns["open_time"] - columns["open_time"] % DAY_MS
    days = np.unique(day)[1:-1]
    chosen = np.sort(rng.choice(days, min(2, len(days)), replace=False))
    kept = np.ones(len(day), dtype=bool)
    for each in chosen:
        rows = np.flatnonzero(day == each)
        kept[rows[int(len(rows) * rng.uniform(0.3, 0.9)) :]] = False
    series = with_columns(series, _taken(columns, np.flatnonzero(kept)))
    return Planted(series, tuple(int(each) for each in chosen), 0, frozenset({Kind.GAP}))


def closed_market(series: Series, rng: np.random.Generator) -> Planted | None:
    """Bars of holidays and week-ends."""
    if series.name.kind is not SeriesKind.STOCK_BARS:
        return None
    columns = columns_of(series)
    step = DAY_MS if _bar_ms(series) >= DAY_MS else 0
    times = columns["open_time"]
    ends = np.flatnonzero(np.diff(times) > 1.5 * DAY_MS)
    ends = ends[(ends > _MARGIN) & (ends < len(times) - _MARGIN)]
    if not len(ends):
        return None
    rows = np.sort(rng.choice(ends, min(2, len(ends)), replace=False))
    wrong = times[rows] + (step or DAY_MS)
    order = np.sort(np.concatenate([np.arange(len(times)), rows]))
    columns = _taken(columns, order)
    added = np.flatnonzero(np.diff(order) == 0) + 1
    columns["open_time"][added] = wrong
    for name in PRICES:  # not a copy
        columns[name][added] *= 1.001
    # A daily bar is named by its date, whatever its hour.
    return Planted(with_columns(series, columns), tuple(int(each) for each in wrong), 6 * HOUR_MS if step else 0)


def half_days(series: Series, rng: np.random.Generator) -> Planted | None:
    """The day before Christmas traded to the usual hour."""
    if series.name.kind is not SeriesKind.STOCK_BARS or _bar_ms(series) >= DAY_MS:
        return None
    columns = columns_of(series)
    times = columns["open_time"]
    sessions = sessions_between(US_STOCKS, int(times[0]), int(times[-1]))
    early = np.flatnonzero(sessions.is_early)
    if not len(early):
        return None
    close = int(sessions.closes[early[0]])
    extra = close + MINUTE_MS * np.arange(150)
    last = int(np.searchsorted(times, close)) - 1
    order = np.concatenate([np.arange(last + 1), last - np.arange(150)[::-1] % 60, np.arange(last + 1, len(times))])
    columns = _taken(columns, order)
    columns["open_time"][last + 1 : last + 151] = extra
    return Planted(with_columns(series, columns), (close,), 150 * MINUTE_MS)


def time_zones(series: Series, rng: np.random.Generator) -> Planted | None:
    """Days an hour late or early; days' dates one off."""
    if series.name.kind is not SeriesKind.STOCK_BARS:
        return None
    columns = columns_of(series)
    times = columns["open_time"]
    follows = frozenset({Kind.GAP, Kind.TRUNCATED_DAY, Kind.CLOSED_MARKET, Kind.HALF_DAY})
    if _bar_ms(series) >= DAY_MS:
        sessions = sessions_between(US_STOCKS, int(times[0]), int(times[-1]))
        columns["open_time"] = times + (DAY_MS if rng.random() < 0.5 else -DAY_MS)
        wrong = columns["open_time"][~np.isin(columns["open_time"], sessions.days)]
        return Planted(with_columns(series, columns), (int(wrong[0]),), int(wrong[-1] - wrong[0]), follows)
    day = times - times % DAY_MS
    days, counts = np.unique(day, return_counts=True)
    full = days[1:-1][counts[1:-1] > 300]  # what follows an early close may as well be trading after hours
    chosen = np.sort(rng.choice(full, min(2, len(full)), replace=False))
    shift = HOUR_MS * int(rng.choice([-5, -4, -1, 1, 4, 5]))
    columns["open_time"] = np.where(np.isin(day, chosen), times + shift, times)
    return Planted(with_columns(series, columns), tuple(int(each) for each in chosen), 0, follows)


def contradictions(series: Series, rng: np.random.Generator) -> Planted:
    columns = columns_of(series)
    rows = spots(len(columns["close"]), rng)
    for row in rows:
        if rng.random() < 0.5:
            columns["high"][row] = min(columns["open"][row], columns["close"][row]) * 0.999
        else:
            columns["low"][row] = max(columns["open"][row], columns["close"][row]) * 1.001
    return _edited(series, rows, columns)


def bad_prices(series: Series, rng: np.random.Generator) -> Planted:
    columns = columns_of(series)
    rows = spots(len(columns["close"]), rng)
    for row in rows:
        columns[str(rng.choice(PRICES))][row] = rng.choice([0.0, -columns["close"][row], np.nan])
    return _edited(series, rows, columns)


def bad_volumes(series: Series, rng: np.random.Generator) -> Planted:
    columns = columns_of(series)
    rows = spots(len(columns["close"]), rng)
    columns["volume"][rows] = -np.abs(columns["volume"][rows]) - 1.0
    return _edited(series, rows, columns)


def outliers(series: Series, rng: np.random.Generator) -> Planted:
    """Closes, highs and lows that are off and back: by half to a digit in days, by 3 % and more in minutes."""
    columns = columns_of(series)
    rows = spots(len(columns["close"]), rng)
    is_daily = _bar_ms(series) >= DAY_MS
    least, most = (1.5, 10.0) if is_daily else (1.03, 3.0)
    for number, row in enumerate(rows):
        # Beside a crash nobody could tell.
        while abs(np.log(columns["close"][row + 1] / columns["close"][row - 1])) > 0.05:
            row += 1
        rows[number] = row
        factor = float(np.exp(rng.uniform(np.log(least), np.log(most)))) ** (1 if rng.random() < 0.5 else -1)
        where = "high" if factor > 1 else "low"
        columns[where][row] = (np.maximum if factor > 1 else np.minimum)(
            columns[where][row], columns["close"][row] * factor
        )
        if rng.random() < 0.7 or abs(np.log(factor)) < (1.0 if is_daily else 0.1):  # a small wick may be true
            columns["close"][row] *= factor
    return _edited(series, rows, columns)


def stale_copies(series: Series, rng: np.random.Generator) -> Planted:
    """A day, or three bars in a row, that repeat the bar before."""
    columns = columns_of(series)
    rows = spots(len(columns["close"]), rng)
    n_copies = 1 if _bar_ms(series) >= DAY_MS else 3
    for row in rows:
        while columns["high"][row - 1] == columns["low"][row - 1]:
            row -= 1
        for name in (*PRICES, "volume"):
            columns[name][row : row + n_copies] = columns[name][row - 1]
    planted = _edited(series, rows, columns)
    return Planted(planted.series, planted.times, 6 * _bar_ms(series))


def stale_days(series: Series, rng: np.random.Generator) -> Planted | None:
    """A whole day of minutes that repeats the day before."""
    columns = columns_of(series)
    if series.name.kind is not SeriesKind.CANDLES:
        return None
    day = columns["open_time"] - columns["open_time"] % DAY_MS
    days, counts = np.unique(day, return_counts=True)
    chosen = int(rng.choice(days[1:][(counts[1:] == 1_440) & (counts[:-1] == 1_440)]))
    now, before = np.flatnonzero(day == chosen), np.flatnonzero(day == chosen - DAY_MS)
    for name in (*PRICES, "volume"):
        columns[name][now] = columns[name][before]
    return Planted(with_columns(series, columns), (chosen,), DAY_MS, frozenset({Kind.OUTLIER}))


def splits(series: Series, rng: np.random.Generator) -> Planted | None:
    """Raw prices: what was before a split is higher, and fewer shares were traded."""
    if series.name.kind is not SeriesKind.STOCK_BARS:
        return None
    columns = columns_of(series)
    times = columns["open_time"]
    starts = np.flatnonzero(np.diff(times) > HOUR_MS) + 1
    starts = starts[(starts > _MARGIN) & (starts < len(times) - _MARGIN)]
    calm = [row for row in starts.tolist() if abs(np.log(columns["close"][row] / columns["close"][row - 1])) < 0.02]
    row = int(rng.choice(calm))
    ratio = float(rng.choice([1.5, 2.0, 3.0, 4.0, 7.0, 10.0, 20.0, 0.1, 0.05]))
    for name in PRICES:
        columns[name][:row] *= ratio
    columns["volume"][:row] /= ratio
    return _edited(series, [row], columns)


def symbol_changes(series: Series, rng: np.random.Generator) -> Planted | None:
    """Early rows of another company: another price, another volume; half of the time with months between."""
    if series.name.kind is not SeriesKind.STOCK_BARS or _bar_ms(series) < DAY_MS:
        return None
    columns = columns_of(series)
    n = len(columns["close"])
    row = int(rng.integers(n // 4, n * 3 // 4))
    factor = float(rng.choice([0.013, 0.07, 17.0]))
    for name in PRICES:
        columns[name][:row] *= factor
    columns["volume"][:row] /= 300.0
    kept = np.ones(n, dtype=bool)
    hole = 100 if rng.random() < 0.5 else 0
    kept[row - hole : row] = False
    planted = with_columns(series, _taken(columns, np.flatnonzero(kept)))
    times = columns["open_time"]
    first = int(times[row - hole - 1]) if hole else int(times[row])
    return Planted(planted, (first,), 200 * DAY_MS if hole else 0, frozenset({Kind.GAP} if hole else ()))


def _chain_rows(series: Series, rng: np.random.Generator, places: int, wanted: np.ndarray) -> list[int]:
    return sorted(int(each) for each in rng.choice(np.flatnonzero(wanted), places, replace=False))


def crossed_quotes(series: Series, rng: np.random.Generator) -> Planted:
    columns = columns_of(series)
    rows = _chain_rows(series, rng, PLACES, columns["bid"] > 1)
    columns["bid"][rows] = columns["ask"][rows] * 1.05
    return _chain(series, columns, tuple(int(columns["time"][row]) for row in rows))


def one_sided_quotes(series: Series, rng: np.random.Generator) -> Planted:
    columns = columns_of(series)
    rows = _chain_rows(series, rng, PLACES, columns["bid"] > 2)
    for row in rows:
        columns["bid" if rng.random() < 0.5 else "ask"][row] = np.nan
    return _chain(series, columns, tuple(int(columns["time"][row]) for row in rows))


def early_ends(series: Series, rng: np.random.Generator) -> Planted:
    """Contracts gone from some day on."""
    columns = columns_of(series)
    days = np.unique(columns["time"])
    still = columns["contract"][columns["time"] == days[-1]]
    gone = rng.choice(still, 2, replace=False)
    day = days[len(days) // 2]
    kept = ~(np.isin(columns["contract"], gone) & (columns["time"] > day))
    # The other right of each strike goes, too: otherwise strikes would be missing.
    place = int(day) - int(day) % DAY_MS
    planted = _chain(series, _taken(columns, np.flatnonzero(kept)), (place, place))
    return Planted(planted.series, planted.times, 0, frozenset({Kind.MISSING_STRIKE}))


def missing_strikes(series: Series, rng: np.random.Generator) -> Planted:
    """A strike near the money that an expiry lacks on every day, and one with a put alone."""
    columns = columns_of(series)
    expiries = np.unique(columns["expiry"])
    hole = (columns["expiry"] == expiries[-1]) & (columns["strike"] == 100.0)
    lonely = (columns["expiry"] == expiries[-2]) & (columns["strike"] == 97.5) & (columns["right"] == "call")
    days = np.unique(columns["time"]) // DAY_MS * DAY_MS
    planted = _chain(series, _taken(columns, np.flatnonzero(~(hole | lonely))), tuple(days[:2].tolist()))
    return Planted(planted.series, planted.times, 30 * DAY_MS)


def _chain(series: Series, columns: Columns, times: tuple[int, ...]) -> Planted:
    texts = {name: pa.array(columns[name].tolist(), pa.string()) for name in ("contract", "right")}
    dates = {"expiry": columns["expiry"].astype("datetime64[D]")}
    numbers = {name: columns[name].astype(np.float64) for name in ("strike", "bid", "ask")}
    return Planted(with_columns(series, {"time": columns["time"], **texts, **dates, **numbers}), times, 0)


IN_BARS: dict[str, tuple[FindingKind, Plant]] = {
    "duplicates": (Kind.DUPLICATE, duplicates),
    "disorder": (Kind.DISORDER, disorder),
    "misaligned": (Kind.MISALIGNED, misaligned),
    "gaps": (Kind.GAP, gaps),
    "truncated days": (Kind.TRUNCATED_DAY, truncated_days),
    "closed market": (Kind.CLOSED_MARKET, closed_market),
    "half days": (Kind.HALF_DAY, half_days),
    "time zones": (Kind.TIME_ZONE, time_zones),
    "contradictions": (Kind.CONTRADICTION, contradictions),
    "bad prices": (Kind.BAD_PRICE, bad_prices),
    "bad volumes": (Kind.BAD_VOLUME, bad_volumes),
    "outliers": (Kind.OUTLIER, outliers),
    "stale copies": (Kind.STALE_COPY, stale_copies),
    "stale days": (Kind.STALE_COPY, stale_days),
    "splits": (Kind.SPLIT, splits),
    "symbol changes": (Kind.SYMBOL_CHANGE, symbol_changes),
}
IN_CHAINS: dict[str, tuple[FindingKind, Plant]] = {
    "crossed quotes": (Kind.CROSSED_QUOTE, crossed_quotes),
    "one-sided quotes": (Kind.ONE_SIDED_QUOTE, one_sided_quotes),
    "early ends": (Kind.EARLY_END, early_ends),
    "missing strikes": (Kind.MISSING_STRIKE, missing_strikes),
}
