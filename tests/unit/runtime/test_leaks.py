"""The sentinel on a clock of the test's own; real leaks are in tests/integration/runtime."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import theilslopes
from structlog.testing import capture_logs

from core.domain.status import ResourceTrend
from core.runtime.clocks import VirtualClock
from core.runtime.leaks import LeakSentinel, PlannedRestart, slopes_per_s
from core.settings.leaks import LeaksSettings

CALM = {"memory_mb": 100.0, "descriptors": 30.0, "tasks": 40.0, "threads": 20.0}
SETTINGS = {"sample_s": 60.0, "window_s": 3_600.0, "memory_mb_per_h": 10.0}


class Watched:
    def __init__(self, **settings: object) -> None:
        self.clock = VirtualClock(start_ns=10**12)
        self.sentinel = LeakSentinel(LeaksSettings.model_validate({**SETTINGS, **settings}), self.clock)
        self.rng = np.random.default_rng(7)
        self.memory_mb = CALM["memory_mb"]

    def run_for(self, minutes: int, *, mb_per_minute: float = 0.0, noise_mb: float = 0.0) -> list[str]:
        """Names of what is logged."""
        with capture_logs() as lines:
            for _ in range(minutes):
                self.clock.jump(60.0)
                self.memory_mb += mb_per_minute
                self.sentinel.take({**CALM, "memory_mb": self.memory_mb + noise_mb * self.rng.standard_normal()})
        return [line["event"] for line in lines]

    @property
    def memory(self) -> ResourceTrend:
        return next(each for each in self.sentinel.trends() if each.name == "memory_mb")


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_the_slope_is_theil_and_sens(levels: list[float]) -> None:
    seconds = np.arange(len(levels)) * 30.0
    middle, low = slopes_per_s(np.column_stack([seconds, levels]))
    assert middle == pytest.approx(theilslopes(levels, seconds).slope, abs=1e-9)
    assert low <= middle


def test_a_leak_is_said_once_with_its_slope() -> None:
    watched = Watched()
    assert watched.run_for(50, mb_per_minute=0.5, noise_mb=2.0) == []
    assert watched.memory.per_hour is None, "a window that has not passed says nothing"
    assert watched.run_for(100, mb_per_minute=0.5, noise_mb=2.0) == ["leak"]
    assert watched.memory.is_leaking
    assert watched.memory.per_hour == pytest.approx(30.0, rel=0.1)
    assert watched.run_for(90) == ["leak_over"]
    assert not watched.memory.is_leaking


def test_noise_is_no_leak() -> None:
    assert Watched().run_for(600, noise_mb=5.0) == []


def test_a_cache_that_fills_at_one_stroke_is_no_leak() -> None:
    watched = Watched()
    watched.run_for(100, noise_mb=0.1)
    watched.memory_mb += 300.0
    assert watched.run_for(100, noise_mb=0.1) == []


def test_growth_below_the_limit_is_no_leak() -> None:
    assert Watched().run_for(300, mb_per_minute=0.1) == []


def test_above_its_bound_the_daemon_ends_to_be_started_again() -> None:
    watched = Watched(action="restart", max_memory_mb=150.0)
    words = "memory_mb is 151, above leaks.max_memory_mb = 150"
    with pytest.raises(PlannedRestart, match=re.escape(words)):
        watched.run_for(100, mb_per_minute=1.0)
    assert PlannedRestart.exit_code == 6


def test_where_no_restart_is_wanted_the_bound_is_said_once() -> None:
    assert Watched(max_memory_mb=105.0).run_for(80, mb_per_minute=0.1) == ["above_bound"]


def test_a_window_without_enough_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="10 to 1,000 times sample_s"):
        LeaksSettings(sample_s=30.0, window_s=60.0)
