"""The frozen picture of execution."""

from dataclasses import dataclass, field

from core.domain.orders import OrderReport
from core.runtime.histogram import LatencySummary


@dataclass(frozen=True, slots=True)
class DutyStatus:
    """One protective duty, for status pages. Quantities as strings."""

    duty_id: str
    instrument: str
    stop_price: str | None
    """Where it belongs now; a trailing one has come there."""
    held: str
    covered: str
    """By stops that stand at the venue."""
    note: str
    """Why it is not covered, or what was left out; empty when all is well."""
    target_price: str | None = None
    trailing_distance: str | None = None
    """How far the stop follows behind; `None`: it does not."""
    is_target_watched: bool = False
    """No order stands for the target: the price is watched."""


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
    """Count by code."""
    foreign_orders: int = 0
    """Open at the venue now, not ours."""
    foreign: tuple[OrderReport, ...] = ()
    """The foreign orders, as reported."""
    unwritten: int = 0
    """Venue facts that wait for the journal to be writable again."""
    duties: tuple[DutyStatus, ...] = ()
    unexplained_positions: dict[str, str] = field(default_factory=dict)
    """What the venue holds, by instrument, beyond what all trades that we know of explain."""
    unprotected_ms: LatencySummary = field(default_factory=LatencySummary)
    """Of this process, each time that a position was without its stop: fill booked, or stop ended, to stop accepted
    or nothing held."""
    unprotected_now_s: float = 0.0
    """The longest of those that are without now; 0 where none is."""
    unprotected_overdue: int = 0
    """How often it took longer than it ever should (`STOP_OVERDUE`)."""
