"""`AsyncFeatureComputer`: the one door through which work leaves the loop."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Self, TypeVar

import structlog

from core.compute.backend import Backend
from core.compute.cluster import CONNECT_TIMEOUT_S, DaskBackend, connect
from core.compute.dead_letters import DeadLetter, DeadLetters
from core.compute.lanes import Lane, LaneStatistics, name_of
from core.compute.pool_size import PoolSizer
from core.compute.priority import Priority
from core.compute.workers import SPARES, WorkerPool, WorkerPoolStatistics
from core.domain.errors import ComputeError, SettingsError
from core.domain.measures import OperationDone
from core.ports.clock import MonotonicClock
from core.runtime.clocks import NS_PER_MS, NS_PER_S, SystemMonotonicClock
from core.runtime.histogram import Histogram, LatencySummary
from core.settings.compute import ComputeSettings

T = TypeVar("T")

DATA_LANE = "data"
ORDER_LANE = "order"
WORKERS = "workers"
CPU_LANE = "cpu"
"""Threads that compute, with `backend = "threads"` only."""
CLUSTER_LANE = "cluster"
"""Threads that wait for a Dask cluster, with `backend = "dask"` only."""
CLUSTER_JOBS = 32
ADAPT_EVERY_S = 0.25
_REMEMBERED_CALLS = 1_000


class Kind(Enum):
    IO = "io"
    """Waits (sockets, disks): a thread of the named lane."""
    CPU = "cpu"
    """Computes, and may read the candles in shared memory: a worker process of this machine, or a thread where the
    settings say so."""
    USER_CODE = "user_code"
    """As CPU, and is not ours: never a thread."""
    CLUSTER = "cluster"
    """Computes on nothing but what it is handed: a Dask cluster where the settings name one, else as CPU."""


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
    dead: dict[str, int]
    """Calls that failed for good since the start, by kind of error."""


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
        spares: int = SPARES,
        monotonic: MonotonicClock | None = None,
    ) -> None:
        """`preload`: what each worker imports before it is ready; `spares`: workers that wait to take over. A lane
        called `workers` is refused: `ValueError`."""
        widths = {DATA_LANE: settings.data_lane_threads, ORDER_LANE: settings.order_lane_threads, **(lanes or {})}
        if WORKERS in widths:
            raise ValueError(f"a lane can't be called {WORKERS!r}")
        if settings.backend == "threads":
            widths[CPU_LANE] = settings.workers
        if settings.backend == "dask":
            widths[CLUSTER_LANE] = CLUSTER_JOBS
        self._settings = settings
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
            memory_mb=settings.worker_memory_mb,
            spares=spares,
            monotonic=self._monotonic,
        )
        self._cluster: DaskBackend | None = None
        self._sizer = PoolSizer(settings.workers, settings.max_workers or settings.workers)
        self._dead = DeadLetters(settings.dead_letters)
        self._log = structlog.get_logger(__name__)
        self._operations: dict[str, _Operation] = {}
        self._newest: deque[OperationDone] = deque(maxlen=_REMEMBERED_CALLS)

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
        """Call `fn` off the loop and give back its result, or raise what `Lane.run` (threads), `WorkerPool.run`
        (processes) or `DaskBackend.run` raise.

        `deadline_s` `None`: the settings' `job_deadline_s`, real time from now; `lane` counts for IO only;
        `operation` `None`: the function's name. Raises `ValueError` on a deadline that is not above 0, `KeyError`
        on an unknown lane and `SettingsError` for user code where there are only threads. Cancelling is safe and frees
        the slot. What fails leaves a dead letter.
        """
        name = operation or name_of(fn)
        door = self._lanes[lane] if kind is Kind.IO else self._backend(kind, name)
        seen = self._operations.setdefault(name, _Operation())
        deadline_s = self._settings.job_deadline_s if deadline_s is None else deadline_s
        began_ns = self._monotonic.now_ns()
        seen.calls += 1
        succeeded = False
        try:
            result = await door.run(fn, *args, deadline_s=deadline_s, priority=priority, **kwargs)
            succeeded = True
            return result
        except BaseException as error:  # one that was cancelled has failed, too; it goes on
            seen.failures += 1
            if isinstance(error, Exception):
                now_ns = self._monotonic.now_ns()
                self._dead.put(name, error, now_ns, (now_ns - began_ns) / NS_PER_S)
            raise
        finally:
            took_ns = self._monotonic.now_ns() - began_ns
            seen.latency.record_ns(took_ns)
            began_ms = (time.time_ns() - took_ns) // NS_PER_MS
            self._newest.append(OperationDone(name, began_ms, took_ns / NS_PER_MS, succeeded))

    async def execute_blocking_operation(
        self, fn: Callable[..., T], /, *args: object, timeout_s: float | None = None, **kwargs: object
    ) -> T:
        """Call what waits (a socket, a disk) in a thread of the data lane; as `run` with `Kind.IO`."""
        return await self.run(partial(fn, *args, **kwargs), kind=Kind.IO, deadline_s=timeout_s)

    @property
    def queue_size(self) -> int:
        """Of each lane and of the workers: what waits beyond is refused."""
        return self._settings.queue_size

    def lane(self, name: str) -> Lane:
        """Raises `KeyError` where there is none of that name."""
        return self._lanes[name]

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """Newest first."""
        return self._dead.newest_first()

    def newest(self, last_n: int) -> tuple[OperationDone, ...]:
        """Single calls that are over, newest first: the last thousand are remembered."""
        return tuple(islice(reversed(self._newest), last_n))

    def forget_newest(self) -> int:
        """How many were remembered; what is counted stays."""
        count = len(self._newest)
        self._newest.clear()
        return count

    async def start(self) -> None:
        """Start what computes and wait until it is ready. Raises `ComputeError` where workers can't start, or where no
        cluster answers and nothing may take its place, and `SettingsError` where Dask is not installed."""
        if self._settings.backend != "threads":
            await self._workers.start()
        if self._settings.dask_scheduler is not None:
            await self._join_cluster(self._settings.dask_scheduler)

    async def close(self) -> None:
        """Kill the workers, leave the cluster, refuse new work, wait for no thread. Idempotent."""
        if self._cluster is not None:
            cluster, self._cluster = self._cluster, None
            with suppress(ComputeError):  # it will notice by itself
                await self._lanes[CLUSTER_LANE].run(cluster.close, deadline_s=2 * CONNECT_TIMEOUT_S)
        for lane in self._lanes.values():
            lane.close()
        await self._workers.close()

    async def serve(self) -> None:
        """`start`, then keep the number of workers to the load until cancelled, then `close`."""
        async with self:
            while True:
                await asyncio.sleep(ADAPT_EVERY_S)
                self._adapt()

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
            dead=self._dead.counts(),
        )

    def _backend(self, kind: Kind, name: str) -> Backend:
        if self._settings.backend == "threads":
            if kind is Kind.USER_CODE:
                raise SettingsError(
                    f"{name}: user code runs in worker processes only; set compute.backend to 'processes'"
                )
            return self._lanes[CPU_LANE]
        return self._cluster if kind is Kind.CLUSTER and self._cluster is not None else self._workers

    async def _join_cluster(self, scheduler: str) -> None:
        lane = self._lanes[CLUSTER_LANE]
        try:
            client = await lane.run(connect, scheduler, deadline_s=6 * CONNECT_TIMEOUT_S)
        except ComputeError as error:
            if not self._settings.dask_fallback:
                await self.close()
                raise
            self._log.warning("cluster_unreachable", error=str(error), instead="worker processes of this machine")
        else:
            self._cluster = DaskBackend(client, lane)

    def _adapt(self) -> None:
        seen = self._workers.statistics()
        wanted = self._sizer.wanted(
            workers=seen.workers,
            busy=seen.busy,
            oldest_wait_s=seen.oldest_age_s,
            now_s=self._monotonic.now_ns() / NS_PER_S,
        )
        if wanted != seen.workers:
            self._log.info("workers_resized", was=seen.workers, now=wanted, waiting=seen.depth)
            self._workers.resize(wanted)
