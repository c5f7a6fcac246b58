"""All ways beside each other: rounds, medians, and the verdict on the daemon's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from core.performance.measuring import Measurement, measure, measure_idle
from core.performance.ways import WayName
from core.performance.workload import Workload
from core.runtime.histogram import Histogram
from core.settings.compute import ComputeSettings

P95_TARGET_MS, P99_TARGET_MS, SUCCESS_TARGET_PCT = 2.0, 5.0, 100.0
"""The lag that the work may add to an idle loop's."""
NOISY_FLOOR_MS = 2.0
"""An idle loop's p99 above which a machine is too busy to be measured on."""
IDLE_S = 3.0

Tell = Callable[[str], None]
"""Told what is measured next."""


@dataclass(frozen=True, slots=True)
class Lag:
    """Medians over the rounds, in ms; `max` is the largest of all."""

    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class WaySummary:
    """Medians over the rounds."""

    way: str
    lag_ms: Lag
    success_pct: float
    features_per_s: float
    signals_per_s: float
    operations_per_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    p95_above_floor_ms: float
    p99_above_floor_ms: float
    success_pct: float
    holds: bool | None
    """`None`: the idle loop itself was too late to tell; run it again on a machine with nothing else to do."""


@dataclass(frozen=True, slots=True)
class Comparison:
    workload: Workload
    lane_threads: int
    workers: int
    floors: tuple[Histogram, ...]
    """An idle loop's lag before and after the ways, one a round."""
    rounds: dict[WayName, tuple[Measurement, ...]]

    @property
    def floor_ms(self) -> Lag:
        return lag_of(self.floors)

    def summaries(self) -> tuple[WaySummary, ...]:
        return tuple(_summary(name, done) for name, done in self.rounds.items())

    def verdict(self) -> Verdict:
        floor, ours = self.floor_ms, _summary(WayName.COMPUTER, self.rounds[WayName.COMPUTER])
        p95_ms, p99_ms = ours.lag_ms.p95 - floor.p95, ours.lag_ms.p99 - floor.p99
        holds = p95_ms < P95_TARGET_MS and p99_ms < P99_TARGET_MS and ours.success_pct >= SUCCESS_TARGET_PCT
        return Verdict(p95_ms, p99_ms, ours.success_pct, None if floor.p99 > NOISY_FLOOR_MS else holds)


def steps_of(rounds: int) -> int:
    """How often `compare` tells."""
    return rounds * (1 + len(WayName))


def compare(workload: Workload, settings: ComputeSettings, rounds: int, tell: Tell = lambda _: None) -> Comparison:
    """Each round is all ways in turn, with an idle loop before and after them: what disturbs the machine disturbs them
    alike. Raises `ComputeError` where workers can't start."""
    floors: list[Histogram] = []
    done: dict[WayName, list[Measurement]] = {name: [] for name in WayName}
    for number in range(1, rounds + 1):
        tell(f"round {number}: idle")
        floor = measure_idle(IDLE_S / 2)
        for name in WayName:
            tell(f"round {number}: {name.value}")
            done[name].append(measure(name, workload, settings))
        floor.merge(measure_idle(IDLE_S / 2))
        floors.append(floor)
    measured = {name: tuple(each) for name, each in done.items()}
    return Comparison(workload, settings.data_lane_threads, settings.workers, tuple(floors), measured)


def lag_of(rounds: Sequence[Histogram]) -> Lag:
    found = [each.summary() for each in rounds]
    return Lag(
        p50=median(each.p50 or 0.0 for each in found),
        p95=median(each.p95 or 0.0 for each in found),
        p99=median(each.p99 or 0.0 for each in found),
        max=max(each.max or 0.0 for each in found),
    )


def _summary(name: WayName, rounds: Sequence[Measurement]) -> WaySummary:
    return WaySummary(
        way=name.value,
        lag_ms=lag_of([each.lag for each in rounds]),
        success_pct=median(each.success_pct for each in rounds),
        features_per_s=median(each.features_per_s for each in rounds),
        signals_per_s=median(each.signals_per_s for each in rounds),
        operations_per_s=median(each.operations_per_s for each in rounds),
    )
