"""A lane: a small pool of named threads for blocking calls of one kind, so that hung calls of one kind never stop
another."""

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeVar

import structlog

from core.compute.job_queue import JobQueue
from core.compute.priority import Priority
from core.domain.errors import ComputeError, DeadlineExceeded, LaneBroken, QueueFull
from core.ports.clock import MonotonicClock
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.histogram import Histogram, LatencySummary

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LaneStatistics:
    name: str
    threads: int
    """Width: how many jobs run at once."""
    busy: int
    """Threads at work on jobs that are still awaited."""
    abandoned: int
    """Threads still inside a call that nobody awaits any more."""
    abandoned_total: int
    replaced_total: int
    """Fresh threads that took the place of abandoned ones."""
    depth: int
    oldest_age_s: float
    """Of the job that waits longest; 0 where none waits."""
    done: int
    failed: int
    """Calls that raised."""
    expired: int
    """Ran out of time, queued or running."""
    refused: int
    is_broken: bool
    wait_ms: LatencySummary
    run_ms: LatencySummary


class _State(Enum):
    QUEUED = auto()
    RUNNING = auto()
    DONE = auto()
    GIVEN_UP = auto()


@dataclass(slots=True, eq=False)
class _Job:
    name: str
    call: Callable[[], Any]
    answer: asyncio.Future[Any]
    queued_ns: int
    ticket: int = 0
    state: _State = _State.QUEUED


class Lane:
    """Threads start when first needed and are daemon threads: a hung one never holds up the end of the process.

    A thread can't be cancelled: when a job's time runs out or its waiter is cancelled, its thread is abandoned and a
    fresh one takes its place, so the lane keeps its width. Only with `thread_limit` threads alive does it get
    narrower, and when all of them hang it is broken: it refuses work until one comes back. Jobs should carry a time
    limit of their own below the deadline.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        *,
        queue_size: int = 1_000,
        thread_limit: int | None = None,
        monotonic: MonotonicClock | None = None,
    ) -> None:
        """`thread_limit`: alive at most, abandoned ones included; `None`: four times `threads`."""
        self._name = name
        self._threads = threads
        self._thread_limit = max(threads, thread_limit or 4 * threads)
        self._monotonic = monotonic or SystemMonotonicClock()
        # Guards everything below; threads wait on it for work.
        self._work = threading.Condition(threading.Lock())
        self._queue: JobQueue[_Job] = JobQueue(f"lane {name}", queue_size)
        self._alive = self._idle = self._busy = self._abandoned = 0
        self._started_total = self._abandoned_total = self._replaced_total = 0
        self._done = self._failed = self._expired = self._refused = 0
        self._wait, self._run = Histogram(), Histogram()
        self._is_closed = False
        self._log = structlog.get_logger(__name__)

    @property
    def is_broken(self) -> bool:
        return self._abandoned >= self._thread_limit

    async def run(
        self,
        fn: Callable[..., T],
        /,
        *args: object,
        deadline_s: float,
        priority: Priority = Priority.NORMAL,
        **kwargs: object,
    ) -> T:
        """Call `fn` in a thread with a copy of the context variables, as `asyncio.to_thread` does; its result, or
        what it raised. `deadline_s` counts from now, queueing included.

        Raises `QueueFull` and `LaneBroken` (not taken), `DeadlineExceeded` (`started` says whether `fn` had begun),
        `ComputeError` (closed), `ValueError` (a deadline that is not above 0). Cancelling frees the waiter at once: a
        queued job never runs, a running one is abandoned.
        """
        if not deadline_s > 0:
            raise ValueError(f"the deadline must be above 0 s, not {deadline_s!r}")
        loop = asyncio.get_running_loop()
        call = functools.partial(contextvars.copy_context().run, fn, *args, **kwargs)
        job = _Job(name_of(fn), call, loop.create_future(), self._monotonic.now_ns())
        self._submit(job, priority)
        timer = loop.call_later(deadline_s, self._expire, job, deadline_s)
        try:
            result: T = await job.answer
            return result
        except asyncio.CancelledError:
            self._give_up(job)
            raise
        finally:
            timer.cancel()

    def statistics(self) -> LaneStatistics:
        with self._work:
            return LaneStatistics(
                name=self._name,
                threads=self._threads,
                busy=self._busy,
                abandoned=self._abandoned,
                abandoned_total=self._abandoned_total,
                replaced_total=self._replaced_total,
                depth=len(self._queue),
                oldest_age_s=self._queue.oldest_age_s(self._monotonic.now_ns()),
                done=self._done,
                failed=self._failed,
                expired=self._expired,
                refused=self._refused,
                is_broken=self.is_broken,
                wait_ms=self._wait.summary(),
                run_ms=self._run.summary(),
            )

    def close(self) -> None:
        """Refuse new work, fail what is queued with `ComputeError`, let threads end after their job. Waits for
        nothing.

        Idempotent; call it on the loop.
        """
        with self._work:
            self._is_closed = True
            waiting = self._queue.clear()
            self._work.notify_all()
        for job in waiting:
            if not job.answer.done():
                job.answer.set_exception(ComputeError(f"lane {self._name} was closed before {job.name} could run"))

    def _submit(self, job: _Job, priority: Priority) -> None:
        with self._work:
            if self._is_closed:
                raise ComputeError(f"lane {self._name} is closed")
            try:
                if self.is_broken:
                    raise LaneBroken(
                        f"lane {self._name}: all {self._abandoned} threads hang in calls that nobody awaits"
                    )
                job.ticket = self._queue.put(job, priority, job.queued_ns)
            except (QueueFull, LaneBroken):
                self._refused += 1
                raise
            self._work.notify()
            self._start_thread_if_needed()

    def _start_thread_if_needed(self) -> None:
        """Called with the lock held."""
        is_wide_enough = self._alive - self._abandoned >= self._threads
        if len(self._queue) <= self._idle or is_wide_enough or self._alive >= self._thread_limit:
            return
        name = f"lane-{self._name}-{self._started_total + 1}"
        try:
            threading.Thread(target=self._serve, name=name, daemon=True).start()
        except RuntimeError as error:  # the system has no more threads: those at work will come to the job
            self._log.error("thread_not_started", lane=self._name, error=str(error))
            return
        self._replaced_total += self._alive >= self._threads
        self._alive += 1
        self._started_total += 1

    def _expire(self, job: _Job, deadline_s: float) -> None:
        was = self._give_up(job)
        if was is None or job.answer.done():
            return
        with self._work:
            self._expired += 1
        started = was is _State.RUNNING
        what = "still runs" if started else "could not start"
        job.answer.set_exception(
            DeadlineExceeded(f"lane {self._name}: {job.name} {what} after {deadline_s:g} s", started=started)
        )

    def _give_up(self, job: _Job) -> _State | None:
        """Nobody awaits it any more; what it was doing, `None` where it had ended already."""
        with self._work:
            was = job.state
            if was in (_State.DONE, _State.GIVEN_UP):
                return None
            job.state = _State.GIVEN_UP
            if was is _State.QUEUED:
                self._queue.remove(job.ticket)
            else:
                self._busy -= 1
                self._abandoned += 1
                self._abandoned_total += 1
                self._start_thread_if_needed()
            return was

    def _serve(self) -> None:
        """One thread's life."""
        while (job := self._take()) is not None:
            result, error = None, None
            began_ns = self._monotonic.now_ns()
            try:
                result = job.call()
            except BaseException as raised:  # the boundary of one job: it ends its answer, never the thread
                error = raised
            if not self._hand_in(job, self._monotonic.now_ns() - began_ns, error):
                return
            _answer(job, result, error)
            del job, result, error  # an idle thread keeps nothing alive

    def _take(self) -> _Job | None:
        """Wait for a job; `None`: the lane is closed."""
        with self._work:
            while (job := self._queue.pop()) is None:
                if self._is_closed:
                    self._alive -= 1
                    return None
                self._idle += 1
                self._work.wait()
                self._idle -= 1
            job.state = _State.RUNNING
            self._busy += 1
            self._wait.record_ns(self._monotonic.now_ns() - job.queued_ns)
            return job

    def _hand_in(self, job: _Job, took_ns: int, error: BaseException | None) -> bool:
        """Count it; whether the thread is still needed."""
        with self._work:
            self._run.record_ns(took_ns)
            if job.state is _State.GIVEN_UP:
                self._abandoned -= 1
                if self._alive - self._abandoned > self._threads:
                    self._alive -= 1
                    return False
                return True
            job.state = _State.DONE
            self._busy -= 1
            self._done += error is None
            self._failed += error is not None
            return True


def name_of(fn: Callable[..., Any]) -> str:
    """For messages and statistics: the qualified name, through partials."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return getattr(fn, "__qualname__", None) or type(fn).__qualname__


def _answer(job: _Job, result: Any, error: BaseException | None) -> None:
    if job.state is not _State.DONE:
        return
    if error is not None and (not isinstance(error, Exception) or isinstance(error, StopIteration)):
        # Raised on the loop these would end the loop, or be taken for something else.
        error = ComputeError(f"{job.name} raised {error!r}")
    with suppress(RuntimeError):  # the loop is closed: nobody awaits it any more
        job.answer.get_loop().call_soon_threadsafe(_resolve, job.answer, result, error)


def _resolve(answer: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
