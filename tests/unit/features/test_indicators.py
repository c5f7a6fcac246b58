"""Indicators against plain definitions, written out here in numpy."""

import numpy as np
import pytest

from core.features.indicators import INDICATORS
from core.features.indicators.shape import SHAPE
from core.features.schema import Feature, FeatureSchema
from tests.unit.random_walks import first, last, of_closes, walk

WINDOW = walk(1, 600)


def columns(window, indicator, **parameters):
    return FeatureSchema((Feature.of(indicator, **parameters),)).compute(window)


def value(window, indicator, output=0, **parameters):
    return list(columns(window, indicator, **parameters).values())[output]


def recursive(values, alpha, seed):
    out = [seed]
    for x in values:
        out.append(out[-1] + alpha * (x - out[-1]))
    return out[-1]


def test_ema_is_the_recursive_average_seeded_with_the_first_period_s_mean():
    close = WINDOW.close
    expected = recursive(close[10:], 2 / 11, close[:10].mean())
    assert value(WINDOW, "ema", period=10)[-1] == pytest.approx(expected, rel=1e-12)


def test_rsi_is_wilder_s_smoothing_of_gains_and_losses():
    moves = np.diff(WINDOW.close)
    gain = recursive(np.clip(moves[14:], 0, None), 1 / 14, np.clip(moves[:14], 0, None).mean())
    loss = recursive(np.clip(-moves[14:], 0, None), 1 / 14, np.clip(-moves[:14], 0, None).mean())
    assert value(WINDOW, "rsi", period=14)[-1] == pytest.approx(100 * gain / (gain + loss), rel=1e-12)


def test_atr_is_wilder_s_smoothing_of_the_true_range():
    high, low, before = WINDOW.high[1:], WINDOW.low[1:], WINDOW.close[:-1]
    ranges = np.maximum(high, before) - np.minimum(low, before)
    expected = recursive(ranges[14:], 1 / 14, ranges[:14].mean())
    assert value(WINDOW, "atr", period=14)[-1] == pytest.approx(expected, rel=1e-12)


def test_bollinger_bands_stand_population_deviations_from_the_mean():
    tail = WINDOW.close[-20:]
    bands = [value(WINDOW, "bollinger", output, period=20, deviations=2.5)[-1] for output in range(3)]
    expected = [tail.mean() + 2.5 * tail.std(), tail.mean(), tail.mean() - 2.5 * tail.std()]
    assert bands == pytest.approx(expected, rel=1e-9)


def test_macd_histogram_is_line_minus_signal():
    line, signal, histogram = (value(WINDOW, "macd", output)[-1] for output in range(3))
    fast, slow = value(WINDOW, "ema", period=12)[-1], value(WINDOW, "ema", period=26)[-1]
    assert line == pytest.approx(fast - slow, rel=1e-6)
    assert histogram == pytest.approx(line - signal, rel=1e-9)


def test_donchian_channel_leaves_out_the_candle_itself():
    window = of_closes([1, 5, 2, 3, 9])
    assert value(window, "donchian", 0, period=3)[-1] == 5
    assert value(window, "donchian", 1, period=3)[-1] == 1


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_after_the_warm_up_the_value_no_longer_depends_on_where_the_window_begins(name):
    warmup = Feature.of(name).warmup
    whole = columns(WINDOW, name)
    for n in (warmup, warmup + 37):
        short = columns(last(WINDOW, n), name)
        for column in whole:
            assert abs(short[column][-1] - whole[column][-1]) <= 2e-4 * np.nanstd(whole[column]), column


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_values_stand_from_the_warm_up_on(name):
    for column in columns(WINDOW, name).values():
        assert not np.isnan(column[Feature.of(name).warmup - 1 :]).any()


@pytest.mark.parametrize("name", sorted(INDICATORS.keys() - SHAPE.keys()))
def test_too_short_a_window_gives_nan_and_not_a_guess(name):
    assert all(np.isnan(column).all() for column in columns(first(WINDOW, 1), name).values())


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_every_value_uses_the_past_only(name):
    whole, cut = columns(WINDOW, name), columns(first(WINDOW, 400), name)
    for column in whole:
        np.testing.assert_allclose(cut[column], whole[column][:400], rtol=1e-9, equal_nan=True)
