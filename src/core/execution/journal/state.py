"""What a journal says when it is read back."""

from dataclasses import dataclass
from decimal import Decimal

from core.domain.facts import FillBooked, OrderView
from core.domain.orders import ClientOrderId, Proposal
from core.execution.order import Order
from core.execution.protection import Duty


@dataclass(frozen=True, slots=True)
class JournalState:
    """Everything that was acknowledged, folded."""

    orders: tuple[Order, ...]
    """All that are not settled, and the newest of the others, oldest first."""
    bookings: tuple[FillBooked, ...]
    """Every fill ever booked, in the order of booking; foreign ones with `order=None`."""
    duties: tuple[Duty, ...]
    """Open ones, with what is held under each."""
    protective_orders: dict[ClientOrderId, int]
    """How many were ever sent for each open duty: the next one's role is numbered on."""
    last_intents: tuple[Proposal, ...]
    """Of the newest intents (a few hundred), oldest first."""
    observed_totals: dict[str, Decimal]
    """The last `BalancesObserved`, with the effect of all fills since; empty before the first."""
    n_orders: int

    @property
    def working(self) -> tuple[OrderView, ...]:
        """Orders that are not over: may fill, or have fills still to be booked. Feed them to `RiskGate.recover`."""
        return tuple(order.view() for order in self.orders if not order.is_settled)
