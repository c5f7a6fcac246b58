from core.simulation.server.clock import NS_PER_S, VenueClock

START_NS = 1_700_000_000 * NS_PER_S


def test_it_runs_at_its_speed_up_to_its_horizon() -> None:
    real_ns = 0
    clock = VenueClock(START_NS, 20, lambda: real_ns)
    assert clock.now_ns() == START_NS
    clock.raise_horizon(clock.ahead_ns(5))
    real_ns = NS_PER_S
    assert clock.now_ns() == START_NS + 20 * NS_PER_S
    assert clock.now_ms() == clock.now_ns() // 1_000_000
    real_ns = 100 * NS_PER_S
    assert clock.now_ns() == START_NS + 100 * NS_PER_S, "five real seconds of horizon, and no more"
    clock.raise_horizon(START_NS)
    assert clock.now_ns() == START_NS + 100 * NS_PER_S, "it never goes back"
    clock.raise_horizon(clock.ahead_ns(1))
    assert clock.now_ns() == START_NS + 2_000 * NS_PER_S


def test_what_it_took_to_get_ready_is_not_lost() -> None:
    clock = VenueClock(START_NS, 20, lambda: 7 * NS_PER_S, began_ns=4 * NS_PER_S)
    clock.raise_horizon(clock.ahead_ns(1))
    assert clock.now_ns() == START_NS + 60 * NS_PER_S
