"""The frozen picture of execution."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from core.domain.orders import ClientOrderId, OrderReport
from core.execution.books import Books
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
    """First fill booked without cover to its stop accepted."""


def duty_statuses(books: Books, notes: Mapping[ClientOrderId, str]) -> tuple[DutyStatus, ...]:
    """`notes` say why a duty is not fully covered."""
    covered: defaultdict[ClientOrderId | None, Decimal] = defaultdict(Decimal)
    for order in books.unsettled():
        covered[order.protects] += order.pending_quantity
    return tuple(
        DutyStatus(
            duty_id=duty.duty_id,
            instrument=duty.instrument_id,
            stop_price=str(duty.protection.stop_price) if duty.protection.stop_price is not None else None,
            held=str(duty.held),
            covered=str(covered[duty.duty_id]),
            note=notes.get(duty.duty_id, ""),
        )
        for duty in books.duties()
    )
