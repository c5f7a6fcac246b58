"""Duties and their orders, as status pages show them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.domain.orders import ClientOrderId
from core.execution.books import Books
from core.execution.duty import Duty
from core.execution.order import ZERO, Order
from core.execution.protection import guards_of, targets_of


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


def duty_statuses(books: Books, notes: Mapping[ClientOrderId, str]) -> tuple[DutyStatus, ...]:
    """`notes` say why a duty is not fully covered."""
    return tuple(_status(duty, books.protectors(duty), notes.get(duty.duty_id, "")) for duty in books.duties())


def _status(duty: Duty, protectors: Sequence[Order], note: str) -> DutyStatus:
    """`protectors`: those that are not settled."""
    covered = sum((order.pending_quantity for order in guards_of(duty, protectors)), ZERO)
    return DutyStatus(
        duty_id=duty.duty_id,
        instrument=duty.instrument_id,
        stop_price=_text(duty.stop_level),
        held=str(duty.held),
        covered=str(covered),
        note=note,
        target_price=_text(duty.protection.target_price),
        trailing_distance=_text(duty.protection.trailing_distance),
        is_target_watched=duty.has_both and bool(duty.held) and not targets_of(duty, protectors),
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"
