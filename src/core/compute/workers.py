"""Worker processes: for computing, and for user code that may hang, crash or eat memory.

A pool of our own, because `concurrent.futures.ProcessPoolExecutor` cannot kill one worker (a killed one breaks the
pool and all its jobs), and because `multiprocessing` runs the daemon's main module again in each child.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from core.compute.job_queue import JobQueue
from core.compute.lanes import name_of
from core.compute.priority import Priority
from core.compute.worker_frames import FrameKind, pack_job, unpack_error, unpack_result
from core.compute.worker_process import WorkerPlan, WorkerProcess, WorkerState
from core.domain.errors import ComputeError, DeadlineExceeded, QueueFull, WorkerDied
from core.ports.clock import MonotonicClock
from core.runtime.clocks import NS_PER_S, SystemMonotonicClock
from core.runtime.histogram import Histogram, LatencySummary

T = TypeVar("T")

SPARES = 1
FIRST_BACKOFF_S = 0.5
MAX_BACKOFF_S = 30.0
START_TIMEOUT_S = 60.0
CLOSE_TIMEOUT_S = 5.0
LONG_AFTER_S = 1.0
"""A job that has run for so long may hang: while it does, the spare takes what waits behind it."""
TIMER_EARLY_S = 0.01
"""By less than that a timer comes too early."""


@dataclass(frozen=True, slots=True)
class WorkerPoolStatistics:
    workers: int
    """How many jobs run at once at most; one more beside a job that has run for long."""
    ready: int
    """Processes that could take a job now, the spare included."""
    busy: int
    starting: int
    pids: tuple[int, ...]
    depth: int
    oldest_age_s: float
    done: int
    failed: int
    """Jobs that raised, or whose result could not be sent."""
    expired: int
    killed: int
    """Workers killed for a job over its deadline or no longer awaited."""
    died: int
    """Workers that ended by themselves."""
    outgrown: int
    """Workers replaced between two jobs, for the memory that they held."""
    refused: int
    wait_ms: LatencySummary
    run_ms: LatencySummary


@dataclass(slots=True, eq=False)
class _Job:
    number: int
    name: str
    body: bytes
    answer: asyncio.Future[Any]
    queued_ns: int
    ticket: int = 0
    began_ns: int = 0
    worker: WorkerProcess | None = None


class WorkerPool:
    """`workers` processes that compute and one warm spare, so that killing one costs the time of a hand-over, and one
    job that hangs does not hold up the others until its deadline."""

    def __init__(
        self,
        workers: int,
        *,
        preload: Sequence[str] = (),
        niceness: int = 10,
        queue_size: int = 1_000,
        argument_limit_bytes: int = 1 << 20,
        result_limit_bytes: int = 4 << 20,
        memory_mb: int = 1_024,
        spares: int = SPARES,
        monotonic: MonotonicClock | None = None,
    ) -> None:
        """`preload`: modules that each worker imports before it is ready; `memory_mb`: see `WorkerPlan`; `spares`: 0
        saves the memory of a process where a hand-over may take the time of a start."""
        self._workers = workers
        self._spares = spares
        self._plan = WorkerPlan(tuple(preload), niceness, result_limit_bytes, memory_mb)
        self._argument_limit_bytes = argument_limit_bytes
        self._monotonic = monotonic or SystemMonotonicClock()
        self._queue: JobQueue[_Job] = JobQueue("workers", queue_size)
        self._numbers = itertools.count(1)
        self._worker_numbers = itertools.count(1)
        self._processes: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._running: dict[int, _Job] = {}
        self._failed_starts = 0
        self._start_error = ""
        self._is_open = False
        self._launches: set[asyncio.Task[None]] = set()
        self._launching = 0
        """Processes that are to be: waiting for their time, or being spawned."""
        self._changed = asyncio.Event()
        self._done = self._failed = self._expired = self._killed = self._died = self._outgrown = self._refused = 0
        self._wait, self._run = Histogram(), Histogram()
        self._log = structlog.get_logger(__name__)

    async def run(
        self,
        fn: Callable[..., T],
        /,
        *args: object,
        deadline_s: float,
        priority: Priority = Priority.NORMAL,
        **kwargs: object,
    ) -> T:
        """Call `fn` in a worker; its result. `fn` is sent by its import path, so it must be a module's function.

        Raises `QueueFull` (not taken), `DeadlineExceeded` (its worker was killed where it had started), `WorkerDied`,
        `JobRaised` (errors of this system, `MetronomeError`, come as they are), `ComputeError` (can't be pickled, too
        large, closed), `ValueError` (a deadline that is not above 0). Cancelling frees the slot: a queued job never
        runs, a running one's worker is killed.
        """
        if not deadline_s > 0:
            raise ValueError(f"the deadline must be above 0 s, not {deadline_s!r}")
        if not self._is_open:
            raise ComputeError("the worker pool is not open")
        job = self._submit(name_of(fn), pack_job(name_of(fn), fn, args, kwargs, self._argument_limit_bytes), priority)
        timer = job.answer.get_loop().call_later(deadline_s, self._expire, job, deadline_s)
        try:
            result: T = await job.answer
            return result
        except asyncio.CancelledError:
            self._give_up(job)
            raise
        finally:
            timer.cancel()

    async def start(self) -> None:
        """Start the processes and wait until the first is ready. Raises `ComputeError` where they can't start."""
        self._is_open = True
        for _ in range(self._workers + self._spares):
            self._launch()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while not self._idle:
                    if self._start_error:
                        raise ComputeError(self._start_error)
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            await self.close()
            raise ComputeError(f"no worker was ready within {START_TIMEOUT_S:g} s") from None
        except BaseException:  # whatever it was, cancelling included: no process is left behind
            await self.close()
            raise

    def resize(self, workers: int) -> None:
        """Let so many jobs run at once from now on: more start in a moment, idle ones too many are killed now, busy
        ones once they have answered. Raises `ValueError` for less than 1."""
        if workers < 1:
            raise ValueError(f"there must be at least 1 worker, not {workers}")
        self._workers = workers
        for _ in range(self._missing()):
            self._launch()
        while self._missing() < 0 and self._idle:
            self._dismiss(self._idle.pop(0))
        self._dispatch()

    async def close(self) -> None:
        """Kill the workers and fail what is queued or running with `ComputeError`. Idempotent."""
        self._is_open = False
        for job in [*self._queue.clear(), *self._running.values()]:
            _fail(job, ComputeError(f"the worker pool was closed before {job.name} had ended"))
        self._running.clear()
        for process in self._processes:
            process.kill()
        for launch in self._launches:
            launch.cancel()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                while self._processes:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            self._log.error("workers_left_behind", pids=[process.pid for process in self._processes])

    def statistics(self) -> WorkerPoolStatistics:
        return WorkerPoolStatistics(
            workers=self._workers,
            ready=len(self._idle),
            busy=len(self._running),
            starting=sum(process.state is WorkerState.STARTING for process in self._processes),
            pids=tuple(process.pid for process in self._processes if process.pid is not None),
            depth=len(self._queue),
            oldest_age_s=self._queue.oldest_age_s(self._monotonic.now_ns()),
            done=self._done,
            failed=self._failed,
            expired=self._expired,
            killed=self._killed,
            died=self._died,
            outgrown=self._outgrown,
            refused=self._refused,
            wait_ms=self._wait.summary(),
            run_ms=self._run.summary(),
        )

    def _submit(self, name: str, body: bytes, priority: Priority) -> _Job:
        answer = asyncio.get_running_loop().create_future()
        job = _Job(next(self._numbers), name, body, answer, self._monotonic.now_ns())
        try:
            job.ticket = self._queue.put(job, priority, job.queued_ns)
        except QueueFull:
            self._refused += 1
            raise
        self._dispatch()
        return job

    def _dispatch(self) -> None:
        """Give work to whoever is idle; the one that worked last first, its caches are warm."""
        while self._idle and self._has_room() and (job := self._queue.pop()) is not None:
            worker = self._idle.pop()
            worker.state = WorkerState.BUSY
            job.worker, job.began_ns = worker, self._monotonic.now_ns()
            job.answer.get_loop().call_later(LONG_AFTER_S + TIMER_EARLY_S, self._dispatch)
            self._wait.record_ns(job.began_ns - job.queued_ns)
            self._running[job.number] = job
            worker.send(job.number, job.body)

    def _has_room(self) -> bool:
        latest_ns = self._monotonic.now_ns() - int(LONG_AFTER_S * NS_PER_S)
        n_long = sum(job.began_ns <= latest_ns for job in self._running.values())
        return len(self._running) < self._workers + min(n_long, self._spares)

    def _expire(self, job: _Job, deadline_s: float) -> None:
        if job.answer.done():
            return
        started = job.worker is not None
        self._expired += 1
        self._give_up(job)
        what = "still ran, its worker was killed," if started else "could not start"
        _fail(job, DeadlineExceeded(f"{job.name} {what} after {deadline_s:g} s", started=started))

    def _give_up(self, job: _Job) -> None:
        """Free its place in the queue, or the slot of its worker by killing that."""
        self._queue.remove(job.ticket)
        if self._running.pop(job.number, None) is None or job.worker is None:
            return
        self._killed += 1
        job.worker.state = WorkerState.KILLED
        job.worker.kill()
        self._dispatch()

    def _heard(self, worker: WorkerProcess, kind: FrameKind, number: int, body: bytes) -> None:
        if worker.state is WorkerState.KILLED:
            return
        if kind is FrameKind.BROKEN:
            self._start_error = body.decode()
            return
        if kind is FrameKind.GROWN:
            self._outgrown += 1
            worker.state = WorkerState.LEAVING
            return
        job = self._running.pop(number, None)
        if worker.state is WorkerState.LEAVING or self._missing() < 0:
            self._dismiss(worker)
        else:
            worker.state = WorkerState.IDLE
            self._idle.append(worker)
        if kind is FrameKind.READY:
            self._failed_starts, self._start_error = 0, ""
            self._changed.set()
        if job is not None:
            self._run.record_ns(self._monotonic.now_ns() - job.began_ns)
            self._answer(job, kind, body)
        self._dispatch()

    def _answer(self, job: _Job, kind: FrameKind, body: bytes) -> None:
        error: Exception
        if kind is FrameKind.RESULT:
            try:
                result = unpack_result(job.name, body)
            except ComputeError as unreadable:
                error = unreadable
            else:
                self._done += 1
                if not job.answer.done():
                    job.answer.set_result(result)
                return
        elif kind is FrameKind.RAISED:
            error = unpack_error(job.name, body)
        else:
            error = ComputeError(f"{job.name}: {body.decode()}")
        self._failed += 1
        _fail(job, error)

    def _gone(self, worker: WorkerProcess, code: int, tail: str) -> None:
        """Its process has ended: fail its job, replace it."""
        self._processes.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        how = f"{_ended(code)}{f': {tail}' if tail else ''}"
        job = next((job for job in self._running.values() if job.worker is worker), None)
        if job is not None:
            del self._running[job.number]
            _fail(job, WorkerDied(f"{job.name}: its worker {how}"))
        if self._is_open:
            pause_s = self._count_death(worker, how, had_job=job is not None)
            if self._missing() > 0:
                self._launch(after_s=pause_s)
        self._changed.set()

    def _missing(self) -> int:
        """How many processes more there should be, started and about to start; negative: how many less."""
        leaving = sum(process.state is WorkerState.KILLED for process in self._processes)
        return self._workers + self._spares - (len(self._processes) - leaving + self._launching)

    def _dismiss(self, worker: WorkerProcess) -> None:
        worker.state = WorkerState.KILLED
        worker.kill()

    def _count_death(self, worker: WorkerProcess, how: str, *, had_job: bool) -> float:
        """How long to wait before it is replaced, in s."""
        if worker.state is WorkerState.KILLED:
            return 0.0
        self._died += 1
        if worker.state is not WorkerState.STARTING:
            self._log.warning("worker_died", worker=worker.number, pid=worker.pid, how=how)
            return 0.0 if had_job else FIRST_BACKOFF_S
        self._failed_starts += 1
        self._start_error = self._start_error or f"a worker could not start, it {how}"
        self._log.error("worker_start_failed", worker=worker.number, error=self._start_error)
        return min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(self._failed_starts, 16))

    def _launch(self, after_s: float = 0.0) -> None:
        self._launching += 1
        launch = asyncio.create_task(self._launch_after(after_s), name="launch worker")
        self._launches.add(launch)
        launch.add_done_callback(self._launches.discard)

    async def _launch_after(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        worker = WorkerProcess(next(self._worker_numbers), self._plan, on_frame=self._heard, on_exit=self._gone)
        try:
            await worker.start()
        except OSError as error:
            self._log.error("worker_start_failed", worker=worker.number, error=str(error))
            self._launching -= 1
            self._launch(after_s=MAX_BACKOFF_S)
        else:
            self._launching -= 1
            self._processes.add(worker)


def _fail(job: _Job, error: Exception) -> None:
    if not job.answer.done():
        job.answer.set_exception(error)


def _ended(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
