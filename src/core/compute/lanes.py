"""A lane: a small pool of named threads for blocking calls of one kind, so that hung calls of one kind never stop
another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from core.compute.priority import Priority
from core.ports.clock import MonotonicClock
from core.runtime.histogram import LatencySummary

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LaneStatistics:
    name: str
    threads: int
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
    expired: int
    """Ran out of time, queued or running."""
    refused: int
    is_broken: bool
    wait_ms: LatencySummary
    run_ms: LatencySummary


class Lane:
    """Threads start when first needed and are daemon threads: a hung one never holds up the end of the process.

    A thread can't be cancelled: when a job's time runs out or its waiter is cancelled, its thread is abandoned and a
    fresh one takes its place, so the lane keeps its width. With `stuck_limit` threads abandoned at the same time the
    lane is broken: it refuses work until one of them comes back. Jobs should carry a time limit of their own below
    the deadline.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        *,
        queue_size: int = 1_000,
        stuck_limit: int | None = None,
        monotonic: MonotonicClock | None = None,
    ) -> None:
        """`stuck_limit` `None`: three times `threads`."""

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
        `ComputeError` (closed). Cancelling frees the waiter at once: a queued job never runs, a running one is
        abandoned.
        """
        raise NotImplementedError

    def statistics(self) -> LaneStatistics:
        raise NotImplementedError

    def close(self) -> None:
        """Refuse new work, fail what is queued with `ComputeError`, let threads end after their job. Waits for
        nothing."""
        raise NotImplementedError
