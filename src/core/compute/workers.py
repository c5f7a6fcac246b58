"""Worker processes: for computing, and for user code that may hang, crash or eat memory.

A pool of our own, because `concurrent.futures.ProcessPoolExecutor` cannot kill one worker (a killed one breaks the
pool and all its jobs), and because `multiprocessing` runs the daemon's main module again in each child.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from core.compute.priority import Priority
from core.ports.clock import MonotonicClock
from core.runtime.histogram import LatencySummary

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WorkerPoolStatistics:
    workers: int
    """How many jobs run at once at most."""
    ready: int
    """Processes that can take a job now, the spare included."""
    busy: int
    starting: int
    pids: tuple[int, ...]
    depth: int
    oldest_age_s: float
    done: int
    failed: int
    """Jobs that raised."""
    expired: int
    killed: int
    """Workers killed for a job over its deadline or no longer awaited."""
    died: int
    """Workers that ended by themselves."""
    refused: int
    wait_ms: LatencySummary
    run_ms: LatencySummary


class WorkerPool:
    """`workers` processes that compute and one warm spare, so that killing one costs the time of a hand-over."""

    def __init__(
        self,
        workers: int,
        *,
        preload: Sequence[str] = (),
        niceness: int = 10,
        queue_size: int = 1_000,
        argument_limit_bytes: int = 1 << 20,
        result_limit_bytes: int = 4 << 20,
        monotonic: MonotonicClock | None = None,
    ) -> None:
        """`preload`: modules that each worker imports before it is ready."""

    async def run(
        self,
        fn: Callable[..., T],
        /,
        *args: object,
        deadline_s: float,
        priority: Priority = Priority.NORMAL,
        **kwargs: object,
    ) -> T:
        """Call `fn` in a worker; its result. `fn` is named by its import path, so it must be a module's function.

        Raises `QueueFull` (not taken), `DeadlineExceeded` (its worker was killed where it had started), `WorkerDied`,
        `JobRaised` (errors of this system, `MetronomeError`, come as they are), `ComputeError` (can't be pickled, too
        large, closed). Cancelling frees the slot: a queued job never runs, a running one's worker is killed.
        """
        raise NotImplementedError

    async def start(self) -> None:
        """Start the processes and wait until the first is ready. Raises `ComputeError` where they can't start."""
        raise NotImplementedError

    async def close(self) -> None:
        """Kill the workers and fail what is queued or running with `ComputeError`."""
        raise NotImplementedError

    def statistics(self) -> WorkerPoolStatistics:
        raise NotImplementedError
