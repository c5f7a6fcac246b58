"""Every periodic job of a daemon on one scheduler with monotonic due times.

APScheduler was weighed and left: its triggers live on the wall clock (which jumps), take no injected clock for
virtual-time tests, and bring job stores and executors that nothing here needs.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from core.domain.errors import MetronomeError
from core.ports.clock import MonotonicClock
from core.runtime.bulkhead import Bulkhead
from core.runtime.clocks import NS_PER_S

IDLE_S = 3_600.0
"""How long to sleep where no job is due at all; a new job wakes the scheduler."""


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


@dataclass(slots=True)
class DueTime:
    """When a job is due, on its grid `first_ns + k * every_ns`. Pure: time and chance are handed in."""

    every_ns: int
    grid_ns: int
    """The next due time on the grid."""
    jitter_ns: int = 0
    due_ns: int = field(init=False)
    """`grid_ns` with its jitter."""

    def __post_init__(self) -> None:
        self.due_ns = self.grid_ns

    def take(self, now_ns: int, chance: float = 0.0) -> int:
        """Move on to the first grid time after `now_ns`; how many grid times passed by, 0 where it was not due
        yet."""
        if now_ns < self.due_ns:
            return 0
        passed = max(0, now_ns - self.grid_ns) // self.every_ns + 1
        self.grid_ns += passed * self.every_ns
        self.due_ns = self.grid_ns + int(self.jitter_ns * chance)
        return passed


@dataclass(slots=True)
class _Job:
    name: str
    call: Callable[[], Awaitable[None]]
    due: DueTime
    timeout_s: float
    is_triggered: bool = False
    task: asyncio.Task[None] | None = None
    runs: int = 0
    failures: int = 0
    missed: int = 0
    began_ns: int | None = None
    last_ns: int | None = None
    longest_ns: int = 0
    last_error: str = ""


class Scheduler:
    """Jobs keep to a grid: a job of 10 s is due at 10, 20, 30 s after its first due time however long it takes. A
    late job runs once, not once for each due time that it missed; a job still running at its due time is not started
    again, not even when it is overdue and does not end."""

    def __init__(
        self,
        monotonic: MonotonicClock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._rng = rng or random.Random()
        self._jobs: dict[str, _Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._bulkhead = Bulkhead()
        self._changed = asyncio.Event()
        self._log = structlog.get_logger(__name__)

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

        `first_in_s` `None`: after one interval; `jitter_s`: each run but the first is delayed by up to so much at
        random, the grid stays; `timeout_s` `None`: one interval, at least 1 s. Raises `ValueError` on a name in use
        or a wrong number.
        """
        if name in self._jobs:
            raise ValueError(f"there is a job {name!r} already")
        first_in_s = every_s if first_in_s is None else first_in_s
        timeout_s = max(1.0, every_s) if timeout_s is None else timeout_s
        if not (every_s > 0 and timeout_s > 0 and first_in_s >= 0 and 0 <= jitter_s < every_s):
            raise ValueError(f"job {name!r}: intervals must be above 0 and the jitter below the interval")
        first_ns = self._monotonic.now_ns() + round(first_in_s * NS_PER_S)
        due = DueTime(round(every_s * NS_PER_S), first_ns, round(jitter_s * NS_PER_S))
        self._jobs[name] = _Job(name, job, due, timeout_s)
        self._changed.set()

    def trigger(self, name: str) -> None:
        """Make a job due now, or as soon as the run under way has ended; its grid stays. Raises `KeyError` where
        there is no such job."""
        self._jobs[name].is_triggered = True
        self._changed.set()

    def remove(self, name: str) -> None:
        """Forget a job; a run under way goes on. Raises `KeyError` where there is no such job."""
        del self._jobs[name]

    async def run(self) -> None:
        """Runs until cancelled, then cancels the jobs under way and waits for them for a bounded time."""
        try:
            while True:
                self._changed.clear()
                self._start_due()
                await self._sleep_or_change()
        finally:
            await self._cancel_jobs()

    def statistics(self) -> SchedulerStatistics:
        now_ns = self._monotonic.now_ns()
        return SchedulerStatistics(
            jobs=tuple(_statistics(job, now_ns) for job in self._jobs.values()), abandoned=self._bulkhead.abandoned
        )

    def _start_due(self) -> None:
        now_ns = self._monotonic.now_ns()
        for job in self._jobs.values():
            passed = job.due.take(now_ns, self._rng.random())
            if not passed and not job.is_triggered:
                continue
            if job.task is not None or job.name in self._bulkhead.abandoned:
                job.missed += passed
                continue
            job.missed += max(0, passed - 1)
            job.is_triggered = False
            job.task = asyncio.create_task(self._run_job(job), name=f"job {job.name}")
            self._tasks.add(job.task)
            job.task.add_done_callback(self._tasks.discard)

    async def _run_job(self, job: _Job) -> None:
        job.runs += 1
        job.began_ns = self._monotonic.now_ns()
        try:
            await self._bulkhead.run(job.name, _awaited(job.call), job.timeout_s)
            if job.last_error:
                self._log.info("job_recovered", job=job.name, after=job.last_error)
            job.last_error = ""
        except Exception as error:  # the boundary of one job: it costs this run, never the scheduler
            job.failures += 1
            if not job.last_error:
                unforeseen = None if isinstance(error, MetronomeError) else error
                self._log.warning("job_failed", job=job.name, error=repr(error), exc_info=unforeseen)
            job.last_error = repr(error)
        finally:
            job.last_ns = self._monotonic.now_ns() - job.began_ns
            job.longest_ns = max(job.longest_ns, job.last_ns)
            job.task = None
            if job.is_triggered:
                self._changed.set()

    async def _sleep_or_change(self) -> None:
        now_ns = self._monotonic.now_ns()
        due_ns = min((job.due.due_ns for job in self._jobs.values()), default=now_ns + round(IDLE_S * NS_PER_S))
        nap = asyncio.ensure_future(self._sleep(max(0, due_ns - now_ns) / NS_PER_S))
        change = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait({nap, change}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
            change.cancel()

    async def _cancel_jobs(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5.0)


async def _awaited(call: Callable[[], Awaitable[None]]) -> None:
    await call()


def _statistics(job: _Job, now_ns: int) -> JobStatistics:
    return JobStatistics(
        name=job.name,
        every_s=job.due.every_ns / NS_PER_S,
        runs=job.runs,
        failures=job.failures,
        missed=job.missed,
        is_running=job.task is not None,
        last_run_age_s=None if job.began_ns is None else (now_ns - job.began_ns) / NS_PER_S,
        last_duration_s=None if job.last_ns is None else job.last_ns / NS_PER_S,
        max_duration_s=job.longest_ns / NS_PER_S,
        due_in_s=max(0, job.due.due_ns - now_ns) / NS_PER_S,
        last_error=job.last_error,
    )
