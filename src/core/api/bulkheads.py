"""What keeps one part's trouble from the others, in a frozen picture: breakers, lanes of threads, worker processes."""

from collections.abc import Iterator, Mapping

from core.compute.computer import ComputerStatistics
from core.compute.lanes import LaneStatistics
from core.compute.workers import WorkerPoolStatistics
from core.domain.status import BreakerStatus, LaneStatus, WorkersStatus
from core.runtime.breaker import Breakers, Phase
from core.runtime.clocks import NS_PER_S


def breaker_states(
    guards: Mapping[str, Breakers], computing: ComputerStatistics, now_ns: int
) -> tuple[BreakerStatus, ...]:
    """Those that are not closed. `guards`: breakers by what they guard; `now_ns`: monotonic."""
    return (*_of_breakers(guards, now_ns), *_of_lanes(computing.lanes))


def lane_states(lanes: Mapping[str, LaneStatistics]) -> tuple[LaneStatus, ...]:
    return tuple(
        LaneStatus(
            name=lane.name,
            threads=lane.threads,
            busy=lane.busy,
            waiting=lane.depth,
            abandoned=lane.abandoned,
            abandoned_total=lane.abandoned_total,
            replaced_total=lane.replaced_total,
            expired_total=lane.expired,
            refused_total=lane.refused,
            is_broken=lane.is_broken,
        )
        for lane in lanes.values()
    )


def workers_state(pool: WorkerPoolStatistics) -> WorkersStatus:
    return WorkersStatus(
        workers=pool.workers,
        ready=pool.ready,
        busy=pool.busy,
        waiting=pool.depth,
        killed_total=pool.killed,
        died_total=pool.died,
        outgrown_total=pool.outgrown,
    )


def _of_breakers(guards: Mapping[str, Breakers], now_ns: int) -> Iterator[BreakerStatus]:
    for what, breakers in guards.items():
        for name, state in breakers.not_closed().items():
            yield BreakerStatus(
                guards=what,
                name=name,
                phase=str(state.phase),
                failures=state.failures,
                trips=state.trips,
                retry_in_s=max(0, state.retry_at_ns - now_ns) / NS_PER_S,
                reason=state.reason,
            )


def _of_lanes(lanes: Mapping[str, LaneStatistics]) -> Iterator[BreakerStatus]:
    for lane in lanes.values():
        if lane.is_broken:
            reason = f"all {lane.abandoned} threads hang"
            yield BreakerStatus("lane", f"lane {lane.name}", str(Phase.OPEN), lane.abandoned, 1, None, reason)
