import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.models.training.samples import Samples
from core.models.training.splits import fitting_parts, walk_forward


def samples(known: list[int], horizons: list[int]) -> Samples:
    known_ms = np.sort(np.array(known, np.int64))
    n = len(known_ms)
    exit_ms = known_ms + np.array(horizons[:n], np.int64)
    return Samples(known_ms, exit_ms, np.zeros((n, 1)), np.ones(n), np.zeros(n, np.int64))


@settings(max_examples=15)
@given(
    data=st.data(),
    n=st.integers(20, 200),
    folds=st.integers(2, 6),
    embargo_ms=st.integers(0, 20),
)
def test_nothing_is_learned_that_was_not_known_before_the_test(data, n: int, folds: int, embargo_ms: int):
    known = data.draw(st.lists(st.integers(0, 1_000), min_size=n, max_size=n))
    horizons = data.draw(st.lists(st.integers(1, 50), min_size=n, max_size=n))
    whole = samples(known, horizons)
    tested = np.zeros(n, int)
    for fold in walk_forward(whole, folds, embargo_ms):
        train, test = fold.train(whole), fold.test(whole)
        tested += test
        if train.any() and test.any():
            assert whole.exit_ms[train].max() + embargo_ms <= whole.known_ms[test].min()
    begins = whole.known_ms[int(0.4 * n)]
    assert tested.tolist() == (whole.known_ms >= begins).astype(int).tolist(), "each is tested once"


@settings(max_examples=15)
@given(n=st.integers(0, 300), horizon=st.integers(1, 10), embargo_ms=st.integers(0, 5))
def test_the_parts_of_a_fitting_know_nothing_of_one_another(n: int, horizon: int, embargo_ms: int):
    parts = fitting_parts(samples(list(range(n)), [horizon] * n), embargo_ms)
    for before, after in ((parts.grow, parts.stop), (parts.stop, parts.calibrate), (parts.grow, parts.calibrate)):
        if len(before) and len(after):
            assert before.exit_ms.max() + embargo_ms <= after.known_ms.min()
    if n == 300:
        assert [len(each) > 20 for each in (parts.grow, parts.stop, parts.calibrate)] == [True] * 3
