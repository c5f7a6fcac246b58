"""Who may ask: lanes with a reserve, the venue's own count, and its word to stay away."""

import pytest

from core.ports.request_lane import RequestLane, in_lane
from core.venues.budget.budget import NotYet, RateBudget, StayAway
from core.venues.budget.toll import Charge, Tariff, Toll, is_worth_waiting
from core.venues.budget.windows import ORDER_SHARES, WEIGHT_SHARES, RateLimit

WEIGHT, ORDERS = "weight 1m", "orders 10s"


class Clock:
    now_s = 1_000.0

    def __call__(self) -> int:
        return round(self.now_s * 1e9)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def budget(clock: Clock, *, speed: float = 1.0) -> RateBudget:
    return RateBudget([RateLimit(WEIGHT, 100, 60.0, WEIGHT_SHARES)], speed=lambda: speed, monotonic_ns=clock)


def fill(budget: RateBudget, lane: RequestLane) -> int:
    """Spend one by one until it says no; how much went."""
    n = 0
    try:
        while True:
            budget.take({WEIGHT: 1}, lane)
            n += 1
    except NotYet:
        return n


def test_each_lane_leaves_the_rest_to_those_above_it(clock: Clock) -> None:
    shared = budget(clock)
    spent = [fill(shared, lane) for lane in RequestLane]
    assert spent == [40, 10, 40, 5, 5], "and nobody below can eat what is left to those above"


def test_nothing_is_spent_where_one_of_two_limits_is_reached(clock: Clock) -> None:
    both = RateBudget(
        [RateLimit("a", 10, 60.0, WEIGHT_SHARES), RateLimit("b", 1, 60.0, WEIGHT_SHARES)], monotonic_ns=clock
    )
    both.take({"a": 1, "b": 1}, RequestLane.ORDERS)
    with pytest.raises(NotYet, match="b: 1 of 1"):
        both.take({"a": 1, "b": 1}, RequestLane.ORDERS)
    assert [(each.name, each.used) for each in both.use()] == [("a", 1), ("b", 1)]


def test_it_says_when_there_is_room_and_keeps_its_word(clock: Clock) -> None:
    shared = budget(clock)
    fill(shared, RequestLane.ORDERS)
    with pytest.raises(NotYet) as refused:
        shared.take({WEIGHT: 20}, RequestLane.ORDERS)
    assert 60.0 < refused.value.wait_s < 64.0
    clock.now_s += refused.value.wait_s
    shared.take({WEIGHT: 20}, RequestLane.ORDERS)


def test_windows_are_of_venue_time(clock: Clock) -> None:
    fast = budget(clock, speed=60.0)
    fill(fast, RequestLane.ORDERS)
    clock.now_s += 1.5
    assert fill(fast, RequestLane.ORDERS) == 100


def test_the_venues_own_count_is_the_truth_where_it_is_higher(clock: Clock) -> None:
    """Somebody else behind the same address."""
    shared = budget(clock)
    shared.take({WEIGHT: 10}, RequestLane.MARKET)
    shared.heard(WEIGHT, 45)
    assert shared.use()[0].used == 45
    shared.heard(WEIGHT, 3)
    assert shared.use()[0].used == 45, "its minute is over, ours is not"
    shared.heard("a limit of which nothing is known", 3)


def test_limits_are_learned_from_the_venue(clock: Clock) -> None:
    shared = budget(clock)
    shared.learn({WEIGHT: 20, "others": 7})
    assert fill(shared, RequestLane.ORDERS) == 20


def test_told_to_stay_away_nobody_asks_not_even_for_orders(clock: Clock) -> None:
    shared = budget(clock)
    shared.stay_away(30)
    shared.stay_away(10)
    with pytest.raises(StayAway) as refused:
        shared.take({WEIGHT: 1}, RequestLane.ORDERS)
    assert refused.value.wait_s == pytest.approx(30)
    assert not is_worth_waiting(refused.value)
    clock.now_s += 30.1
    assert shared.away_s() == 0
    shared.take({WEIGHT: 1}, RequestLane.BULK)


def toll(clock: Clock) -> Toll:
    def charge(method: str, url: str) -> Charge:
        if method == "POST":
            return Charge(RequestLane.ORDERS, {WEIGHT: 1}, {ORDERS: 1})
        return Charge(RequestLane.MARKET, {WEIGHT: 1})

    return Toll(
        Tariff(charge, {"x-used": WEIGHT}, {"x-orders": ORDERS}),
        budget(clock),
        RateBudget([RateLimit(ORDERS, 10, 10.0, ORDER_SHARES)], monotonic_ns=clock),
    )


def paid(toll: Toll, method: str) -> int:
    for n in range(1_000):
        try:
            toll.pay(method, "http://there/")
        except NotYet:
            return n
    raise AssertionError("nothing limits it")


def test_entries_leave_room_among_the_orders_for_what_protects_them(clock: Clock) -> None:
    asked = toll(clock)
    with in_lane(RequestLane.ENTRY):
        assert paid(asked, "POST") == 8
    assert paid(asked, "POST") == 2


def test_a_chosen_lane_overrules_that_of_the_endpoint_but_never_holds_back_a_cancel(clock: Clock) -> None:
    asked = toll(clock)
    with in_lane(RequestLane.BULK):
        assert paid(asked, "GET") == 40
        assert paid(asked, "POST") == 10
    with in_lane(RequestLane.ACCOUNT):
        assert paid(asked, "GET") == 40


def test_counts_in_the_headers_of_an_answer_are_heard(clock: Clock) -> None:
    asked = toll(clock)
    asked.hear({"x-used": "77", "x-orders": "9", "other": "1"})
    asked.hear({"x-used": "nonsense", "x-orders": ""})
    assert [(each.name, each.used) for each in asked.use()] == [(WEIGHT, 77), (ORDERS, 9)]


def test_what_takes_long_is_told_to_come_back_and_orders_threads_never_stand_about() -> None:
    def not_yet(wait_s: float, lane: RequestLane) -> NotYet:
        found = NotYet(wait_s, "")
        found.lane = lane
        return found

    assert is_worth_waiting(not_yet(4, RequestLane.MARKET))
    assert not is_worth_waiting(not_yet(40, RequestLane.MARKET))
    assert not is_worth_waiting(not_yet(4, RequestLane.ACCOUNT))
    assert not is_worth_waiting(not_yet(4, RequestLane.ORDERS))
