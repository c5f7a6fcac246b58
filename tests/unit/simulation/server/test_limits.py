import pytest

from core.simulation.server.errors import ApiError
from core.simulation.server.limits import ORDERS_1D, ORDERS_10S, OrderLimits, RequestLimits
from tests.unit.simulation.server.floors import HandClock

MINUTE_NS = 60_000_000_000
LIMIT = 6_000


@pytest.fixture
def clock() -> HandClock:
    return HandClock(time_ns=1_700_000_040_000_000_000)


def refusal(limits: RequestLimits) -> ApiError:
    with pytest.raises(ApiError) as caught:
        limits.charge("ip", 1)
    return caught.value


def test_weight_is_counted_by_address_and_minute(clock: HandClock) -> None:
    limits = RequestLimits(clock.now_ms, speed=1, limit=LIMIT)
    assert limits.charge("one", 20) == 20
    assert limits.charge("one", 5) == 25
    assert limits.charge("two", 1) == 1
    clock.time_ns += MINUTE_NS
    assert limits.charge("one", 2) == 2


def test_beyond_the_limit_is_429_until_the_minute_ends(clock: HandClock) -> None:
    limits = RequestLimits(clock.now_ms, speed=1, limit=LIMIT)
    limits.charge("ip", LIMIT)
    error = refusal(limits)
    assert (error.status, error.code, error.headers["retry-after"]) == (429, -1003, "60")
    clock.time_ns += MINUTE_NS
    assert limits.charge("ip", 1) == 1


def test_waits_are_told_in_real_seconds(clock: HandClock) -> None:
    limits = RequestLimits(clock.now_ms, speed=20, limit=LIMIT)
    limits.charge("ip", LIMIT)
    assert refusal(limits).headers["retry-after"] == "3"


def test_who_ignores_429_is_banned_longer_each_time(clock: HandClock) -> None:
    limits = RequestLimits(clock.now_ms, speed=1, limit=LIMIT)
    waits = []
    for _ in range(2):
        limits.charge("ip", LIMIT)
        error = refusal(limits)
        while error.status == 429:
            error = refusal(limits)
        assert error.status == 418
        assert str(clock.now_ms() + int(error.headers["retry-after"]) * 1_000) in error.message
        waits.append(int(error.headers["retry-after"]))
        clock.time_ns += waits[-1] * 1_000_000_000 + MINUTE_NS
    assert waits == [120, 240]
    assert limits.charge("ip", 1) == 1


def test_orders_are_counted_by_account(clock: HandClock) -> None:
    limits = OrderLimits(clock.now_ms)
    for n in range(1, ORDERS_10S.limit + 1):
        limits.check("a")
        assert limits.count("a") == ((ORDERS_10S, n), (ORDERS_1D, n))
    with pytest.raises(ApiError) as caught:
        limits.check("a")
    assert (caught.value.code, caught.value.status) == (-1015, 429)
    assert caught.value.message == "Too many new orders; current limit is 100 orders per 10 SECOND."
    limits.check("b")
    clock.time_ns += 10_000_000_000
    limits.check("a")
    assert limits.count("a") == ((ORDERS_10S, 1), (ORDERS_1D, ORDERS_10S.limit + 1))
