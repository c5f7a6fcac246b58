"""Examines one series: all checks that its kind has, and the report."""

import numpy as np
import pyarrow as pa

from core.domain.candles import Timeframe
from core.domain.series import SeriesKind, SeriesName
from core.history.contracts import parse_contract
from core.history.quality.bars import Bars, bars_of, ordered, times_of
from core.history.quality.calendar_checks import calendar_findings, shifted_sessions
from core.history.quality.chains import chain_findings
from core.history.quality.copies import copies
from core.history.quality.events import funding_findings, quote_series_findings, skew_finding, trade_findings
from core.history.quality.jumps import breaks, outliers
from core.history.quality.marks import Flags, Floats, Times
from core.history.quality.prices import price_findings
from core.history.quality.report import Finding, FindingKind, Place, QualityReport
from core.history.quality.sessions import ALWAYS_OPEN, FIRST_YEAR, LAST_YEAR, US_STOCKS, Sessions, sessions_between
from core.history.series import Series

_FIRST_MS, _AFTER_MS = (
    int(np.datetime64(f"{year}-01-01", "ms").astype(np.int64)) for year in (FIRST_YEAR, LAST_YEAR + 1)
)


def calendar_of(name: SeriesName) -> str:
    """The calendar that a series keeps unless somebody knows better: New York's for US stocks and their options."""
    is_occ = "-" not in name.symbol and parse_contract(name.symbol) is not None
    if name.kind is SeriesKind.STOCK_BARS or is_occ:
        return US_STOCKS
    is_plain = name.symbol.isalpha() and name.kind in (SeriesKind.QUOTES, SeriesKind.TRADES)
    return US_STOCKS if is_plain else ALWAYS_OPEN


def examine(
    series: Series,
    calendar: str | None = None,
    covers: tuple[int, int] | None = None,
    delays_ms: Floats | None = None,
) -> QualityReport:
    """`calendar`: `24/7` or a name of `exchange_calendars`; `None`: by the series' kind. `covers`: UTC ms of the first
    and the last row that it should have; `None`: those that it has. `delays_ms`: of each row, how much later it was
    received; `None`: nobody knows. Takes CPU: a few tenths of a second for a million bars, so not in the loop."""
    rows, name = series.rows, series.name
    if not rows.num_rows:
        return QualityReport(name, 0, None, None, (Finding(FindingKind.EMPTY, 1, 1, ()),))
    times = times_of(rows.column(0))
    possible = (times >= _FIRST_MS) & (times < _AFTER_MS)
    if not possible.all():
        return _without_impossible(series, times, possible, calendar, covers)
    first, last = int(times.min()), int(times.max())
    findings = _findings(series, calendar or calendar_of(name), covers or (first, last))
    if delays_ms is not None and (skew := skew_finding(times, delays_ms)) is not None:
        findings.append(skew)
    return QualityReport(name, rows.num_rows, first, last, tuple(merged(findings)))


def _without_impossible(
    series: Series, times: Times, possible: Flags, calendar: str | None, covers: tuple[int, int] | None
) -> QualityReport:
    """The report of the rows whose times can be; the others count as out of order."""
    rest = Series(series.name, series.rows.filter(pa.array(possible)))
    report = examine(rest, calendar, covers)
    count = int(np.count_nonzero(~possible))
    place = Place(int(times[~possible][0]), f"{times[~possible][0]} ms since 1970 is no time of a market")
    impossible = Finding(FindingKind.DISORDER, count, max(count, len(rest)), (place,))
    findings = merged([impossible, *report.findings])
    return QualityReport(series.name, len(series), report.first_ms, report.last_ms, tuple(findings))


def merged(findings: list[Finding]) -> list[Finding]:
    """One finding a kind: several checks may have found the same kind in different ways."""
    by_kind: dict[FindingKind, Finding] = {}
    for each in findings:
        before = by_kind.get(each.kind)
        if before is None:
            by_kind[each.kind] = each
        else:
            places = (*before.places, *each.places)[:5]
            by_kind[each.kind] = Finding(
                each.kind, before.count + each.count, max(before.of, each.of, before.count + each.count), places
            )
    return sorted(by_kind.values(), key=lambda each: -each.cost)


def _findings(series: Series, calendar: str, covers: tuple[int, int]) -> list[Finding]:
    rows, kind, timeframe = series.rows, series.name.kind, series.name.timeframe
    if kind is SeriesKind.OPTION_CHAIN:
        return chain_findings(rows, is_intraday=timeframe is not None and timeframe is not Timeframe.D1)
    if kind is SeriesKind.TRADES:
        return trade_findings(rows)
    if kind is SeriesKind.FUNDING:
        return funding_findings(rows)
    if kind is SeriesKind.QUOTES:
        return quote_series_findings(rows) + _grid_findings(rows, timeframe, calendar, covers)
    if timeframe is None:
        raise ValueError(f"{series.name}: bars need a timeframe")
    bars, findings = ordered(bars_of(rows))
    wrong, usable = price_findings(bars)
    findings += wrong
    if kind is SeriesKind.OPTION_BARS:  # contracts trade now and then, and their prices leap
        return findings
    sessions = _sessions(calendar, bars.times, covers)
    may_be_thin = kind is SeriesKind.STOCK_BARS  # their sources leave out minutes without a trade
    findings += calendar_findings(bars.times, timeframe.ms, sessions, covers, may_be_thin=may_be_thin)
    return findings + _price_history_findings(bars, bars.at(usable), timeframe.ms, sessions)


def _price_history_findings(bars: Bars, good: Bars, bar_ms: int, sessions: Sessions) -> list[Finding]:
    """`good`: the bars whose prices can be."""
    shifted = shifted_sessions(bars.times, bars.volume, bar_ms, sessions)
    if not len(good):
        return [] if shifted is None else [shifted]
    outlier, bad = outliers(good, bar_ms)
    found = [each for each in (shifted, outlier, copies(good, bar_ms, sessions)) if each is not None]
    return found + breaks(good, bad, bar_ms)


def _grid_findings(
    rows: pa.Table, timeframe: Timeframe | None, calendar: str, covers: tuple[int, int]
) -> list[Finding]:
    if timeframe is None:
        return []
    times: Times = np.unique(times_of(rows.column(0)))
    return calendar_findings(times, timeframe.ms, _sessions(calendar, times, covers), covers, may_be_thin=True)


def _sessions(calendar: str, times: Times, covers: tuple[int, int]) -> Sessions:
    return sessions_between(calendar, min(int(times[0]), covers[0]), max(int(times[-1]), covers[1]))
