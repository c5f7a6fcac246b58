import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.runtime.breaker import CLOSED, BreakerPolicy, Breakers, BreakerState, Event, Phase, step
from core.runtime.clocks import NS_PER_S, VirtualClock

POLICY = BreakerPolicy(failures_to_open=3, first_backoff_s=4.0, max_backoff_s=60.0, jitter=0.25, probe_timeout_s=10.0)


def test_opens_after_failures_in_a_row_and_closes_after_a_good_probe() -> None:
    clock = VirtualClock(start_ns=NS_PER_S)
    changes: list[tuple[str, Phase, Phase]] = []
    breakers = Breakers(POLICY, clock, on_change=lambda key, a, b: changes.append((key, a.phase, b.phase)))
    for _ in range(2):
        assert breakers.admits("BTC/USDT")
        breakers.failed("BTC/USDT", "timeout")
    breakers.succeeded("BTC/USDT")
    for _ in range(3):
        assert breakers.admits("BTC/USDT")
        breakers.failed("BTC/USDT", "timeout")
    assert not breakers.admits("BTC/USDT")
    assert breakers.admits("ETH/USDT")
    assert breakers.not_closed()["BTC/USDT"].reason == "timeout"
    clock.jump(4.0)
    assert breakers.admits("BTC/USDT")
    assert not breakers.admits("BTC/USDT"), "one probe at a time"
    breakers.succeeded("BTC/USDT")
    assert breakers.admits("BTC/USDT")
    assert changes == [
        ("BTC/USDT", Phase.CLOSED, Phase.OPEN),
        ("BTC/USDT", Phase.OPEN, Phase.HALF_OPEN),
        ("BTC/USDT", Phase.HALF_OPEN, Phase.CLOSED),
    ]
    assert breakers.not_closed() == {}


def test_a_lost_probe_is_replaced() -> None:
    clock = VirtualClock()
    breakers = Breakers(BreakerPolicy(failures_to_open=1, first_backoff_s=1.0, probe_timeout_s=10.0), clock)
    breakers.failed("key", "x")
    clock.jump(1.0)
    assert breakers.admits("key")
    clock.jump(9.9)
    assert not breakers.admits("key")
    clock.jump(0.2)
    assert breakers.admits("key")
    assert breakers.phase("key") is Phase.HALF_OPEN


def test_late_results_of_calls_made_before_it_opened_change_nothing() -> None:
    opened = BreakerState(Phase.OPEN, failures=3, trips=1, since_ns=5, retry_at_ns=99, reason="x")
    for event in (Event.SUCCEEDED, Event.FAILED):
        assert step(opened, event, POLICY, now_ns=7, reason="late") == opened


def test_a_closed_breaker_needs_no_probe() -> None:
    with pytest.raises(ValueError, match="closed can't take probed"):
        step(CLOSED, Event.PROBED, POLICY, now_ns=0)


def test_forgotten_keys_start_anew() -> None:
    breakers = Breakers(BreakerPolicy(failures_to_open=1), VirtualClock())
    breakers.failed("key", "x")
    breakers.forget("key")
    assert breakers.state("key") == CLOSED


@given(trips=st.integers(1, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_backoff_doubles_within_its_bounds(trips: int, chance: float) -> None:
    backoff_s = POLICY.backoff_ns(trips, chance) / NS_PER_S
    assert 4.0 * 0.75 - 1e-9 <= backoff_s <= 60.0
    assert POLICY.backoff_ns(trips + 1, chance) >= POLICY.backoff_ns(trips, chance)


class OneBreaker(RuleBasedStateMachine):
    """Whatever happens: one probe at a time, none before its time, and open only after enough failures in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock(start_ns=1)
        self.breakers = Breakers(POLICY, self.clock, rng=random.Random(1))
        self.in_a_row = 0

    @rule(seconds=st.floats(0.0, 100.0))
    def wait(self, seconds: float) -> None:
        self.clock.jump(seconds)

    @rule()
    def ask(self) -> None:
        before = self.breakers.state("k")
        admitted = self.breakers.admits("k")
        if before.phase is Phase.CLOSED:
            assert admitted
        else:
            assert admitted == (self.clock.now_ns() >= before.retry_at_ns)
            if admitted:
                assert not self.breakers.admits("k")

    @rule()
    def fail(self) -> None:
        before = self.breakers.state("k")
        self.breakers.failed("k", "why")
        self.in_a_row += 1
        after = self.breakers.state("k")
        if before.phase is Phase.CLOSED:
            assert (after.phase is Phase.OPEN) == (self.in_a_row >= POLICY.failures_to_open)
        else:
            assert after.phase is Phase.OPEN
        assert after.reason == "why"

    @rule()
    def succeed(self) -> None:
        before = self.breakers.state("k")
        self.breakers.succeeded("k")
        if before.phase is Phase.OPEN:
            assert self.breakers.state("k") == before
        else:
            self.in_a_row = 0
            assert self.breakers.state("k").phase is Phase.CLOSED
            assert self.breakers.state("k").failures == 0

    @invariant()
    def never_waits_longer_than_stated(self) -> None:
        state = self.breakers.state("k")
        wait_ns = state.retry_at_ns - self.clock.now_ns()
        longest_s = POLICY.max_backoff_s if state.phase is Phase.OPEN else POLICY.probe_timeout_s
        assert wait_ns <= longest_s * NS_PER_S


TestOneBreaker = OneBreaker.TestCase
