import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.models.gates.drift import calibration_error, population_stability

RNG = np.random.default_rng(3)
NORMAL = RNG.normal(size=4_000)
COLUMNS = arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6) | st.just(np.nan))


def test_the_same_is_no_shift_and_a_moved_one_is():
    assert population_stability(NORMAL, RNG.normal(size=4_000)) < 0.05
    assert population_stability(NORMAL, NORMAL + 1.0) > 0.25
    assert population_stability(NORMAL, NORMAL * 3.0) > 0.25


def test_what_is_missing_now_and_was_not_is_a_shift():
    assert population_stability(NORMAL, np.where(RNG.uniform(size=4_000) < 0.5, np.nan, NORMAL)) > 0.25


def test_a_constant_column_that_moves_up_is_a_shift():
    assert population_stability(np.zeros(100), np.zeros(50)) == 0.0
    assert population_stability(np.zeros(100), np.ones(50)) > 0.25


@settings(max_examples=40)
@given(COLUMNS, COLUMNS)
def test_a_shift_is_finite_and_never_below_nothing(trained, seen):
    assert 0.0 <= population_stability(trained, seen) < 100.0
    assert population_stability(trained, trained) == 0.0


def test_nothing_to_compare():
    with pytest.raises(ValueError, match="both sides"):
        population_stability(NORMAL, np.array([]))


def test_the_calibration_of_what_is_true_and_of_what_is_too_sure():
    probabilities = RNG.uniform(size=20_000)
    is_up = RNG.uniform(size=20_000) < probabilities
    assert calibration_error(probabilities, is_up) < 0.03
    assert calibration_error(np.where(probabilities > 0.5, 1.0, 0.0), is_up) > 0.2
    assert calibration_error(np.array([]), np.array([], dtype=bool)) == 0.0
