"""What execution tells the rest of the house: frozen pictures of orders, and booked fills."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from core.domain.orders import ClientOrderId, Fill, FundingPayment, IntentId, Leg, Purpose, Terms, VenueOrderId
from core.domain.slicing import Slicing


class OrderState(StrEnum):
    """Life of an order; the transitions are the table in `core.execution.machine`."""

    INTENDED = "intended"
    """Journalled; nothing has left yet."""
    SUBMITTING = "submitting"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    """The venue's own, definite word; or withdrawn before it left (`reason` says which)."""
    ABSENT = "absent"
    """Proven never to have arrived."""
    UNKNOWN = "unknown"
    """It may have arrived. Blocks new risk in the instrument; counts as filled."""

    @property
    def is_terminal(self) -> bool:
        return self in _TERMINAL


_TERMINAL = frozenset(
    {OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED, OrderState.ABSENT}
)


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order of ours as of now."""

    client_order_id: ClientOrderId
    intent_id: IntentId
    purpose: Purpose
    strategies: tuple[str, ...]
    leg: Leg
    state: OrderState
    venue_order_id: VenueOrderId | None
    """`None` while the venue has not named it."""
    filled_quantity: Decimal
    """Booked fills only."""
    average_price: Decimal | None
    """Of what is filled; `None` when nothing is."""
    reason: str
    """Why it was sent or why it ended, e.g. `ema_cross: fast above slow` or `[-2010] insufficient balance`."""
    created_ns: int
    """Trading time."""
    changed_ns: int
    """Trading time."""
    unbooked_quantity: Decimal = Decimal(0)
    """What the venue says is filled beyond `filled_quantity`, whose trades are still to be booked. An order is over
    when it is terminal and this is 0."""
    amending: Terms | None = None
    """The terms that were asked for and are not known to be, or not to be, its own yet; `None`: nothing was asked."""
    replaces: ClientOrderId | None = None
    """The order in whose place it was sent; `None`: in no other's."""
    plan_id: ClientOrderId | None = None
    """The parent whose slice it is; `None`: it is an order of its own."""

    @property
    def remaining(self) -> Decimal:
        """What may still be booked: all that is not booked yet while the order works, its missing fills once it is
        over."""
        return self.unbooked_quantity if self.state.is_terminal else self.leg.quantity - self.filled_quantity


@dataclass(frozen=True, slots=True)
class OrderChanged:
    order: OrderView
    previous: OrderState


@dataclass(frozen=True, slots=True)
class FillBooked:
    """A fill that was new to us and is now in the journal. `order` is `None` for fills of orders that are not ours."""

    fill: Fill
    order: OrderView | None

    @property
    def is_ours(self) -> bool:
        """Whether it changes what we hold: by an order of ours, or by what the venue does to our position."""
        return self.order is not None or self.fill.is_forced


@dataclass(frozen=True, slots=True)
class FundingBooked:
    """A funding payment that was new to us and is now in the journal."""

    payment: FundingPayment


@dataclass(frozen=True, slots=True)
class PlanView:
    """One parent order as of now."""

    plan_id: ClientOrderId
    intent_id: IntentId
    purpose: Purpose
    strategies: tuple[str, ...]
    leg: Leg
    """The whole of it; `price` is the limit of its slices, `None`: at market."""
    slicing: Slicing
    opened_ns: int
    """Trading time."""
    until_ns: int | None
    """Trading time; `None`: until it is filled or cancelled."""
    sent: int
    """Slices so far."""
    filled_quantity: Decimal
    """Booked fills of all its slices."""
    average_price: Decimal | None
    """Of what is filled; `None` when nothing is."""
    note: str
    """What it waits for, or why it ended."""
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class PlanChanged:
    """A parent has begun, is to end, or is over: then nothing of it works or will be sent, and all is booked."""

    plan: PlanView


ExecutionFact = OrderChanged | FillBooked | FundingBooked | PlanChanged
