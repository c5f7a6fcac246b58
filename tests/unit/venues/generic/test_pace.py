"""One request each so long, orders first."""

import pytest

from core.domain.errors import BudgetSpent
from core.ports.request_lane import RequestLane, in_lane
from core.venues.budget.budget import RateBudget
from core.venues.generic.pace import Pace


class Time:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept: list[float] = []

    def pace(self, every_s: float, *, longest_wait_s: float) -> Pace:
        budget = RateBudget((), monotonic_ns=lambda: round(self.now_s * 1e9))
        return Pace(every_s, budget, longest_wait_s=longest_wait_s, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))


def test_reads_take_their_turn_and_orders_go_at_once() -> None:
    time = Time()
    pace = time.pace(0.5, longest_wait_s=3.0)
    for at_once in (False, False, True, False):
        pace.take(at_once=at_once)
    assert time.slept == [0.5, 1.5]
    time.now_s += 10
    pace.take(at_once=False)
    assert time.slept == [0.5, 1.5], "nothing is saved up and nothing is owed"


def test_a_turn_too_far_off_is_not_waited_for() -> None:
    time = Time()
    pace = time.pace(1.0, longest_wait_s=3.0)
    pace.take(at_once=False)
    pace.take(at_once=False)
    with pytest.raises(BudgetSpent) as refused:
        pace.take(at_once=False)
    assert refused.value.retry_after_s == 2.0
    pace.take(at_once=True)
    assert time.slept == [1.0]


def test_what_reads_an_account_may_stand_in_a_longer_line_than_candles() -> None:
    time = Time()
    pace = time.pace(1.0, longest_wait_s=3.0)
    for _ in range(2):
        pace.take(at_once=False)
    with pytest.raises(BudgetSpent):
        pace.take(at_once=False)
    with in_lane(RequestLane.ACCOUNT):
        pace.take(at_once=False)
    assert time.slept == [1.0, 2.0]


def test_a_dear_request_takes_more_than_one_turn() -> None:
    time = Time()
    pace = time.pace(0.25, longest_wait_s=3.0)
    pace.take(4, at_once=False)
    pace.take(at_once=False)
    assert time.slept == [1.0]
