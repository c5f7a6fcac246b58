"""Clean series are not accused; each kind of defect is found where it was planted, and nothing else is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.candles import Timeframe
from core.domain.series import SeriesKind
from core.history.quality.examine import calendar_of, examine
from core.history.quality.report import FindingKind, QualityReport
from core.history.quality.sessions import DAY_MS
from core.history.series import SCHEMAS, Series
from tests.market_series import (
    START_MS,
    chain,
    columns_of,
    crypto_minutes,
    series_of,
    stock_days,
    stock_minutes,
    with_columns,
)
from tests.planted_defects import IN_BARS, IN_CHAINS, Plant, Planted

CHRISTMAS_MS = 1_608_508_800_000  # 2020-12-21
CLEAN = {
    "crypto minutes": crypto_minutes(np.random.default_rng(1), days=3),
    "stock days": stock_days(np.random.default_rng(2), days=600),
    "stock minutes": stock_minutes(np.random.default_rng(3), days=6, start_ms=CHRISTMAS_MS),
    "chain": chain(np.random.default_rng(4)),
}
CASES = [
    pytest.param(series, kind, plant, id=f"{defect} in {base}")
    for base, series in CLEAN.items()
    for defect, (kind, plant) in (IN_CHAINS if base == "chain" else IN_BARS).items()
    if plant(series, np.random.default_rng(0)) is not None
]


def kinds(report: QualityReport) -> set[FindingKind]:
    return {each.kind for each in report.findings}


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_series_is_not_accused(name: str):
    report = examine(CLEAN[name])
    assert report.findings == ()
    assert report.score == 1.0
    assert report.n_rows == len(CLEAN[name])


@pytest.mark.parametrize(("series", "kind", "plant"), CASES)
def test_a_defect_is_found_where_it_is(series: Series, kind: FindingKind, plant: Plant):
    planted = plant(series, np.random.default_rng(5))
    assert planted is not None
    report = examine(planted.series)
    finding = report.finding(kind)
    assert finding is not None, report
    for time_ms in planted.times:
        assert any(abs(place.time_ms - time_ms) <= planted.tolerance_ms for place in finding.places), finding
    assert kinds(report) - planted.follows == {kind}
    assert report.score < 1.0


@settings(max_examples=25)
@given(st.data())
def test_another_defect_never_raises_the_score(data: st.DataObject):
    """Of kinds that leave the rows of the others alone."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    names = data.draw(st.lists(st.sampled_from(["duplicates", "bad volumes", "contradictions", "gaps"]), max_size=4))
    series, score = CLEAN["stock days"], 1.0
    for name in names:
        planted = IN_BARS[name][1](series, rng)
        assert isinstance(planted, Planted)
        series = planted.series
        lower = examine(series).score
        assert lower <= score + 1e-12
        score = lower


def test_no_rows_are_worth_nothing():
    name = CLEAN["stock days"].name
    report = examine(Series(name, SCHEMAS[name.kind].empty_table()))
    assert report.score == 0.0
    assert kinds(report) == {FindingKind.EMPTY}


def test_one_row_is_no_reason():
    assert examine(Series(CLEAN["stock days"].name, CLEAN["stock days"].rows.slice(5, 1))).score == 1.0


def test_what_a_series_should_cover_is_missed_at_its_ends():
    series = CLEAN["crypto minutes"]
    times = columns_of(series)["open_time"]
    report = examine(series, covers=(int(times[0]) - DAY_MS, int(times[-1])))
    gap = report.finding(FindingKind.GAP)
    assert gap is not None
    assert gap.count == 1_440


def test_years_without_a_minute_are_counted_not_walked_through():
    series = CLEAN["crypto minutes"]
    columns = columns_of(series)
    columns["open_time"][0] = 0  # the epoch, as where a time was lost
    report = examine(with_columns(series, columns))
    gap, hole = report.finding(FindingKind.GAP), report.finding(FindingKind.SYMBOL_CHANGE)
    assert gap is not None
    assert hole is not None
    assert gap.count == columns["open_time"][1] // 60_000 - 1
    assert [place.words[:21] for place in hole.places] == ["1970-01-01: nothing u"]


@pytest.mark.parametrize("time_ms", [-(2**60), 2**60])
def test_times_that_cannot_be_are_named(time_ms: int):
    series = CLEAN["crypto minutes"]
    columns = columns_of(series)
    columns["open_time"][-1 if time_ms > 0 else 0] = time_ms
    report = examine(with_columns(series, columns))
    disorder = report.finding(FindingKind.DISORDER)
    assert disorder is not None
    assert disorder.places[0].words == f"{time_ms} ms since 1970 is no time of a market"
    assert report.n_rows == len(series)


def test_a_bar_without_prices_is_a_bar_in_which_nothing_traded():
    series = CLEAN["stock minutes"]
    columns = columns_of(series)
    for name in ("open", "high", "low", "close"):
        columns[name][100:103] = np.nan
    columns["volume"][100:103] = 0.0
    assert examine(with_columns(series, columns)).findings == ()


def test_extended_hours_are_no_defect():
    series = stock_minutes(np.random.default_rng(6), days=5)
    columns = columns_of(series)
    extra = columns["open_time"][:1] - 60_000 * np.arange(300, 0, -1)  # from 4:30 in the morning
    before = {name: np.concatenate([np.full(300, columns["open"][0]), column]) for name, column in columns.items()}
    before["open_time"] = np.concatenate([extra, columns["open_time"]])
    assert examine(with_columns(series, before)).findings == ()


def test_a_holiday_that_repeats_the_day_before():
    series = stock_minutes(np.random.default_rng(7), days=5)  # from 2019-12-31
    columns = columns_of(series)
    eve = np.flatnonzero(columns["open_time"] < START_MS)
    order = np.concatenate([eve, eve, np.arange(len(eve), len(series))])
    filled = {name: column[order] for name, column in columns.items()}
    filled["open_time"][len(eve) : 2 * len(eve)] += DAY_MS
    report = examine(with_columns(series, filled))
    assert kinds(report) == {FindingKind.CLOSED_MARKET, FindingKind.STALE_COPY}
    assert {each.count for each in report.findings} == {len(eve)}


def test_a_jump_of_a_price_without_volumes():
    columns = columns_of(CLEAN["stock days"])
    columns["volume"][:] = np.nan
    for name in ("open", "high", "low", "close"):
        columns[name][:100] *= 2
    assert kinds(examine(with_columns(CLEAN["stock days"], columns))) == {FindingKind.SPLIT}


def test_dates_of_new_york_s_midnight_are_the_days_they_name():
    series = CLEAN["stock days"]
    columns = columns_of(series)
    columns["open_time"] = columns["open_time"] + 5 * 3_600_000  # midnight there, in winter
    assert examine(with_columns(series, columns)).findings == ()


def test_bars_need_a_timeframe():
    columns = columns_of(CLEAN["stock days"])
    with pytest.raises(ValueError, match="bars need a timeframe"):
        examine(series_of(SeriesKind.STOCK_BARS, "SPY", None, columns))


@pytest.mark.parametrize(
    ("kind", "symbol", "calendar"),
    [
        (SeriesKind.CANDLES, "BTC/USDT", "24/7"),
        (SeriesKind.STOCK_BARS, "SPY", "XNYS"),
        (SeriesKind.OPTION_BARS, "SPY240119C00470000", "XNYS"),
        (SeriesKind.OPTION_BARS, "BTC-27DEC24-60000-C", "24/7"),
        (SeriesKind.QUOTES, "AAPL", "XNYS"),
        (SeriesKind.QUOTES, "BTC/USD", "24/7"),
    ],
)
def test_the_calendar_follows_from_the_series(kind: SeriesKind, symbol: str, calendar: str):
    assert calendar_of(series_of(kind, symbol, Timeframe.M1, _one_row(kind)).name) == calendar


def _one_row(kind: SeriesKind) -> dict[str, np.ndarray]:
    return {SCHEMAS[kind].field(0).name: np.array([0])}
