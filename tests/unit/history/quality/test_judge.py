"""The verdict that a load is told."""

import numpy as np
import pytest

from core.domain.candles import Timeframe
from core.domain.series import SeriesKind
from core.history.quality.judge import judge
from tests.market_series import START_MS, series_of, stock_days
from tests.planted_defects import splits


def test_good_and_poor_series():
    good = stock_days(np.random.default_rng(1), days=200)
    assert (judge(good, 0.75).score, judge(good, 0.75).refusal) == (1.0, None)
    poor = splits(good, np.random.default_rng(1))
    assert poor is not None
    verdict = judge(poor.series, 0.75)
    assert verdict.score == pytest.approx(0.7)
    assert verdict.refusal is not None
    assert "below 0.75: split" in verdict.refusal


def test_bars_of_a_contract_need_no_calendar():
    """They come now and then; what a bar can't be is found all the same."""
    prices = {name: np.array([1.0, 0.4, 2.0]) for name in ("open", "high", "low", "close")}
    times = START_MS + 3_600_000 * np.array([0, 50, 900])
    series = series_of(
        SeriesKind.OPTION_BARS,
        "SPY240119C00470000",
        Timeframe.H1,
        {"open_time": times, **prices, "volume": np.ones(3)},
    )
    assert judge(series, 1.0).refusal is None
    torn = {**prices, "high": np.array([1.0, 0.3, 2.0])}
    columns = {"open_time": times, **torn, "volume": np.ones(3)}
    assert judge(series_of(series.name.kind, series.name.symbol, Timeframe.H1, columns), 1.0).refusal is not None
