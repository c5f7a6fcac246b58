"""Delays before dialling again."""

import random

from hypothesis import given
from hypothesis import strategies as st

from core.venues.backoff import Backoff


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_delays_grow_within_bounds_and_start_over_when_healthy(seed: int, n: int) -> None:
    backoff = Backoff(random.Random(seed), first_s=0.5, longest_s=30.0)
    for number in range(n):
        ceiling_s = min(0.5 * 2**number, 30.0)
        assert ceiling_s / 2 <= backoff.next_s() <= ceiling_s
    backoff.healthy()
    assert backoff.next_s() <= 0.5


def test_a_venues_own_wish_is_a_floor() -> None:
    backoff = Backoff(random.Random(1))
    assert backoff.next_s(120.0) == 120.0
    assert backoff.next_s(0.0) <= 1.0
