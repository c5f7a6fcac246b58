"""The venue is a line `venue = offset + speed * monotonic`; requests and replies take random times."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.runtime.clocks import NS_PER_MS, NS_PER_S, VirtualClock
from core.runtime.synced_clock import HOLD_NS, SyncedClock

UTC_NS = 1_760_000_000 * NS_PER_S


@dataclass
class Venue:
    offset_ns: int
    speed: float

    def at(self, monotonic_ns: int) -> int:
        return self.offset_ns + int(monotonic_ns * self.speed)

    def sample(self, clock: SyncedClock, monotonic: VirtualClock, there_ms: float, back_ms: float, **kw: float) -> None:
        sent_ns = monotonic.now_ns()
        monotonic.jump(there_ms / 1e3)
        server_ms = self.at(monotonic.now_ns()) // NS_PER_MS
        monotonic.jump(back_ms / 1e3)
        clock.observe(server_ms, sent_ns, monotonic.now_ns(), **kw)


trip = st.tuples(st.floats(0.1, 400.0), st.floats(0.1, 400.0), st.floats(0.0, 300.0))


@given(
    trips=st.lists(trip, min_size=1, max_size=30),
    offset_ns=st.integers(-(10**18), 10**18),
    speed=st.sampled_from([1.0, 20.0, 60.0]),
)
def test_error_stays_within_the_stated_uncertainty(
    trips: list[tuple[float, float, float]], offset_ns: int, speed: float
) -> None:
    monotonic = VirtualClock(start_ns=10**12)
    clock = SyncedClock(monotonic)
    venue = Venue(UTC_NS + offset_ns, speed)
    for there_ms, back_ms, pause_s in trips:
        venue.sample(clock, monotonic, there_ms, back_ms, declared_speed=speed)
        monotonic.jump(pause_s)
    uncertainty_ms = clock.statistics().uncertainty_ms
    assert uncertainty_ms is not None
    assert abs(clock.now_ns() - venue.at(monotonic.now_ns())) <= (uncertainty_ms + 0.001) * NS_PER_MS
    assert clock.statistics().steps == 0
    assert clock.speed == speed


@given(trips=st.lists(st.tuples(st.floats(0.1, 50), st.floats(0.1, 50), st.floats(0, 60)), min_size=2, max_size=30))
def test_time_does_not_go_back_while_the_venue_keeps_its_pace(trips: list[tuple[float, float, float]]) -> None:
    monotonic = VirtualClock(start_ns=10**12)
    clock = SyncedClock(monotonic)
    venue = Venue(UTC_NS, 1.0)
    last_ns = 0
    for there_ms, back_ms, pause_s in trips:
        venue.sample(clock, monotonic, there_ms, back_ms, declared_speed=1.0)
        assert clock.now_ns() >= last_ns
        monotonic.jump(pause_s)
        last_ns = clock.now_ns()


@pytest.mark.parametrize("speed", [1.0, 0.5, 20.0, 60.0])
def test_undeclared_speed_is_learned(speed: float) -> None:
    monotonic = VirtualClock(start_ns=10**12)
    clock = SyncedClock(monotonic)
    venue = Venue(UTC_NS, speed)
    for turn in range(20):
        venue.sample(clock, monotonic, 1.0 + turn % 3, 1.0)
        monotonic.jump(10.0)
    assert clock.speed == pytest.approx(speed, rel=1e-3)
    assert abs(clock.now_ns() - venue.at(monotonic.now_ns())) < 0.1 * speed * NS_PER_S


def test_a_step_of_the_venues_clock_is_followed_at_once() -> None:
    monotonic = VirtualClock(start_ns=10**12)
    clock = SyncedClock(monotonic)
    venue = Venue(UTC_NS, 1.0)
    for _ in range(5):
        venue.sample(clock, monotonic, 1.0, 1.0, declared_speed=1.0)
        monotonic.jump(10.0)
    venue.offset_ns -= 30 * NS_PER_S
    venue.sample(clock, monotonic, 5.0, 5.0, declared_speed=1.0)
    assert clock.statistics().steps == 1
    assert abs(clock.now_ns() - venue.at(monotonic.now_ns())) < 7 * NS_PER_MS


def test_a_small_step_back_is_waited_out() -> None:
    monotonic = VirtualClock(start_ns=10**12)
    clock = SyncedClock(monotonic)
    venue = Venue(UTC_NS, 1.0)
    venue.sample(clock, monotonic, 0.1, 0.1, declared_speed=1.0)
    before_ns = clock.now_ns()
    venue.offset_ns -= HOLD_NS // 2
    venue.sample(clock, monotonic, 0.1, 0.1, declared_speed=1.0)
    assert clock.now_ns() == before_ns
    monotonic.jump(1.0)
    assert before_ns < clock.now_ns() <= venue.at(monotonic.now_ns()) + NS_PER_MS


def test_speed_change_drops_what_was_known() -> None:
    monotonic = VirtualClock(start_ns=10**12)
    clock = SyncedClock(monotonic)
    Venue(UTC_NS, 1.0).sample(clock, monotonic, 1.0, 1.0, declared_speed=1.0)
    Venue(UTC_NS * 2, 20.0).sample(clock, monotonic, 300.0, 300.0, declared_speed=20.0)
    assert clock.speed == 20.0
    assert clock.skew_ms is None
    assert clock.now_ns() > UTC_NS * 1.9


def test_skew_is_venue_minus_wall() -> None:
    monotonic = VirtualClock(start_ns=10**12)
    clock = SyncedClock(monotonic, wall_ns=lambda: UTC_NS)
    assert clock.skew_ms is None
    assert not clock.is_synchronised
    assert clock.now_ns() == UTC_NS
    now_ns = monotonic.now_ns()
    clock.observe((UTC_NS + 2_500 * NS_PER_MS) // NS_PER_MS, now_ns, now_ns, declared_speed=1.0)
    assert clock.is_synchronised
    assert clock.skew_ms == pytest.approx(2_500.5, abs=0.01)


def test_a_reply_before_its_request_is_refused() -> None:
    with pytest.raises(ValueError, match="before the request"):
        SyncedClock(VirtualClock()).observe(1, 10, 9)
