"""One request each so long, orders first."""

import pytest

from core.domain.errors import VenueUnavailable
from core.venues.generic.pace import Pace


class Time:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))


def test_reads_take_their_turn_and_orders_go_at_once() -> None:
    time = Time()
    pace = Pace(0.5, longest_wait_s=2.0, monotonic_s=lambda: time.now_s, sleep=time.sleep)
    for at_once in (False, False, True, False):
        pace.take(at_once=at_once)
    assert time.slept == [0.5, 1.5]
    time.now_s += 10
    pace.take(at_once=False)
    assert time.slept == [0.5, 1.5], "nothing is saved up and nothing is owed"


def test_a_turn_too_far_off_is_not_waited_for() -> None:
    time = Time()
    pace = Pace(1.0, longest_wait_s=1.5, monotonic_s=lambda: time.now_s, sleep=time.sleep)
    pace.take(at_once=False)
    pace.take(at_once=False)
    with pytest.raises(VenueUnavailable) as refused:
        pace.take(at_once=False)
    assert refused.value.retry_after_s == 2.0
    pace.take(at_once=True)
    assert time.slept == [1.0]
