"""`AsyncFeatureComputer`: the one door through which work leaves the loop."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Self, TypeVar

from core.compute.lanes import Lane, LaneStatistics, name_of
from core.compute.priority import Priority
from core.compute.workers import WorkerPool, WorkerPoolStatistics
from core.ports.clock import MonotonicClock
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.histogram import Histogram, LatencySummary
from core.settings.compute import ComputeSettings

T = TypeVar("T")

DATA_LANE = "data"
ORDER_LANE = "order"
WORKERS = "workers"


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


@dataclass(slots=True)
class _Operation:
    calls: int = 0
    failures: int = 0
    latency: Histogram = field(default_factory=Histogram)


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
    ) -> None:
        """`preload`: what each worker imports before it is ready. A lane called `workers` is refused:
        `ValueError`."""
        widths = {DATA_LANE: settings.data_lane_threads, ORDER_LANE: settings.order_lane_threads, **(lanes or {})}
        if WORKERS in widths:
            raise ValueError(f"a lane can't be called {WORKERS!r}")
        self._deadline_s = settings.job_deadline_s
        self._monotonic = monotonic or SystemMonotonicClock()
        self._lanes = {
            name: Lane(name, threads, queue_size=settings.queue_size, monotonic=self._monotonic)
            for name, threads in widths.items()
        }
        self._workers = WorkerPool(
            settings.workers,
            preload=preload,
            niceness=settings.worker_niceness,
            queue_size=settings.queue_size,
            monotonic=self._monotonic,
        )
        self._operations: dict[str, _Operation] = {}

    async def run(
        self,
        fn: Callable[..., T],
        /,
        *args: object,
        kind: Kind,
        priority: Priority = Priority.NORMAL,
        deadline_s: float | None = None,
        lane: str = DATA_LANE,
        operation: str | None = None,
        **kwargs: object,
    ) -> T:
        """Call `fn` off the loop and give back its result, or raise what `Lane.run` (IO) or `WorkerPool.run` (CPU)
        raise.

        `deadline_s` `None`: the settings' `job_deadline_s`, real time from now; `lane` counts for IO only;
        `operation` `None`: the function's name. Raises `ValueError` on a deadline that is not above 0 and `KeyError`
        on an unknown lane. Cancelling is safe and frees the slot.
        """
        door = self._workers if kind is Kind.CPU else self._lanes[lane]
        seen = self._operations.setdefault(operation or name_of(fn), _Operation())
        deadline_s = self._deadline_s if deadline_s is None else deadline_s
        began_ns = self._monotonic.now_ns()
        seen.calls += 1
        try:
            return await door.run(fn, *args, deadline_s=deadline_s, priority=priority, **kwargs)
        except BaseException:  # one that was cancelled has failed, too; it goes on
            seen.failures += 1
            raise
        finally:
            seen.latency.record_ns(self._monotonic.now_ns() - began_ns)

    def lane(self, name: str) -> Lane:
        """Raises `KeyError` where there is none of that name."""
        return self._lanes[name]

    async def start(self) -> None:
        """Start the workers and wait until one is ready. Raises `ComputeError` where they can't start."""
        await self._workers.start()

    async def close(self) -> None:
        """Kill the workers, refuse new work, wait for no thread. Idempotent."""
        for lane in self._lanes.values():
            lane.close()
        await self._workers.close()

    async def serve(self) -> None:
        """`start`, then run until cancelled, then `close`."""
        async with self:
            await asyncio.Event().wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def statistics(self) -> ComputerStatistics:
        lanes = {name: lane.statistics() for name, lane in self._lanes.items()}
        workers = self._workers.statistics()
        return ComputerStatistics(
            lanes=lanes,
            workers=workers,
            operations={
                name: OperationStatistics(seen.calls, seen.failures, seen.latency.summary())
                for name, seen in self._operations.items()
            },
            queue_depth=workers.depth + sum(lane.depth for lane in lanes.values()),
            abandoned_threads=sum(lane.abandoned for lane in lanes.values()),
        )
