"""Measures of a running daemon, taken from its parts when a machine asks for them."""

import asyncio
from collections.abc import Callable
from decimal import Decimal

from core.api.live_details import FEEDS_A_TURN
from core.api.live_view import Parts
from core.compute.computer import WORKERS, AsyncFeatureComputer, ComputerStatistics
from core.compute.lag import LagMonitor
from core.domain.measures import BOUNDS_MS, Distribution, FeedMeasure, Measures, OperationMeasure, QueueMeasure
from core.domain.pictures import ModelsShown
from core.market.feed_states import FeedStatus
from core.ports.clock import MonotonicClock
from core.round_trips import RoundTrips
from core.runtime.gc_pauses import GcPauses
from core.runtime.histogram import Histogram
from core.runtime.leaks import levels
from core.runtime.turns import in_turns


class LiveMeasures:
    """Called on the loop."""

    def __init__(
        self,
        *,
        computer: AsyncFeatureComputer,
        lag: LagMonitor,
        gc_pauses: GcPauses,
        monotonic: MonotonicClock,
        log_lines_dropped: Callable[[], int],
        events_dropped: Callable[[], int],
        models: Callable[[], ModelsShown] = lambda: ModelsShown({}),
    ) -> None:
        self._computer = computer
        self._lag = lag
        self._gc_pauses = gc_pauses
        self._monotonic = monotonic
        self._log_lines_dropped = log_lines_dropped
        self._events_dropped = events_dropped
        self._models = models
        self._parts: Parts | None = None
        self._round_trips: RoundTrips | None = None

    def attach(self, parts: Parts, round_trips: RoundTrips) -> None:
        """From now on there is a market to measure."""
        self._parts = parts
        self._round_trips = round_trips

    async def take(self) -> Measures:
        """In several turns of the loop, none of which takes long."""
        parts, nothing = self._parts, Histogram()
        feeds = await self._feeds(parts)
        decision, order = parts.coordinator.times() if parts else (nothing, nothing)
        lag = distribution(self._lag.distribution())
        await asyncio.sleep(0)
        computing = self._computer.statistics()
        resources = levels()
        await asyncio.sleep(0)
        risk = parts.account.gate.statistics() if parts else None
        return Measures(
            lag=lag,
            decision=distribution(decision),
            order=distribution(order),
            round_trip=distribution(self._round_trips.histogram if self._round_trips else nothing),
            gc_pause=distribution(self._gc_pauses.histogram),
            operations=_operations(computing),
            queues=(*_queues(computing, self._computer.queue_size), *_executor_queue(parts)),
            feeds=feeds,
            descriptors=int(resources["descriptors"]),
            tasks=int(resources["tasks"]),
            threads=int(resources["threads"]),
            drawdown_pct=risk.drawdown_pct if risk else None,
            day_loss_pct=risk.day_loss_pct if risk else None,
            exposure=_exposure(parts),
            reconciliation_breaks=len(parts.breaks()) if parts else 0,
            log_lines_dropped=self._log_lines_dropped(),
            events_dropped=self._events_dropped(),
            models=self._models(),
        )

    async def _feeds(self, parts: Parts | None) -> tuple[FeedMeasure, ...]:
        if parts is None:
            return ()
        feeds = parts.market.feeds.status(self._monotonic.now_ns())
        return tuple([_feed(each) async for each in in_turns(feeds, FEEDS_A_TURN)])


def distribution(histogram: Histogram) -> Distribution:
    return Distribution(histogram.at_most(BOUNDS_MS), histogram.count, histogram.sum_ms)


def _feed(feed: FeedStatus) -> FeedMeasure:
    return FeedMeasure(feed.instrument_id, str(feed.channel), feed.age_s, feed.state.is_healthy)


def _operations(computing: ComputerStatistics) -> tuple[OperationMeasure, ...]:
    return tuple(
        OperationMeasure(name, seen.calls, seen.failures, (seen.latency_ms.mean or 0.0) * seen.latency_ms.count)
        for name, seen in computing.operations.items()
    )


def _queues(computing: ComputerStatistics, capacity: int) -> tuple[QueueMeasure, ...]:
    lanes = tuple(QueueMeasure(each.name, each.depth, capacity, each.oldest_age_s) for each in computing.lanes.values())
    return (*lanes, QueueMeasure(WORKERS, computing.workers.depth, capacity, computing.workers.oldest_age_s))


def _executor_queue(parts: Parts | None) -> tuple[QueueMeasure, ...]:
    if parts is None or parts.executor is None:
        return ()
    depth, capacity = parts.executor.queue()
    return (QueueMeasure("executor", depth, capacity, 0.0),)


def _exposure(parts: Parts | None) -> float | None:
    if parts is None:
        return None
    return float(sum((abs(each) for each in parts.account.valuation().exposures.values()), Decimal(0)))
