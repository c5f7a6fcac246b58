"""The leak sentinel: memory, descriptors, tasks and threads of this process, sampled; steady growth is an alarm, and a
level above its bound a planned restart."""

import asyncio
import resource
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import psutil
import structlog
from numpy.typing import NDArray

from core.domain.errors import MetronomeError
from core.domain.status import ResourceTrend
from core.ports.clock import MonotonicClock
from core.runtime.clocks import NS_PER_S
from core.settings.leaks import LeaksSettings

_MIB = 1 << 20
_S_PER_H = 3_600.0


class PlannedRestart(MetronomeError):
    """Ends the daemon in order, to be started again by whatever runs it."""

    exit_code = 6


@dataclass(slots=True)
class _Resource:
    name: str
    limit_per_h: float
    bound: float | None
    samples: deque[tuple[float, float]]
    """Seconds and levels, oldest first."""
    per_hour: float | None = None
    is_leaking: bool = False
    is_above: bool = False


class LeakSentinel:
    """`run` for as long as the daemon lives; belongs to its loop. `read` gives the level of each resource by name."""

    def __init__(
        self,
        settings: LeaksSettings,
        monotonic: MonotonicClock,
        read: Callable[[], Mapping[str, float]] | None = None,
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._read = read or levels
        kept = int(settings.window_s / settings.sample_s) + 2
        self._resources = tuple(
            _Resource(name, limit_per_h, bound, deque(maxlen=kept))
            for name, limit_per_h, bound in (
                ("memory_mb", settings.memory_mb_per_h, settings.max_memory_mb),
                ("descriptors", settings.descriptors_per_h, settings.max_descriptors or _most_descriptors()),
                ("tasks", settings.tasks_per_h, settings.max_tasks),
                ("threads", settings.threads_per_h, settings.max_threads),
            )
        )
        self._log = structlog.get_logger(__name__)

    async def run(self) -> None:
        """Runs until cancelled. Raises `PlannedRestart`."""
        await asyncio.sleep(self._settings.settle_s)
        while True:
            self.take(self._read())
            await asyncio.sleep(self._settings.sample_s)

    def take(self, levels_now: Mapping[str, float]) -> None:
        """One sample of each. `run` calls it; so may a test with a clock of its own. Raises `PlannedRestart`."""
        now_s = self._monotonic.now_ns() / NS_PER_S
        for each in self._resources:
            each.samples.append((now_s, levels_now[each.name]))
            while now_s - each.samples[0][0] > self._settings.window_s:
                each.samples.popleft()
            self._judge_growth(each, is_whole=now_s - each.samples[0][0] > self._settings.window_s * 0.9)
            self._judge_level(each, levels_now[each.name])

    def trends(self) -> tuple[ResourceTrend, ...]:
        """Empty before the first sample."""
        return tuple(
            ResourceTrend(each.name, round(each.samples[-1][1], 1), each.per_hour, each.is_leaking)
            for each in self._resources
            if each.samples
        )

    def _judge_growth(self, each: _Resource, *, is_whole: bool) -> None:
        if not is_whole:
            return
        middle, low = slopes_per_s(np.array(each.samples)) * _S_PER_H
        each.per_hour = round(float(middle), 1)
        grows = middle > each.limit_per_h and low > each.limit_per_h / 2
        if grows and not each.is_leaking:
            each.is_leaking = True
            self._log.warning(
                "leak",
                resource=each.name,
                level_now=round(each.samples[-1][1], 1),
                per_hour=each.per_hour,
                limit_per_hour=each.limit_per_h,
                hours_to_bound=None if each.bound is None else _hours(each.bound - each.samples[-1][1], middle),
            )
        elif each.is_leaking and middle < each.limit_per_h / 2:
            each.is_leaking = False
            self._log.info("leak_over", resource=each.name, per_hour=each.per_hour)

    def _judge_level(self, each: _Resource, level: float) -> None:
        was_above, each.is_above = each.is_above, each.bound is not None and level > each.bound
        if not each.is_above or each.bound is None:
            return
        growth = "" if each.per_hour is None else f", growing by {each.per_hour:g} an hour"
        words = f"{each.name} is {level:.0f}, above leaks.max_{each.name} = {each.bound:g}{growth}"
        if self._settings.action == "restart":
            raise PlannedRestart(f"planned restart: {words}")
        if not was_above:
            self._log.warning("above_bound", resource=each.name, note=words)


def slopes_per_s(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median and lower quartile of the slopes of all pairs; `samples` (n, 2): seconds and levels, n at least 2.

    The median is the Theil-Sen estimator (Theil 1950, Sen 1968; equal to `scipy.stats.theilslopes`, which would cost
    this process more memory than most leaks): up to 29 % of the samples may be anything. One step, such as a cache that
    has filled, leaves half of the pairs level, so the quartile tells it from steady growth.
    """
    first, second = np.triu_indices(len(samples), k=1)
    apart = samples[second] - samples[first]
    found: NDArray[np.float64] = np.quantile(apart[:, 1] / apart[:, 0], (0.5, 0.25))
    return found


def levels() -> dict[str, float]:
    """Of this process, now; some 0.1 ms. Call it on the loop."""
    process = psutil.Process()
    return {
        "memory_mb": process.memory_info().rss / _MIB,
        "descriptors": float(process.num_fds()),
        "tasks": float(len(asyncio.all_tasks())),
        "threads": float(process.num_threads()),
    }


def _most_descriptors() -> float:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return float("inf") if soft == resource.RLIM_INFINITY else 0.8 * soft


def _hours(left: float, per_hour: float) -> float:
    return round(max(0.0, left) / per_hour, 1)
