"""The frozen picture of execution."""

from dataclasses import dataclass, field

from core.domain.orders import OrderReport
from core.execution.events import Oddity
from core.execution.journal.journal import JournalStatistics
from core.runtime.histogram import LatencySummary


@dataclass(frozen=True, slots=True)
class DutyStatus:
    """One protective duty, for status pages. Quantities as strings."""

    duty_id: str
    instrument: str
    stop_price: str | None
    held: str
    covered: str
    """By stops that stand at the venue."""
    note: str
    """Why it is not covered, or what was left out; empty when all is well."""


@dataclass(frozen=True, slots=True)
class ExecutionStatistics:
    phase: str
    """`new`, `recovering`, `ready`, `running`, `stopping`, `stopped`."""
    note: str
    """What it waits for, in words; empty when all is well."""
    orders: int
    """Sent, or recorded to be sent, since the journal began."""
    working: int
    unknown: int
    """UNKNOWN now."""
    fills: int
    """Booked since the journal began, ours only."""
    refused: int
    """Intents that were never sent, in this process."""
    queue_depth: int
    in_flight: int
    oddities: dict[str, int] = field(default_factory=dict)
    last_oddities: tuple[Oddity, ...] = ()
    foreign_orders: int = 0
    """Open at the venue now, not ours."""
    foreign_fills: int = 0
    foreign: tuple[OrderReport, ...] = ()
    """The foreign orders, as reported."""
    unwritten: int = 0
    """Venue facts that wait for the journal to be writable again."""
    reconciliations: int = 0
    corrections: dict[str, int] = field(default_factory=dict)
    user_events_dropped: int = 0
    duties: tuple[DutyStatus, ...] = ()
    durable_ms: LatencySummary = field(default_factory=LatencySummary)
    """Intent taken up to durable in the journal."""
    answer_ms: LatencySummary = field(default_factory=LatencySummary)
    """Request handed to the lane to the venue's answer."""
    unprotected_ms: LatencySummary = field(default_factory=LatencySummary)
    """First fill booked without cover to its stop accepted."""
    journal: JournalStatistics | None = None
