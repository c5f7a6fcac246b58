"""A parent order, and how far its slices have come. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.domain.facts import PlanView
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Leg, Proposal, Purpose
from core.domain.slicing import Slicing
from core.execution.client_order_id import client_order_id
from core.execution.duty import Duty
from core.execution.order import ZERO, Order


@dataclass(frozen=True, slots=True)
class Plan:
    """What was approved (never changes), and whether it is to end. Its slices are orders like all others."""

    plan_id: ClientOrderId
    """Never an order's own."""
    proposal: Proposal
    """With one leg, and `slicing`."""
    opened_ns: int
    """Trading time."""
    ending: str = ""
    """Why no slice leaves any more; empty while it is at work."""
    recalls: bool = True
    """Whether a slice that works is cancelled when the plan is to end."""

    @staticmethod
    def of(proposal: Proposal, now_ns: int) -> "Plan":
        return Plan(client_order_id(proposal.intent_id, "plan"), proposal, now_ns)

    @property
    def leg(self) -> Leg:
        return self.proposal.legs[0]

    @property
    def instrument_id(self) -> InstrumentId:
        return self.leg.instrument_id

    @property
    def purpose(self) -> Purpose:
        return self.proposal.purpose

    @property
    def slicing(self) -> Slicing:
        if self.proposal.slicing is None:
            raise ValueError(f"{self.plan_id}: a plan without slices")
        return self.proposal.slicing

    @property
    def until_ns(self) -> int | None:
        """Trading time; `None`: until it is filled or cancelled."""
        duration_ns = self.slicing.duration_ns
        return None if duration_ns is None else self.opened_ns + duration_ns

    def duty(self) -> Duty | None:
        """One for all its slices; `None` where nothing is owed."""
        protection = self.proposal.protection
        if self.purpose is not Purpose.ENTRY or protection is None:
            return None
        if protection.stop_price is None and protection.target_price is None:
            return None
        return Duty(
            duty_id=self.plan_id,
            intent_id=self.proposal.intent_id,
            instrument_id=self.instrument_id,
            entry_side=self.leg.side,
            protection=protection,
            strategies=self.proposal.strategies,
            opened_ns=self.opened_ns,
        )

    def slice(self, leg: Leg, number: int, now_ns: int, window_ms: int | None) -> Order:
        """The order of that number, not sent yet."""
        role = f"slice-{number}"
        return Order(
            client_order_id=client_order_id(self.proposal.intent_id, role),
            intent_id=self.proposal.intent_id,
            role=role,
            purpose=self.purpose,
            strategies=self.proposal.strategies,
            leg=leg,
            sent_because=self.proposal.reason,
            created_ns=now_ns,
            changed_ns=now_ns,
            window_ms=window_ms,
            plan_id=self.plan_id,
        )


def slice_number(order: Order) -> int:
    """3 of `slice-3`."""
    return int(order.role.rpartition("-")[2])


def worst_case(slices: Sequence[Order]) -> Decimal:
    """What the slices have filled, and may still fill: those whose fate nobody knows in full."""
    return sum((order.booked_quantity + order.pending_quantity for order in slices), ZERO)


def average_price(slices: Sequence[Order]) -> Decimal | None:
    """Of what is booked; `None` when nothing is."""
    quantity = sum((order.booked_quantity for order in slices), ZERO)
    return sum((order.booked_notional for order in slices), ZERO) / quantity if quantity else None


def view_of(plan: Plan, slices: Sequence[Order], note: str = "", *, is_over: bool = False) -> PlanView:
    return PlanView(
        plan_id=plan.plan_id,
        intent_id=plan.proposal.intent_id,
        purpose=plan.purpose,
        strategies=plan.proposal.strategies,
        leg=plan.leg,
        slicing=plan.slicing,
        opened_ns=plan.opened_ns,
        until_ns=plan.until_ns,
        sent=len(slices),
        filled_quantity=sum((order.booked_quantity for order in slices), ZERO),
        average_price=average_price(slices),
        note=note if is_over else plan.ending or note,
        is_over=is_over,
    )
