"""Recorded data: all of it loads, its traps are found, and what is good in it is not accused."""

from pathlib import Path

import numpy as np
import pytest

from core.domain.candles import Timeframe
from core.domain.series import SeriesKind
from core.history.files.discovery import series_in
from core.history.files.parts import FileSeries, Found
from core.history.files.reading import covers_of, delays_of, read_series
from core.history.quality.examine import examine
from core.history.quality.report import FindingKind, QualityReport

MIN_QUALITY = 0.75


@pytest.fixture(scope="module")
def found(recorded_data: Path) -> Found:
    return series_in(recorded_data)


def one(found: Found, folder: str, kind: SeriesKind, symbol: str, timeframe: Timeframe | None) -> FileSeries:
    wanted = (kind, symbol, timeframe)
    (series,) = (
        each
        for each in found.series
        if folder in str(each.parts[0].path) and (each.name.kind, each.name.symbol, each.name.timeframe) == wanted
    )
    return series


def report(series: FileSeries) -> QualityReport:
    return examine(read_series(series), covers=covers_of(series), delays_ms=delays_of(series))


def daily(found: Found, symbol: str, folder: str = "lean") -> QualityReport:
    return report(one(found, folder, SeriesKind.STOCK_BARS, symbol, Timeframe.D1))


def words(report: QualityReport, kind: FindingKind) -> list[str]:
    finding = report.finding(kind)
    return [] if finding is None else [place.words for place in finding.places]


def test_every_table_and_archive_is_known_but_for_order_books(found: Found):
    assert {path.name for path in found.unread} == {
        "btcusdt-depth-snap.csv",
        "btcusdt-depth-update.csv",
        "xrpusdt-ob500.data.zip",
    }
    kinds = {each.name.kind for each in found.series}
    assert kinds == set(SeriesKind) - {SeriesKind.MARK_CANDLES, SeriesKind.FUNDING}


def test_a_fund_through_two_crashes_is_good(found: Found):
    fund = daily(found, "SPY")
    assert (fund.n_rows, fund.findings) == (5_849, ())


def test_adjusted_prices_of_sixteen_stocks_are_good(found: Found):
    stocks = [each for each in found.series if "sp500_5yr" in str(each.parts[0].path)]
    assert len(stocks) == 16
    assert [each.name for each in stocks if report(each).findings] == []


def test_a_month_of_minutes_is_good(found: Found):
    candles = report(one(found, "nautilus", SeriesKind.CANDLES, "BTC/PERP", Timeframe.M1))
    assert (candles.n_rows, candles.findings) == (45_031, ())


def test_minutes_of_stocks_with_extended_hours_and_a_half_day_are_good(found: Found):
    for symbol in ("SPY", "GOOG"):
        for kind in (SeriesKind.STOCK_BARS, SeriesKind.QUOTES):
            assert report(one(found, "minute", kind, symbol, Timeframe.M1)).findings == ()


def test_qqq_has_no_rows_for_six_years(found: Found):
    qqq = daily(found, "QQQ")
    assert words(qqq, FindingKind.SYMBOL_CHANGE) == [
        "2004-11-30: nothing until 2011-03-23; another holder of the name, perhaps"
    ]
    gap = qqq.finding(FindingKind.GAP)
    assert gap is not None
    assert gap.count == 1_588
    assert qqq.score < 0.1


def test_raw_prices_across_splits(found: Found):
    apple = words(daily(found, "AAPL"), FindingKind.SPLIT)
    assert [each[:10] for each in apple] == ["2000-06-21", "2005-02-28", "2014-06-09", "2020-08-31"]
    assert "from 645.57 to 93.7" in apple[2]
    assert words(daily(found, "GOOG"), FindingKind.SPLIT) == ["2014-04-03 04:00: from 1135.1 to 569.74"]
    minutes = report(one(found, "minute", SeriesKind.STOCK_BARS, "AAPL", Timeframe.M1))
    assert [each[:10] for each in words(minutes, FindingKind.SPLIT)] == ["2014-06-09"]
    for symbol in ("AAPL", "GOOG", "IBM", "IWM", "BAC", "QQQ"):
        assert daily(found, symbol).score < MIN_QUALITY


def test_bad_prints_are_told_from_crashes(found: Found):
    """On 2008-09-30 Google's last trade was in error; the panic of that autumn, and Bank of America's fifth of
    2011-08-08, were not."""
    assert any(each.startswith("2008-09-30") for each in words(daily(found, "GOOG"), FindingKind.OUTLIER))
    assert daily(found, "BAC").finding(FindingKind.OUTLIER) is None
    assert daily(found, "IBM").finding(FindingKind.OUTLIER) is None


def test_trades_of_coinbase_stop_in_the_afternoon(found: Found):
    candles = report(one(found, "coinbase", SeriesKind.CANDLES, "BTC/USD", Timeframe.M1))
    assert words(candles, FindingKind.TRUNCATED_DAY) == ["2018-04-04: the day stops at 2018-04-04 16:47"]
    assert candles.score < MIN_QUALITY
    quotes = report(one(found, "coinbase", SeriesKind.QUOTES, "BTC/USD", Timeframe.M1))
    assert quotes.findings == ()


def test_facebook_begins_with_its_listing(found: Found):
    """No earlier rows of another holder are in these tables; that they would be found is tested with planted ones."""
    facebook = daily(found, "FB", "bokeh")
    assert facebook.findings == ()
    assert facebook.first_ms == 1_337_299_200_000  # 2012-05-18


def test_chains_end_when_their_contracts_do(found: Found):
    universe = report(one(found, "universes", SeriesKind.OPTION_CHAIN, "GOOG", Timeframe.D1))
    assert universe.finding(FindingKind.EARLY_END) is None
    assert universe.score >= MIN_QUALITY


@pytest.mark.slow
def test_minute_quotes_of_a_chain(found: Found):
    quotes = one(found, "minute", SeriesKind.OPTION_CHAIN, "GOOG", Timeframe.M1)
    chain = report(quotes)
    assert chain.n_rows == 275_552 + 29_050
    assert {each.kind for each in chain.findings} == {FindingKind.ONE_SIDED_QUOTE}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "symbol", "n_trades"), [("spot", "BTC/USDT", 9_757), ("usdm", "BTC/USDT:USDT", 21_313)]
)
def test_trades_received_before_they_happened(found: Found, folder: str, symbol: str, n_trades: int):
    """The recorder's clock ran 1.27 s behind the exchange's."""
    recording = one(found, f"hftbacktest/{folder}", SeriesKind.TRADES, symbol, None)
    trades = report(recording)
    assert trades.n_rows == n_trades
    skew = trades.finding(FindingKind.CLOCK_SKEW)
    assert skew is not None
    assert skew.count > 0.99 * n_trades
    delays_ms = delays_of(recording)
    assert delays_ms is not None
    assert np.median(delays_ms) == pytest.approx(-1_270, abs=30)
    assert len(trades.findings) == 1
