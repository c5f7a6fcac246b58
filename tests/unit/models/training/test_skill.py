import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.models.training.skill import bootstrap_mean, centred, timing_test


@settings(max_examples=30)
@given(seed=st.integers(0, 1_000), n=st.integers(8, 60), symbols=st.integers(1, 3), least=st.integers(1, 3))
def test_every_other_timing_is_counted(seed: int, n: int, symbols: int, least: int):
    rng = np.random.default_rng(seed)
    weights, outcomes = rng.normal(size=(2, n, symbols))
    sums = [float((weights * np.roll(outcomes, -move, axis=0)).sum()) for move in range(n)]
    others = sums[least : n - least + 1]
    found = timing_test(weights, outcomes, least)
    assert found.p_value == pytest.approx((sum(each >= sums[0] for each in others) + 1) / (len(others) + 1))
    assert (found.actual, found.typical) == pytest.approx((sums[0], np.mean(others)))


def test_foresight_is_found_and_its_opposite_is_not():
    outcomes = np.random.default_rng(1).normal(size=(500, 1))
    assert timing_test(outcomes, outcomes, 1).p_value == 1 / 500
    assert timing_test(-outcomes, outcomes, 1).p_value == 1.0


@pytest.mark.parametrize("weights", [np.zeros((50, 1)), np.empty((0, 1))])
def test_who_predicts_nothing_has_no_skill(weights):
    assert timing_test(weights, np.ones((len(weights), 1)), 1).p_value == 1.0


def test_luck_is_called_skill_as_often_as_alpha_says():
    rng = np.random.default_rng(3)
    values = [timing_test(*rng.normal(size=(2, 200, 1)), 1).p_value for _ in range(1_000)]
    assert 0.03 < np.mean(np.array(values) <= 0.05) < 0.07


def test_what_always_leans_one_way_has_no_timing():
    is_there = np.array([[True], [True], [False], [True]])
    assert centred(np.array([[2.0], [2.0], [9.0], [2.0]]), is_there).tolist() == [[0.0]] * 4


def test_a_bootstrap_interval_holds_the_mean_and_is_wider_where_neighbours_are_alike():
    rng = np.random.default_rng(5)
    alone = rng.normal(1.0, 1.0, 1_000)
    alike = np.repeat(alone[::10], 10)
    narrow, wide = (bootstrap_mean(each, 20, confidence=0.99, seed=1) for each in (alone, alike))
    for each in (narrow, wide):
        assert each.low < each.value < each.high
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert bootstrap_mean(alone, 20, confidence=0.99, seed=1) == narrow
    assert bootstrap_mean(np.array([]), 20, confidence=0.99, seed=1).low is None
