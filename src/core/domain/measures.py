"""What is measured of a running daemon, frozen, for machines that keep series of it."""

from dataclasses import dataclass, field

from core.domain.pictures import ModelsShown

BOUNDS_MS = (1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 30_000.0)
"""Edges of the buckets that durations are told in."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Durations since the start."""

    at_most: tuple[int, ...]
    """How many are no longer than each of `BOUNDS_MS`; to within 3 per cent of the edge."""
    count: int
    sum_ms: float


@dataclass(frozen=True, slots=True)
class OperationMeasure:
    """One kind of work done off the loop, since the start."""

    name: str
    calls: int
    failures: int
    sum_ms: float
    """Of all calls together."""


@dataclass(frozen=True, slots=True)
class OperationDone:
    """One call of an operation off the loop."""

    operation: str
    began_ms: int
    """UTC."""
    duration_ms: float
    """Queueing and transfer included."""
    succeeded: bool


@dataclass(frozen=True, slots=True)
class QueueMeasure:
    name: str
    depth: int
    capacity: int
    oldest_age_s: float
    """Of what waits longest; 0 where nothing waits."""


@dataclass(frozen=True, slots=True)
class FeedMeasure:
    symbol: str
    channel: str
    age_s: float | None
    """`None` before the first event."""
    is_healthy: bool


@dataclass(frozen=True, slots=True)
class Measures:
    """Beside what the status has."""

    lag: Distribution
    decision: Distribution
    order: Distribution
    round_trip: Distribution
    """Order request handed to its thread to its outcome, whatever it was."""
    gc_pause: Distribution
    operations: tuple[OperationMeasure, ...]
    queues: tuple[QueueMeasure, ...]
    feeds: tuple[FeedMeasure, ...]
    descriptors: int
    tasks: int
    threads: int
    drawdown_pct: float | None
    """Of the equity's peak; `None` before the first valuation."""
    day_loss_pct: float | None
    exposure: float | None
    """Worth of all that is held, regardless of direction, in the account's currency."""
    reconciliation_breaks: int
    """Differences from the venue's books that nothing explains."""
    log_lines_dropped: int
    events_dropped: int
    models: ModelsShown = field(default_factory=lambda: ModelsShown({}))


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Done by a process of its own, at the lowest priority, beside trading."""

    kind: str
    operations: int
    failures: int
    seconds: float
    per_s: float
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
