"""The stamp without which nothing reaches the executor."""

from dataclasses import dataclass
from typing import Protocol

from core.domain.facts import OrderView
from core.domain.orders import ClientOrderId, Proposal, Terms
from core.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class ApprovedIntent:
    """A proposal that the gate has passed and reserved exposure for. Only `RiskGate` makes new ones.

    `valid_until_ns` is monotonic time; the executor checks it, and `risk_epoch` against the gate's current one,
    immediately before the request leaves.
    """

    proposal: Proposal
    valid_until_ns: int
    risk_epoch: int | None
    """`None`: approved in an earlier run, whose epochs are over."""

    @staticmethod
    def of_earlier_run(proposal: Proposal) -> "ApprovedIntent":
        """The stamp of a parent order that the journal has as approved, and `RiskGate.recover` has reserved again."""
        return ApprovedIntent(proposal, valid_until_ns=0, risk_epoch=None)


@dataclass(frozen=True, slots=True)
class Refused:
    """The gate's no, with the first check that failed."""

    proposal: Proposal
    reason: Reason


@dataclass(frozen=True, slots=True)
class ApprovedAmendment:
    """Other terms of an order at work that the gate has passed, with exposure reserved for whichever terms are worse.
    Only `RiskGate` makes these."""

    client_order_id: ClientOrderId
    terms: Terms
    intent: ApprovedIntent | None
    """For what is left of it with these terms, to be asked again before it leaves; `None`: it only takes risk away, and
    may leave at any time."""


class AmendJudge(Protocol):
    """The risk gate, with the market before it."""

    def judge(self, order: OrderView, terms: Terms, *, in_place: bool) -> ApprovedAmendment | Refused:
        """`in_place`: it stays the same order; else it is cancelled and another sent for what is left. May be asked
        again on the way: what it said last counts."""
        ...

    def release(self, client_order_id: ClientOrderId) -> None:
        """Nothing will be asked of the venue after all."""
        ...
