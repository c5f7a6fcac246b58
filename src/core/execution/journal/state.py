"""What a journal says when it is read back."""

from dataclasses import dataclass
from decimal import Decimal

from core.domain.facts import OrderView
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Fill, FillKey, Proposal
from core.execution.duty import Duty
from core.execution.journal.records import Settlement
from core.execution.ledger import Ledger
from core.execution.order import Order
from core.execution.plans.plan import Plan

REMEMBERED_FILLS_NS, REMEMBERED_FUNDING_NS = 600 * 1_000_000_000, 2 * 3_600 * 1_000_000_000
"""Venue time; more than what is read of the venue again after a restart."""


@dataclass(frozen=True, slots=True)
class JournalState:
    """Everything that was acknowledged, folded."""

    orders: tuple[Order, ...]
    """All that are not settled or are slices of an open plan, and the newest of the others, oldest first."""
    ledger: Ledger
    """What all that was ever booked comes to."""
    seen: dict[InstrumentId, dict[FillKey, Fill]]
    """Fills that the venue may tell again: by instrument, from `REMEMBERED_FILLS_NS` before the one that was booked
    last on."""
    seen_funding: dict[tuple[InstrumentId, str], int]
    """Payments that it may tell again, and when they were (its time)."""
    duties: tuple[Duty, ...]
    """Open ones, with what is held under each."""
    protective_orders: dict[ClientOrderId, int]
    """How many were ever sent for each open duty: the next one's role is numbered on."""
    last_intents: tuple[Proposal, ...]
    """Of the newest intents (a few hundred), oldest first."""
    n_orders: int
    unmarked: tuple[Settlement, ...]
    """Found out by folding, not read: unless it is written down, the next start folds these orders again."""
    plans: tuple[Plan, ...] = ()
    """Open ones, oldest first."""

    @property
    def observed_totals(self) -> dict[str, Decimal]:
        """The last `BalancesObserved`, with the effect of all fills and funding since; empty before the first."""
        return dict(self.ledger.totals or {})

    @property
    def working(self) -> tuple[OrderView, ...]:
        """Orders that are not over (may fill, or have fills still to be booked), and every slice of a plan that is not.
        Feed them to `RiskGate.recover`."""
        open_plans = {plan.plan_id for plan in self.plans}
        return tuple(order.view() for order in self.orders if not order.is_settled or order.plan_id in open_plans)
