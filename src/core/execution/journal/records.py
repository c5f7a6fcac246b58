"""What the journal holds, besides the events of `core.execution.events`. Times are trading time in ns."""

from dataclasses import dataclass
from decimal import Decimal

from core.domain.orders import ClientOrderId, Fill, FundingPayment, Proposal
from core.execution.duty import Duty
from core.execution.events import OrderEvent
from core.execution.order import Order
from core.execution.plans.plan import Plan


@dataclass(frozen=True, slots=True)
class IntentRecorded:
    """An approved intent about to be carried out."""

    proposal: Proposal
    risk_epoch: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class RequestRecorded:
    """An order about to be sent; from its commit on it may have left."""

    order: Order


@dataclass(frozen=True, slots=True)
class ForeignFillRecorded:
    """A fill of this account that no order of ours explains."""

    fill: Fill
    at_ns: int


@dataclass(frozen=True, slots=True)
class FundingRecorded:
    payment: FundingPayment
    at_ns: int


@dataclass(frozen=True, slots=True)
class DutyOpened:
    duty: Duty


@dataclass(frozen=True, slots=True)
class DutyClosed:
    duty_id: ClientOrderId
    reason: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class DutyNoted:
    """A decision about a duty that is worth remembering, e.g. a target that is not placed."""

    duty_id: ClientOrderId
    note: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class DutyFollowed:
    """The price was followed this far: the duty's stop belongs at that distance from it, and never further."""

    duty_id: ClientOrderId
    best_price: Decimal
    at_ns: int


@dataclass(frozen=True, slots=True)
class DutyReached:
    """The price was seen at the target, where no order stood: what is held is sold at the market from here on."""

    duty_id: ClientOrderId
    at_ns: int


@dataclass(frozen=True, slots=True)
class PlanOpened:
    """A parent order about to send its first slice; after its intent."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class PlanEnding:
    """No slice leaves any more."""

    plan_id: ClientOrderId
    reason: str
    recalls: bool
    """Whether a slice that works is to be cancelled."""
    at_ns: int


@dataclass(frozen=True, slots=True)
class PlanClosed:
    """Nothing of it works, every fill is booked."""

    plan_id: ClientOrderId
    reason: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """An order is over with all its fills booked, or (rarely: a fill came after all) is so no more."""

    client_order_id: ClientOrderId
    is_settled: bool
    at_ns: int


@dataclass(frozen=True, slots=True)
class BalancesObserved:
    """Totals per asset that fills are measured against from here on; `reason` says why they were taken anew."""

    totals: tuple[tuple[str, Decimal], ...]
    reason: str
    at_ns: int


Record = (
    IntentRecorded
    | RequestRecorded
    | OrderEvent
    | ForeignFillRecorded
    | FundingRecorded
    | DutyOpened
    | DutyClosed
    | DutyNoted
    | PlanOpened
    | PlanEnding
    | PlanClosed
    | DutyFollowed
    | DutyReached
    | Settlement
    | BalancesObserved
)
