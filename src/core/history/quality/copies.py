"""Bars and days that repeat what was before, as a holiday does where a source fills it in."""

import numpy as np
from numpy.typing import NDArray

from core.history.quality.bars import PRICES, Bars
from core.history.quality.marks import Flags, found, runs
from core.history.quality.report import Finding, FindingKind
from core.history.quality.sessions import DAY_MS, Sessions

_LEAST_REPEATS = 2
"""Copies in a row that bars of less than a day need: two bars alike are chance now and then."""
_LEAST_DAY_BARS = 10


def copies(bars: Bars, bar_ms: int, sessions: Sessions) -> Finding | None:
    """Bars alike in all that was traded. Bars without movement are no copies: nothing need have traded."""
    alike = np.zeros(len(bars), dtype=bool)
    alike[1:] = (bars.high > bars.low)[1:]
    for name in PRICES:
        column = getattr(bars, name)
        alike[1:] &= column[1:] == column[:-1]
    alike[1:] &= (bars.volume[1:] == bars.volume[:-1]) | np.isnan(bars.volume[1:]) | (bars.volume[1:] == 0)
    if bar_ms < DAY_MS:
        starts, ends = runs(alike)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            if end - start < _LEAST_REPEATS:
                alike[start:end] = False
        alike |= _copied_days(bars, sessions)
    starts, ends = runs(alike)

    def words(row: int) -> str:
        count = int(ends[np.searchsorted(starts, row)] - row)
        return "repeats what was before" if count == 1 else f"{count:,} bars repeat what was before"

    return found(FindingKind.STALE_COPY, starts, bars.times, count=int(alike.sum()), of=len(bars), words=words)


def _copied_days(bars: Bars, sessions: Sessions) -> Flags:
    """Bars of days whose every bar is that of the same time on the day before."""
    flags = np.zeros(len(bars), dtype=bool)
    bounds = _day_bounds(bars, sessions)
    for before, start, end in zip(bounds[:-2].tolist(), bounds[1:-1].tolist(), bounds[2:].tolist(), strict=True):
        if end - start != start - before or end - start < _LEAST_DAY_BARS or bars.close[before] != bars.close[start]:
            continue
        now, then = slice(start, end), slice(before, start)
        moved = np.ptp(bars.close[now]) > 0
        if moved and all(np.array_equal(getattr(bars, name)[now], getattr(bars, name)[then]) for name in PRICES):
            flags[now] = True
    return flags


def _day_bounds(bars: Bars, sessions: Sessions) -> NDArray[np.intp]:
    """Index of the first bar of each day, and the number of bars. Days of an exchange that closes are told by its
    sessions' UTC dates, which holidays have too."""
    day = bars.times // DAY_MS if sessions.never_closes else (bars.times - _night_ms(sessions)) // DAY_MS
    return np.concatenate(([0], np.flatnonzero(np.diff(day)) + 1, [len(bars)]))


def _night_ms(sessions: Sessions) -> int:
    """A time of the UTC day at which the exchange is closed whatever the season."""
    return int(sessions.first_trades[0] % DAY_MS) - DAY_MS // 24 if len(sessions) else 0
