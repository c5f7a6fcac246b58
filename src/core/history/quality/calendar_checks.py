"""Bars against the calendar of their exchange: what is missing, what should not be there, what is at the wrong hour."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.history.quality.marks import Flags, Times, clock, found, marked, runs
from core.history.quality.report import Finding, FindingKind
from core.history.quality.sessions import DAY_MS, HOUR_MS, Sessions, session_days

_DENSE = 0.98
"""Share of the bars of a usual session from which on every missing bar is a gap, of sources that fill in quiet ones."""
_DENSEST = 0.995
"""What the others are taken for at best."""
_CHANCE = 1e-6
"""A run of missing bars in a thin series is a gap where chance would explain it no better than this."""
_TRUNCATED = 0.02
"""Share of a session that must be missing at its end, or at its beginning, to call the day truncated."""
_REGULAR_ONLY = 0.01
"""Share of bars outside regular hours up to which a series has only regular hours."""
_LONG_HOLE_MS = 90 * DAY_MS


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """Where bars are expected, and which are there."""

    times: Times  # (m,)
    session: NDArray[np.intp]  # (m,) which session each belongs to
    present: Flags  # (m,)


def calendar_findings(
    times: Times, bar_ms: int, sessions: Sessions, covers: tuple[int, int], *, may_be_thin: bool
) -> list[Finding]:
    """`times` in order, without repeats; `covers`: first and last opening time that the series should have.
    `may_be_thin`: a bar in which nothing happened may be left out, so only longer runs are gaps."""
    if bar_ms >= DAY_MS:
        return _daily(times, sessions, covers)
    hole = _in_long_hole(times, sessions)
    n_in_holes = int(_n_slots(times, bar_ms, sessions)[1][hole].sum())
    kept = sessions.at(~hole)
    slots = slots_of(times, bar_ms, kept, covers)
    findings = [*_gaps(slots, kept, n_in_holes, may_be_thin=may_be_thin), _long_holes(times)]
    findings.append(_misaligned(times, bar_ms, sessions))
    if not sessions.never_closes:
        findings += _closed(times, bar_ms, sessions)
    return [each for each in findings if each is not None]


def slots_of(times: Times, bar_ms: int, sessions: Sessions, covers: tuple[int, int]) -> Slots:
    """One slot for each bar that overlaps regular hours, on the grid that most bars are on."""
    starts, counts = _n_slots(times, bar_ms, sessions)
    session = np.repeat(np.arange(len(sessions)), counts)
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    wanted = starts[session] + place * bar_ms
    within = (wanted >= covers[0]) & (wanted <= covers[1])
    wanted, session = wanted[within], session[within]
    return Slots(wanted, session, is_in(wanted, times))


def _n_slots(times: Times, bar_ms: int, sessions: Sessions) -> tuple[Times, NDArray[np.int64]]:
    """Of each session: its first slot, and how many it has."""
    starts = sessions.opens - (sessions.opens - _phase(times, bar_ms)) % bar_ms
    return starts, -((starts - sessions.closes) // bar_ms)


def _in_long_hole(times: Times, sessions: Sessions) -> Flags:
    """Sessions of months without a bar: too many to look at one slot after the other."""
    before = np.searchsorted(times, sessions.opens - DAY_MS)  # the first bar from a day before the session on
    last, following = np.maximum(before - 1, 0), np.minimum(before, len(times) - 1)
    is_inside = (before > 0) & (before < len(times)) & (times[following] > sessions.closes + DAY_MS)
    return np.asarray(is_inside & (times[following] - times[last] >= _LONG_HOLE_MS))


def is_in(wanted: Times, times: Times) -> Flags:
    """Which of `wanted` are in `times`; both in order."""
    if not len(times):
        return np.zeros(len(wanted), dtype=bool)
    place = np.minimum(np.searchsorted(times, wanted), len(times) - 1)
    return np.asarray(times[place] == wanted)


def _phase(times: Times, bar_ms: int) -> int:
    """How far after a multiple of their length most bars begin (half past for hours of stocks)."""
    phases, counts = np.unique(times % bar_ms, return_counts=True)
    return int(phases[np.argmax(counts)])


def _gaps(slots: Slots, sessions: Sessions, n_in_holes: int, *, may_be_thin: bool) -> list[Finding | None]:
    if not len(slots.times):
        return []
    least = _least_run(slots, len(sessions), may_be_thin=may_be_thin)
    starts, ends = runs(~slots.present)
    long = ends - starts >= least
    starts, ends = starts[long], ends[long]
    missing = int((ends - starts).sum()) + n_in_holes

    def words(row: int) -> str:
        run = int(np.searchsorted(starts, row, side="right")) - 1
        count = int(ends[run] - starts[run])
        return "1 bar missing" if count == 1 else f"{count:,} bars missing, to {clock(int(slots.times[ends[run] - 1]))}"

    of = len(slots.times) + n_in_holes
    gap = found(FindingKind.GAP, starts, slots.times, count=missing, of=of, words=words)
    return [gap, _truncated(slots, sessions, starts, ends)]


def _least_run(slots: Slots, n_sessions: int, *, may_be_thin: bool) -> int:
    """How many missing bars in a row are a gap: one, unless the series is so thin that more are to be expected. The
    median of the sessions says how thin, so that a few bad ones do not excuse themselves."""
    wanted = np.bincount(slots.session, minlength=n_sessions)
    have = np.bincount(slots.session[slots.present], minlength=n_sessions)
    there = have > 0
    if not there.any():
        return 1
    coverage = float(np.median(have[there] / wanted[there]))
    if coverage >= _DENSE and not may_be_thin:
        return 1
    return int(np.ceil(np.log(_CHANCE) / np.log(1.0 - min(coverage, _DENSEST))))


def _truncated(slots: Slots, sessions: Sessions, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> Finding | None:
    """Sessions that are there in part, but not from their beginning or not to their end: runs of missing slots cut
    those that they begin in, and those that they end in."""
    n = len(slots.session)
    begins = np.flatnonzero(np.concatenate(([True], slots.session[1:] != slots.session[:-1])))
    stops = np.append(begins[1:], n)
    is_there = np.add.reduceat(slots.present.astype(np.int64), begins) > 0
    last_there = np.searchsorted(ends, stops, side="left")  # the first run that ends at the session's end or later
    first_there = np.searchsorted(starts, begins, side="right") - 1
    missing_end, missing_start = np.zeros(len(begins), dtype=np.int64), np.zeros(len(begins), dtype=np.int64)
    if len(starts):
        run = np.minimum(last_there, len(starts) - 1)
        reaches = (starts[run] < stops) & (ends[run] >= stops)
        missing_end = np.where(reaches, stops - np.maximum(starts[run], begins), 0)
        run = np.maximum(first_there, 0)
        reaches = (starts[run] <= begins) & (ends[run] > begins)
        missing_start = np.where(reaches, np.minimum(ends[run], stops) - begins, 0)
    least = np.maximum(_TRUNCATED * (stops - begins), 1)
    late, early = is_there & (missing_start >= least), is_there & (missing_end >= least)
    rows = np.flatnonzero(late | early)

    def words(row: int) -> str:
        have = slots.times[begins[row] : stops[row]][slots.present[begins[row] : stops[row]]]
        parts = [f"begins at {clock(int(have[0]))}"] if late[row] else []
        parts += [f"stops at {clock(int(have[-1]))}"] if early[row] else []
        return f"the day {' and '.join(parts)}"

    days = sessions.days[slots.session[begins]]
    return found(FindingKind.TRUNCATED_DAY, rows, days, count=len(rows), of=len(begins), words=words)


def _long_holes(times: Times) -> Finding | None:
    """Months without a row: where it goes on under the same name it may be somebody else's."""
    rows = np.flatnonzero(np.diff(times) >= _LONG_HOLE_MS)

    def words(row: int) -> str:
        return f"nothing until {clock(int(times[row + 1]))}; another holder of the name, perhaps"

    return found(FindingKind.SYMBOL_CHANGE, rows, times, count=len(rows), of=len(rows), words=words)


def _misaligned(times: Times, bar_ms: int, sessions: Sessions) -> Finding | None:
    """Bars off the grid; where an exchange closes, its sessions may begin off the grid of the day."""
    phase = _phase(times, bar_ms)
    off = (times - phase) % bar_ms != 0
    if phase and sessions.never_closes:
        off = times % bar_ms != 0
    return marked(FindingKind.MISALIGNED, off, times, len(times))


def _closed(times: Times, bar_ms: int, sessions: Sessions) -> list[Finding | None]:
    """Bars of US stocks may also be of the hours before and after; of a series of regular hours only, they may not."""
    session = np.searchsorted(sessions.first_trades, times + bar_ms, side="left") - 1
    known = np.maximum(session, 0)
    outside = (session < 0) | (times > sessions.last_trades[known])  # some sources end with the last quote
    irregular = ~outside & ((times >= sessions.closes[known]) | (times + bar_ms <= sessions.opens[known]))
    after_early = irregular & sessions.is_early[known] & (times >= sessions.closes[known])
    others = np.count_nonzero(irregular & ~after_early)
    n = len(times)
    findings = [marked(FindingKind.CLOSED_MARKET, outside, times, n, lambda row: "the market was closed")]
    if others <= _REGULAR_ONLY * n:
        findings.append(
            marked(
                FindingKind.HALF_DAY,
                after_early,
                times,
                n,
                lambda row: f"after the early close at {clock(int(sessions.closes[known[row]]))}",
            )
        )
    return findings


def _daily(times: Times, sessions: Sessions, covers: tuple[int, int]) -> list[Finding]:
    days = session_days(times, sessions.zone)
    first, last = (int(each) for each in session_days(np.asarray(covers, dtype=np.int64), sessions.zone))
    wanted = sessions.days[(sessions.days >= first) & (sessions.days <= last)]
    slots = Slots(wanted, np.arange(len(wanted)), is_in(wanted, days))
    if (shifted := _shifted_days(days, sessions)) is not None:
        return [shifted]
    findings: list[Finding | None] = [_long_holes(days)]
    starts, ends = runs(~slots.present)
    if len(starts):
        missing = int((ends - starts).sum())

        def words(row: int) -> str:
            count = int((ends - starts)[np.searchsorted(starts, row)])
            return "no bar of this day" if count == 1 else f"{count:,} days missing"

        findings.append(found(FindingKind.GAP, starts, wanted, count=missing, of=len(wanted), words=words))
    if sessions.never_closes:
        findings.append(marked(FindingKind.MISALIGNED, times % DAY_MS != 0, times, len(times)))
    closed = ~is_in(days, sessions.days)
    findings.append(marked(FindingKind.CLOSED_MARKET, closed, days, len(days), lambda row: "the market was closed"))
    return [each for each in findings if each is not None]


def _dates_are(side: str) -> Callable[[int], str]:
    return lambda row: f"dates are a day {side}"


def _shifted_days(days: Times, sessions: Sessions) -> Finding | None:
    """All bars a day early or late, as where a date has been through the wrong zone."""
    off = int(np.count_nonzero(~is_in(days, sessions.days)))
    if off < max(2, len(days) // 10):
        return None
    for shift in (-DAY_MS, DAY_MS):
        if np.count_nonzero(~is_in(days + shift, sessions.days)) <= off // 10:
            rows = np.flatnonzero(~is_in(days, sessions.days))
            side = "late" if shift < 0 else "early"
            return found(FindingKind.TIME_ZONE, rows, days, count=len(days), of=len(days), words=_dates_are(side))
    return None


_HOURS = np.array([hour for hour in range(-12, 13) if hour], dtype=np.int64)
_LEAST_BARS = 20


def shifted_sessions(times: Times, volume: NDArray[np.float64], bar_ms: int, sessions: Sessions) -> Finding | None:
    """Sessions whose trading fits regular hours clearly better when moved by whole hours: times of another zone, or of
    the wrong half of the year. Needs bars shorter than half an hour, and volumes (else bars count alike)."""
    if sessions.never_closes or bar_ms > HOUR_MS // 2 or not len(times):
        return None
    weight = np.where(np.isfinite(volume) & (volume > 0), volume, 0.0)
    if not weight.any():
        weight = np.ones(len(times))
    total = np.concatenate(([0.0], np.cumsum(weight)))

    def within(starts: Times, ends: Times) -> NDArray[np.float64]:
        return np.asarray(total[np.searchsorted(times, ends)] - total[np.searchsorted(times, starts)])

    half_day = 12 * HOUR_MS
    around = within(sessions.opens - half_day, sessions.opens + half_day + HOUR_MS)
    bars = np.searchsorted(times, sessions.opens + half_day) - np.searchsorted(times, sessions.opens - half_day)
    here = within(sessions.opens, sessions.closes)
    shifts = _HOURS * HOUR_MS
    moved = np.stack([within(sessions.opens + shift, sessions.closes + shift) for shift in shifts])  # (hours, n)
    moved[np.ix_(shifts > 0, sessions.is_early)] = 0.0  # after an early close people go on trading elsewhere
    best = np.argmax(moved, axis=0)
    gain = moved[best, np.arange(len(sessions))] - here
    rows = np.flatnonzero((bars >= _LEAST_BARS) & (around > 0) & (gain > 0.08 * np.maximum(around, 1e-300)))

    def words(row: int) -> str:
        hours = int(_HOURS[best[row]])
        return f"trading is {abs(hours)} h {'late' if hours > 0 else 'early'} on the exchange's hours"

    there = int(np.count_nonzero(bars))
    return found(FindingKind.TIME_ZONE, rows, sessions.days, count=len(rows), of=there, words=words)
