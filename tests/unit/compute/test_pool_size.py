"""How many workers: growth, patience and bounds."""

from hypothesis import given
from hypothesis import strategies as st

from core.compute.pool_size import GROW_AFTER_S, SHRINK_AFTER_S, PoolSizer


def test_one_more_when_all_are_busy_and_a_job_waits() -> None:
    sizer = PoolSizer(1, 3)
    assert sizer.wanted(workers=1, busy=1, oldest_wait_s=GROW_AFTER_S / 2, now_s=0) == 1
    assert sizer.wanted(workers=1, busy=1, oldest_wait_s=GROW_AFTER_S * 2, now_s=1) == 2
    assert sizer.wanted(workers=3, busy=3, oldest_wait_s=GROW_AFTER_S * 9, now_s=2) == 3


def test_one_fewer_after_a_while_in_which_one_was_always_spare() -> None:
    sizer = PoolSizer(1, 3)
    assert sizer.wanted(workers=3, busy=2, oldest_wait_s=0, now_s=0) == 3
    assert sizer.wanted(workers=3, busy=3, oldest_wait_s=0, now_s=SHRINK_AFTER_S - 1) == 3
    assert sizer.wanted(workers=3, busy=0, oldest_wait_s=0, now_s=SHRINK_AFTER_S + 1) == 3, "it was needed in between"
    assert sizer.wanted(workers=3, busy=0, oldest_wait_s=0, now_s=2 * SHRINK_AFTER_S + 2) == 2


@given(
    bounds=st.tuples(st.integers(1, 4), st.integers(0, 4)),
    seen=st.lists(st.tuples(st.integers(0, 9), st.floats(0, 5), st.floats(0, 100))),
)
def test_never_outside_its_bounds_and_never_more_than_a_step(bounds, seen) -> None:
    least, most = bounds[0], sum(bounds)
    sizer, workers, now_s = PoolSizer(least, most), least, 0.0
    for busy, oldest_wait_s, passed_s in seen:
        now_s += passed_s
        wanted = sizer.wanted(workers=workers, busy=min(busy, workers), oldest_wait_s=oldest_wait_s, now_s=now_s)
        assert least <= wanted <= most
        assert abs(wanted - workers) <= 1
        workers = wanted
