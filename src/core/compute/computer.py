"""`AsyncFeatureComputer`: the one door through which work leaves the loop."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from core.compute.lanes import Lane, LaneStatistics
from core.compute.priority import Priority
from core.compute.workers import WorkerPoolStatistics
from core.ports.clock import MonotonicClock
from core.runtime.histogram import LatencySummary
from core.settings.compute import ComputeSettings

T = TypeVar("T")


class Kind(Enum):
    IO = "io"
    """Waits (sockets, disks): a thread of the named lane."""
    CPU = "cpu"
    """Computes, or is not ours: a worker process."""


@dataclass(frozen=True, slots=True)
class OperationStatistics:
    """One operation's calls, by its name; latency in ms from the call to its answer, queueing and transfer
    included."""

    calls: int
    failures: int
    latency_ms: LatencySummary


@dataclass(frozen=True, slots=True)
class ComputerStatistics:
    lanes: dict[str, LaneStatistics]
    workers: WorkerPoolStatistics
    operations: dict[str, OperationStatistics]
    queue_depth: int
    """All lanes and the workers together."""
    abandoned_threads: int


class AsyncFeatureComputer:
    """Give `serve` to the supervisor, or use it as an async context manager.

    The lanes `data` and `order` are sized by the settings; `lanes` names more of them with their number of threads.
    """

    def __init__(
        self,
        settings: ComputeSettings,
        *,
        lanes: Mapping[str, int] | None = None,
        preload: Sequence[str] = ("numpy", "talib"),
        monotonic: MonotonicClock | None = None,
    ) -> None: ...

    async def run(
        self,
        fn: Callable[..., T],
        /,
        *args: object,
        kind: Kind,
        priority: Priority = Priority.NORMAL,
        deadline_s: float | None = None,
        lane: str = "data",
        operation: str | None = None,
        **kwargs: object,
    ) -> T:
        """Call `fn` off the loop and give back its result, or raise what `Lane.run` (IO) or `WorkerPool.run` (CPU)
        raise.

        `deadline_s` `None`: the settings' `job_deadline_s`, real time from now; `lane` counts for IO only;
        `operation` `None`: the function's name. Raises `ValueError` on a deadline that is not above 0 and `KeyError`
        on an unknown lane. Cancelling is safe and frees the slot.
        """
        raise NotImplementedError

    def lane(self, name: str) -> Lane:
        raise NotImplementedError

    async def start(self) -> None:
        """Start the workers and wait until one is ready. Raises `ComputeError` where they can't start."""
        raise NotImplementedError

    async def close(self) -> None:
        """Kill the workers, refuse new work, wait for no thread. Idempotent."""
        raise NotImplementedError

    async def serve(self) -> None:
        """`start`, then run until cancelled, then `close`."""
        raise NotImplementedError

    def statistics(self) -> ComputerStatistics:
        raise NotImplementedError
