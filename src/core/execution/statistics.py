"""The frozen picture of execution."""

from dataclasses import dataclass, field

from core.domain.facts import OrderState
from core.domain.orders import OrderReport
from core.execution.duty_status import DutyStatus, duty_statuses
from core.execution.parts import Parts
from core.runtime.histogram import LatencySummary


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


def statistics_of(
    parts: Parts, *, phase: str, note: str, refused: int, queue_depth: int, in_flight: int
) -> ExecutionStatistics:
    books, bare_times = parts.books, parts.stops.bare_times
    unexplained = parts.reconciler.unexplained_positions
    return ExecutionStatistics(
        phase=phase,
        note=note,
        orders=books.n_orders,
        working=sum(not order.state.is_terminal for order in books.unsettled()),
        unknown=books.count(OrderState.UNKNOWN),
        fills=books.n_fills,
        refused=refused,
        queue_depth=queue_depth,
        in_flight=in_flight,
        oddities=dict(books.oddities),
        foreign_orders=len(parts.foreign.open_orders),
        foreign=parts.foreign.open_orders,
        unwritten=parts.recorder.unwritten,
        duties=duty_statuses(books, parts.stops.notes),
        unexplained_positions={str(each): str(by) for each, by in unexplained.items()},
        unprotected_ms=bare_times.histogram.summary(),
        unprotected_now_s=bare_times.longest_now_s,
        unprotected_overdue=bare_times.overdue,
    )
