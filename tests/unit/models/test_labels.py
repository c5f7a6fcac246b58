import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.candles import CandleWindow, Timeframe
from core.models.labels import LabelDefinition, label, volatility
from tests.unit.random_walks import first, of_closes, walk

FORWARD = LabelDefinition(kind="forward_return", horizon_candles=3)
BARRIERS = LabelDefinition(kind="triple_barrier", horizon_candles=5, barrier_volatilities=1.0, volatility_candles=10)


def test_a_forward_return_is_that_of_the_close_so_many_candles_later():
    window = of_closes([100, 101, 102, 110, 99])
    labels = label(window, Timeframe.M1, FORWARD)
    assert labels.is_known.tolist() == [True, True, False, False, False]
    assert labels.outcome[:2] == pytest.approx([0.10, 99 / 101 - 1])
    assert labels.exit_ms[0] == window.open_ms[3] + 60_000


def test_nothing_is_known_across_a_gap():
    window = walk(1, 20)
    moved = window.open_ms + np.where(np.arange(20) >= 10, 60_000, 0)
    labels = label(CandleWindow(moved, *(getattr(window, n) for n in window.__slots__[1:])), Timeframe.M1, FORWARD)
    assert np.flatnonzero(labels.is_known).tolist() == [*range(7), *range(10, 17)]


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), width=st.floats(0.2, 3.0), horizon=st.integers(1, 12))
def test_a_triple_barrier_ends_at_the_first_one_that_is_touched(seed: int, width: float, horizon: int):
    definition = LabelDefinition("triple_barrier", horizon, width, 10)
    window = walk(seed, 60)
    labels = label(window, Timeframe.M1, definition)
    spread = width * volatility(window, definition) * np.sqrt(horizon)
    for i in np.flatnonzero(labels.is_known):
        outcome, held = window.close[i + horizon] / window.close[i] - 1, horizon
        for ahead in range(1, horizon + 1):
            if window.low[i + ahead] <= window.close[i] * (1 - spread[i]):
                outcome, held = -spread[i], ahead
                break
            if window.high[i + ahead] >= window.close[i] * (1 + spread[i]):
                outcome, held = spread[i], ahead
                break
        assert labels.outcome[i] == pytest.approx(outcome, rel=1e-12)
        assert labels.exit_ms[i] == window.open_ms[i] + (1 + held) * 60_000
    assert labels.is_known.sum() == 60 - horizon - 10


@pytest.mark.parametrize("definition", [FORWARD, BARRIERS])
@pytest.mark.parametrize("n", [0, 1, 3, 6])
def test_short_windows_have_no_labels(definition: LabelDefinition, n: int):
    labels = label(first(walk(1, 10), n), Timeframe.M1, definition)
    assert len(labels.outcome) == len(labels.exit_ms) == n
    assert labels.is_known.sum() == max(0, n - 3 if definition is FORWARD else 0)


@pytest.mark.parametrize("wrong", [{"horizon_candles": 0}, {"barrier_volatilities": 0}, {"volatility_candles": 1}])
def test_numbers_without_sense_are_refused(wrong: dict[str, int]):
    with pytest.raises(ValueError, match="a label needs"):
        LabelDefinition(**wrong)
