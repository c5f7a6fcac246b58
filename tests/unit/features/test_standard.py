"""The built-in features against their definitions."""

import numpy as np
import pytest

from core.domain.candles import CandleWindow
from core.features.standard import STANDARD
from tests.unit.features.reference import reference
from tests.unit.random_walks import walk


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_column_is_what_its_definition_says(seed: int) -> None:
    window = walk(seed, 500)
    ours, expected = STANDARD.compute(window), reference(window)
    assert tuple(ours) == STANDARD.columns
    assert ours.keys() == expected.keys()
    for name, column in ours.items():
        np.testing.assert_allclose(column, expected[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_the_newest_values_are_the_last_of_the_columns() -> None:
    window = walk(5, 500)
    expected = {name: column.iloc[-1] for name, column in reference(window).items()}
    newest = dict(zip(STANDARD.columns, STANDARD.newest(window), strict=True))
    assert newest == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_there_are_at_least_thirty_and_they_fit_the_usual_window() -> None:
    assert len(STANDARD.columns) >= 30
    assert STANDARD.warmup <= 300


@pytest.mark.parametrize("price", [1e-6, 60_000.0])
def test_the_price_s_scale_does_not_matter(price: float) -> None:
    window = walk(4, 400)
    names = ("open", "high", "low", "close")
    scaled = CandleWindow(
        open_ms=window.open_ms, volume=window.volume, **{name: getattr(window, name) * price for name in names}
    )
    ours, theirs = STANDARD.compute(window), STANDARD.compute(scaled)
    for name, column in ours.items():
        np.testing.assert_allclose(theirs[name], column, rtol=1e-7, atol=1e-9, err_msg=name)


def test_a_market_that_stands_still_gives_nan_and_no_warning() -> None:
    n = 400
    flat = np.full(n, 5.0)
    window = CandleWindow(np.arange(n) * 60_000, flat, flat, flat, flat, np.zeros(n))
    row = {name: column[-1] for name, column in STANDARD.compute(window).items()}
    assert row["change_1"] == 0 and row["natr_14"] == 0
    assert np.isnan(row["volume_ratio_20"]) and np.isnan(row["channel_place_20"])
    assert not any(np.isinf(value) for value in row.values())
