"""Models of `/api/performance`, and what is derived from single calls."""

from collections.abc import Sequence
from math import ceil

from pydantic import BaseModel, Field

from core.domain.measures import OperationDone
from core.domain.status import DaemonStatus

LAG_LIMIT_MS, SUCCESS_LIMIT_PCT, QUEUE_LIMIT_PCT, THROUGHPUT_LIMIT_PER_S = 10.0, 95.0, 80.0, 50.0


class Metric(BaseModel):
    """One call of an operation off the loop."""

    operation: str
    began_ms: int = Field(description="UTC.")
    duration_ms: float = Field(description="Queueing and transfer included.")
    succeeded: bool


class OperationSummary(BaseModel):
    operation: str
    calls: int
    success_pct: float
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class MetricsSummary(BaseModel):
    """Of the calls that are remembered: the last thousand."""

    calls: int
    success_pct: float | None = Field(description="null where there are none.")
    throughput_per_s: float | None = Field(description="Within the time that they span; null for fewer than two.")
    operations: list[OperationSummary]


class Cleared(BaseModel):
    cleared: int = Field(description="How many were forgotten.")


class Check(BaseModel):
    name: str
    value: float | None = Field(description="null before there is anything to judge.")
    limit: float
    ok: bool


class PerformanceHealth(BaseModel):
    healthy: bool
    checks: list[Check]


def summarise(done: Sequence[OperationDone]) -> MetricsSummary:
    by_name: dict[str, list[OperationDone]] = {}
    for each in done:
        by_name.setdefault(each.operation, []).append(each)
    return MetricsSummary(
        calls=len(done),
        success_pct=_success_pct(done) if done else None,
        throughput_per_s=_throughput_per_s(done),
        operations=[_summary(name, calls) for name, calls in sorted(by_name.items())],
    )


def judge(status: DaemonStatus, done: Sequence[OperationDone], queue_capacity: int) -> PerformanceHealth:
    """Throughput counts only where there is enough to do: while something waits."""
    waiting = max([each.waiting for each in status.lanes] + [status.workers.waiting if status.workers else 0])
    queue_pct = 100.0 * waiting / queue_capacity
    lag_ms, per_s = status.loop_lag_ms.p95, _throughput_per_s(done)
    success_pct = _success_pct(done) if done else None
    is_busy = status.queue_depth > 0 and per_s is not None
    checks = [
        Check(name="loop_lag_p95_ms", value=lag_ms, limit=LAG_LIMIT_MS, ok=lag_ms is None or lag_ms <= LAG_LIMIT_MS),
        Check(
            name="success_pct",
            value=success_pct,
            limit=SUCCESS_LIMIT_PCT,
            ok=success_pct is None or success_pct >= SUCCESS_LIMIT_PCT,
        ),
        Check(name="queue_pct", value=queue_pct, limit=QUEUE_LIMIT_PCT, ok=queue_pct <= QUEUE_LIMIT_PCT),
        Check(
            name="throughput_per_s",
            value=per_s,
            limit=THROUGHPUT_LIMIT_PER_S,
            ok=not is_busy or (per_s or 0.0) >= THROUGHPUT_LIMIT_PER_S,
        ),
    ]
    return PerformanceHealth(healthy=all(each.ok for each in checks), checks=checks)


def _summary(name: str, calls: Sequence[OperationDone]) -> OperationSummary:
    durations = sorted(each.duration_ms for each in calls)
    return OperationSummary(
        operation=name,
        calls=len(calls),
        success_pct=_success_pct(calls),
        mean_ms=sum(durations) / len(durations),
        p50_ms=_quantile(durations, 0.50),
        p95_ms=_quantile(durations, 0.95),
        p99_ms=_quantile(durations, 0.99),
        max_ms=durations[-1],
    )


def _success_pct(calls: Sequence[OperationDone]) -> float:
    return 100.0 * sum(each.succeeded for each in calls) / len(calls)


def _throughput_per_s(calls: Sequence[OperationDone]) -> float | None:
    if len(calls) < 2:
        return None
    began = [each.began_ms for each in calls]
    return len(calls) / max(0.001, (max(began) - min(began)) / 1_000)


def _quantile(ascending: Sequence[float], quantile: float) -> float:
    """The smallest value that so many do not exceed."""
    return ascending[max(0, ceil(quantile * len(ascending)) - 1)]
