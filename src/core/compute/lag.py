"""How late the event loop is: sampled all the time against scheduled deadlines, and who made it late."""

from dataclasses import dataclass

from core.domain.status import LagMs
from core.ports.clock import MonotonicClock
from core.runtime.histogram import LatencySummary


@dataclass(frozen=True, slots=True)
class LagStatistics:
    run_ms: LatencySummary
    """Since the start, or the last `reset`."""
    minute_ms: LatencySummary
    """The last 60 s."""
    blame: tuple[tuple[str, int], ...]
    """`file:line function` with how often it was seen on the loop's thread while the loop was late, most often
    first."""


class LagMonitor:
    """Ticks on a fixed grid and counts, for each tick, how long after its due time it came. Ticks that a stalled loop
    missed count too, each with its own lateness, so a long stall weighs what it cost (no coordinated omission)."""

    def __init__(
        self,
        monotonic: MonotonicClock | None = None,
        *,
        interval_s: float = 0.01,
        blame_after_s: float | None = 0.1,
    ) -> None:
        """`blame_after_s`: a loop late by so much has its thread's stack sampled; `None`: never."""

    async def run(self) -> None:
        """Runs until cancelled."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forget all samples: call after warm-up."""
        raise NotImplementedError

    def lag_ms(self) -> LagMs:
        """Over the whole run, for status and summary."""
        raise NotImplementedError

    def statistics(self) -> LagStatistics:
        raise NotImplementedError
