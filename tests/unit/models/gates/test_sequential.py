import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.models.gates.sequential import NoWorseTest, Standing

ALPHA = 0.05
LOSSES = st.floats(0, 1)


def judged(candidate: np.ndarray, live: np.ndarray, margin: float) -> tuple[Standing, int]:
    test = NoWorseTest(ALPHA, margin)
    for ours, theirs in zip(candidate, live, strict=True):
        if test.learn(float(ours), float(theirs)) is not Standing.UNDECIDED:
            break
    return test.standing, test.rounds


def streams(seed: int, worse_by: float, noise: float = 0.1, rounds: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    live = rng.uniform(0.45, 0.5, rounds)
    return live + worse_by + rng.choice((-noise, noise), rounds), live


def test_at_the_margin_either_end_is_reached_no_more_often_than_alpha():
    ends = [judged(*streams(seed, 0.02, noise=0.4), 0.02)[0] for seed in range(120)]
    # 120 times 0.05 is 6; 14 or more would come three times in a thousand such tests.
    assert ends.count(Standing.NO_WORSE) < 14
    assert ends.count(Standing.WORSE) < 14
    assert ends.count(Standing.UNDECIDED) < 120  # the noise is enough for the bound to be put to the test


@pytest.mark.parametrize(("worse_by", "end"), [(-0.05, Standing.NO_WORSE), (0.09, Standing.WORSE)])
def test_what_is_plain_is_found(worse_by: float, end: Standing):
    assert [judged(*streams(seed, worse_by), 0.02)[0] for seed in range(10)] == [end] * 10


@settings(max_examples=40)
@given(st.lists(st.tuples(LOSSES, LOSSES), max_size=40), st.floats(0, 0.39))
def test_whatever_comes_stakes_stay_finite_and_what_is_decided_stays(rounds, margin):
    test, before = NoWorseTest(ALPHA, margin), Standing.UNDECIDED
    for candidate, live in rounds:
        now = test.learn(candidate, live)
        assert before in (Standing.UNDECIDED, now)
        before = now
    assert test.rounds <= len(rounds)


def test_the_same_losses_never_count_as_worse():
    test = NoWorseTest(ALPHA, 0.0)
    assert {test.learn(0.25, 0.25) for _ in range(500)} == {Standing.UNDECIDED}


@pytest.mark.parametrize("losses", [(math.nan, 0.2), (0.2, math.nan), (-0.1, 0.2), (0.2, 1.1), (math.inf, 0.0)])
def test_losses_that_are_none(losses):
    with pytest.raises(ValueError, match="are not both within"):
        NoWorseTest(ALPHA, 0.0).learn(*losses)


@pytest.mark.parametrize(("alpha", "margin"), [(0.0, 0.1), (0.6, 0.1), (math.nan, 0.1), (0.1, -0.1), (0.1, 0.4)])
def test_a_test_that_can_not_be(alpha, margin):
    with pytest.raises(ValueError, match="is not within"):
        NoWorseTest(alpha, margin)
