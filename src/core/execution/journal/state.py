"""What a journal says when it is read back."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from core.domain.facts import OrderView
from core.domain.orders import ClientOrderId, Fill, FundingPayment, Proposal
from core.execution.duty import Duty
from core.execution.journal.records import Settlement
from core.execution.order import Errand, Order
from core.execution.plans.plan import Plan


class Booking(NamedTuple):
    fill: Fill
    errand: Errand | None
    """Of the order that it fills; `None` for orders that are not ours."""

    @property
    def is_ours(self) -> bool:
        """As `FillBooked.is_ours`."""
        return self.errand is not None or self.fill.is_forced


@dataclass(frozen=True, slots=True)
class JournalState:
    """Everything that was acknowledged, folded."""

    orders: tuple[Order, ...]
    """All that are not settled or are slices of an open plan, and the newest of the others, oldest first."""
    bookings: tuple[Booking, ...]
    """Every fill ever booked, in the order of booking; foreign ones without an errand."""
    duties: tuple[Duty, ...]
    """Open ones, with what is held under each."""
    protective_orders: dict[ClientOrderId, int]
    """How many were ever sent for each open duty: the next one's role is numbered on."""
    last_intents: tuple[Proposal, ...]
    """Of the newest intents (a few hundred), oldest first."""
    observed_totals: dict[str, Decimal]
    """The last `BalancesObserved`, with the effect of all fills and funding since; empty before the first."""
    n_orders: int
    unmarked: tuple[Settlement, ...]
    """Found out by folding, not read: unless it is written down, the next start folds these orders again."""

    funding: tuple[FundingPayment, ...] = ()
    """Every payment ever booked, in the order of booking."""
    plans: tuple[Plan, ...] = ()
    """Open ones, oldest first."""

    def exits(self) -> Iterator[Fill]:
        """The fills that took risk away."""
        return (booking.fill for booking in self.bookings if booking.errand and booking.errand.purpose.takes_away)

    @property
    def working(self) -> tuple[OrderView, ...]:
        """Orders that are not over (may fill, or have fills still to be booked), and every slice of a plan that is not.
        Feed them to `RiskGate.recover`."""
        open_plans = {plan.plan_id for plan in self.plans}
        return tuple(order.view() for order in self.orders if not order.is_settled or order.plan_id in open_plans)
