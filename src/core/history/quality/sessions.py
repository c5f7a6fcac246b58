"""When a market was open: sessions of an exchange's calendar, half days included, or the UTC days of one that never
closes."""

import warnings
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from core.domain.errors import SettingsError
from core.history.quality.marks import Times

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
ALWAYS_OPEN = "24/7"
US_STOCKS = "XNYS"
"""New York; Nasdaq keeps the same hours and holidays."""

_BEFORE_HOURS_MS = int(5.5 * HOUR_MS)
"""US stocks trade from 4:00 before an opening at 9:30, and for four hours after the close, after an early one too."""
_AFTER_HOURS_MS = 4 * HOUR_MS
FIRST_YEAR, LAST_YEAR = 1900, 2099
_SPREAD_MS = 10 * DAY_MS


_COLUMNS = ("days", "opens", "closes", "first_trades", "last_trades", "is_early")


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Trading sessions in order, `n` of them. Times are UTC ms."""

    calendar: str
    zone: str
    """IANA name of the zone whose dates name the sessions."""
    days: Times  # (n,) midnight UTC of the session's date
    opens: Times  # (n,)
    closes: Times  # (n,)
    first_trades: Times  # (n,) extended hours begin
    last_trades: Times  # (n,) extended hours end
    is_early: np.ndarray[Any, np.dtype[np.bool_]]  # (n,) closes before the usual time

    def __len__(self) -> int:
        return len(self.days)

    @property
    def never_closes(self) -> bool:
        return self.calendar == ALWAYS_OPEN

    def at(self, chosen: "slice | np.ndarray[Any, np.dtype[np.bool_]]") -> "Sessions":
        return Sessions(self.calendar, self.zone, *(getattr(self, name)[chosen] for name in _COLUMNS))


def sessions_between(calendar: str, first_ms: int, last_ms: int) -> Sessions:
    """Every session that touches [first_ms, last_ms], which lie in `FIRST_YEAR` to `LAST_YEAR`. `calendar` is `24/7` or
    a name of `exchange_calendars`."""
    if calendar == ALWAYS_OPEN:
        return _days(first_ms, last_ms)
    # Whole decades: the next series will want much the same.
    first_year, last_year = (_year(each) // 10 * 10 for each in (first_ms - _SPREAD_MS, last_ms + _SPREAD_MS))
    everything = _exchange(calendar, first_year, last_year + 9)
    start = int(np.searchsorted(everything.last_trades, first_ms, side="right"))
    end = int(np.searchsorted(everything.first_trades, last_ms, side="right"))
    # A bar of a whole day may begin at midnight, before its session does.
    day = int(np.searchsorted(everything.days, last_ms, side="right"))
    end = max(end, day, start)
    return everything.at(slice(start, end))


def _days(first_ms: int, last_ms: int) -> Sessions:
    opens = np.arange(first_ms - first_ms % DAY_MS, last_ms + 1, DAY_MS, dtype=np.int64)
    closes = opens + DAY_MS
    return Sessions(ALWAYS_OPEN, "UTC", opens, opens, closes, opens, closes, np.zeros(len(opens), dtype=bool))


@lru_cache(maxsize=8)
def _exchange(calendar: str, first_year: int, last_year: int) -> Sessions:
    import exchange_calendars  # noqa: PLC0415 - half a second, and only stocks need it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=FutureWarning)  # exchange_calendars on pandas' coming ways
        warnings.simplefilter("ignore", category=DeprecationWarning)
        start, end = pd.Timestamp(first_year, 1, 1), pd.Timestamp(last_year, 12, 31)
        try:
            known = exchange_calendars.get_calendar(calendar, start=start, end=end)
        except ValueError:  # it is not known that far; to ask first would take as long again
            some = exchange_calendars.get_calendar(calendar)
            earliest, latest = some.bound_min() or start, some.bound_max() or end
            known = exchange_calendars.get_calendar(calendar, start=max(start, earliest), end=min(end, latest))
    opens, closes = _ms(known.schedule["open"]), _ms(known.schedule["close"])
    days = _ms(known.sessions)
    is_early = np.isin(days, _ms(known.early_closes))
    return Sessions(
        calendar, str(known.tz), days, opens, closes, opens - _BEFORE_HOURS_MS, closes + _AFTER_HOURS_MS, is_early
    )


def session_days(times: Times, zone: str) -> Times:
    """Midnight UTC of the date that each daily bar is of: UTC midnight is a bare date; else the date in `zone`."""
    if not (times % DAY_MS).any():
        return times
    local = pd.DatetimeIndex(times.astype("datetime64[ms]"), tz="UTC").tz_convert(zone).tz_localize(None)
    dates = np.asarray(local.to_numpy().astype("datetime64[D]").astype("datetime64[ms]").astype(np.int64))
    return np.where(times % DAY_MS == 0, times, dates)


def _ms(times: Any) -> Times:
    index = pd.DatetimeIndex(times)
    if index.tz is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    return np.asarray(index.to_numpy().astype("datetime64[ms]").astype(np.int64), dtype=np.int64)


def _year(time_ms: int) -> int:
    return int(np.datetime64(time_ms, "ms").astype("datetime64[Y]").astype(int)) + 1970


def check_calendar(calendar: str | None) -> None:
    """Raises `SettingsError` for a name that no calendar has; `None` passes."""
    if calendar in (None, ALWAYS_OPEN, US_STOCKS):
        return
    import exchange_calendars  # noqa: PLC0415 - half a second, and only other exchanges need it

    known = exchange_calendars.get_calendar_names()
    if calendar not in known:
        nearest = get_close_matches(str(calendar).upper(), known, n=3)
        hint = f"; did you mean {', '.join(nearest)}" if nearest else ""
        raise SettingsError(f"no calendar is called {calendar!r}{hint}")
