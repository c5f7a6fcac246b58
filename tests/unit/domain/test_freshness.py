from decimal import Decimal

from core.domain.freshness import Moment, Quote, Stamp, event_age_s

NOW = Moment(trading_ns=100_000_000_000, monotonic_ns=5_000_000_000, speed=20.0)


def test_ages_are_real_seconds_since_the_last_proof():
    assert Stamp(event_ns=None, confirmed_ns=3_000_000_000).age_s(NOW) == 2
    assert Stamp(event_ns=None, confirmed_ns=6_000_000_000).age_s(NOW) == 0


def test_event_ages_run_at_the_trading_clock_s_speed():
    assert event_age_s(60_000_000_000, NOW) == 2
    assert event_age_s(160_000_000_000, NOW) == 0


def test_mid_is_halfway():
    assert Quote(Decimal("1.01"), Decimal("1.02"), Stamp(None, 0)).mid == Decimal("1.015")
