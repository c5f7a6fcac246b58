"""Every periodic job of a daemon on one scheduler with monotonic due times.

APScheduler was weighed and left: its triggers live on the wall clock (which jumps), take no injected clock for virtual-time
tests, and bring job stores and executors that nothing here needs.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from core.ports.clock import MonotonicClock


@dataclass(frozen=True, slots=True)
class JobStatistics:
    name: str
    every_s: float
    runs: int
    """Begun, the one under way included."""
    failures: int
    """Raised or timed out."""
    missed: int
    """Due times that had no run of their own: the loop was late, or the job was still running."""
    is_running: bool
    last_run_age_s: float | None
    """Since its last run began; `None`: it never ran."""
    last_duration_s: float | None
    max_duration_s: float
    due_in_s: float
    last_error: str


@dataclass(frozen=True, slots=True)
class SchedulerStatistics:
    jobs: tuple[JobStatistics, ...]
    abandoned: tuple[str, ...]
    """Runs that did not end when cancelled at their timeout, and still have not."""


class Scheduler:
    """Jobs keep to a grid: a job of 10 s is due at 10, 20, 30 s after its first due time however long it takes. A late job
    runs once, not once for each due time that it missed; a job still running at its due time is not started again."""

    def __init__(
        self,
        monotonic: MonotonicClock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None: ...

    def every(
        self,
        name: str,
        every_s: float,
        job: Callable[[], Awaitable[None]],
        *,
        first_in_s: float | None = None,
        jitter_s: float = 0.0,
        timeout_s: float | None = None,
    ) -> None:
        """Add a job, before or during `run`. Real seconds: divide trading seconds by the clock's speed.

        `first_in_s` `None`: after one interval; `jitter_s`: each run is delayed by up to so much at random, the grid stays;
        `timeout_s` `None`: one interval, at least 1 s. Raises `ValueError` on a name in use or a wrong number.
        """
        raise NotImplementedError

    def trigger(self, name: str) -> None:
        """Make a job due now; its grid stays. Raises `KeyError` where there is no such job."""
        raise NotImplementedError

    def remove(self, name: str) -> None:
        """Forget a job; a run under way goes on. Raises `KeyError` where there is no such job."""
        raise NotImplementedError

    async def run(self) -> None:
        """Runs until cancelled, then cancels the jobs under way and waits for them for a bounded time."""
        raise NotImplementedError

    def statistics(self) -> SchedulerStatistics:
        raise NotImplementedError
