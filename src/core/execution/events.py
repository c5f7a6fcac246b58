"""What can happen to an order: our own steps, and the venue's facts. `at_ns` is trading time."""

from dataclasses import dataclass
from enum import StrEnum

from core.domain.commands import Verdict
from core.domain.orders import ClientOrderId, Fill, OrderReport, Terms


@dataclass(frozen=True, slots=True)
class _OrderEvent:
    client_order_id: ClientOrderId
    at_ns: int


@dataclass(frozen=True, slots=True)
class Sent(_OrderEvent):
    """The request is durable in the journal and leaves now. Never journalled: its request row says the same."""


@dataclass(frozen=True, slots=True)
class Withdrawn(_OrderEvent):
    """It did not leave, and never will."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused(_OrderEvent):
    """The venue's definite no to the request, or the certainty that the request did not reach it."""

    reason: str


@dataclass(frozen=True, slots=True)
class OutcomeLost(_OrderEvent):
    """The request left, or may have left, and no answer says what became of it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Vanished(_OrderEvent):
    """The venue no longer knows an order that it had accepted."""

    reason: str


@dataclass(frozen=True, slots=True)
class CancelAsked(_OrderEvent):
    reason: str


@dataclass(frozen=True, slots=True)
class CancelRefused(_OrderEvent):
    """The venue would not cancel it, most often because it has just filled. Says nothing of its state: ask."""

    reason: str


@dataclass(frozen=True, slots=True)
class AbsenceProven(_OrderEvent):
    """Proof that the request never arrived (`core.execution.absence`); `reason` is the evidence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Resolved(_OrderEvent):
    """An operator's word on an order in doubt. It stands until the venue says otherwise."""

    verdict: Verdict
    reason: str


class AmendWay(StrEnum):
    """How an order gets other terms."""

    IN_PLACE = "in_place"
    REPLACE = "replace"
    """It is cancelled, and once its end is proven another order is sent for what is left."""


class AmendOutcome(StrEnum):
    """How an amendment ended that did not change the order itself."""

    REPLACED = "replaced"
    NOTHING_LEFT = "nothing_left"
    """It ended before it could be replaced, with nothing left to ask for."""
    REFUSED = "refused"
    """The venue would not, or the request never arrived: the order has the terms that it had."""
    GIVEN_UP = "given_up"
    """Not replaced; the order goes on, or has ended, as its state says."""


@dataclass(frozen=True, slots=True)
class AmendAsked(_OrderEvent):
    """Durable before anything leaves for it. From here on the order may have either terms (`IN_PLACE`), or be on its
    way out (`REPLACE`), until one of the next three says what came of it."""

    terms: Terms
    way: AmendWay
    reason: str


@dataclass(frozen=True, slots=True)
class AmendLost(_OrderEvent):
    """The request to amend in place left, or may have left, and no answer says what became of it: ask the order."""

    reason: str


@dataclass(frozen=True, slots=True)
class Amended(_OrderEvent):
    """The venue shows the order with these terms: the one way in which what was asked of it changes."""

    terms: Terms
    event_ns: int
    """The venue's time of that picture."""


@dataclass(frozen=True, slots=True)
class AmendEnded(_OrderEvent):
    """The end of an amendment after which the order has the terms that it had."""

    outcome: AmendOutcome
    reason: str


@dataclass(frozen=True, slots=True)
class Reported(_OrderEvent):
    """The venue's picture of the order, from an answer, a query or the user stream. Its fills are events of their
    own."""

    report: OrderReport


@dataclass(frozen=True, slots=True)
class Filled(_OrderEvent):
    fill: Fill


OwnStep = Sent | Withdrawn | Refused | OutcomeLost | Vanished | CancelAsked | CancelRefused | AbsenceProven | Resolved
AmendStep = AmendAsked | AmendLost | Amended | AmendEnded
VenueFact = Reported | Filled
OrderEvent = OwnStep | AmendStep | VenueFact


@dataclass(frozen=True, slots=True)
class Oddity:
    """What happens in the real world but shouldn't: counted, survived, logged where it is more than a race."""

    code: str
    client_order_id: ClientOrderId
    detail: str

    @property
    def is_race(self) -> bool:
        """The venue's messages came in another order than that in which it meant them: nothing is wrong."""
        return self.code in _RACES


_RACES = frozenset({"STALE_REPORT", "FILL_BEFORE_ACK", "FILL_AFTER_END", "CANCEL_REFUSED"})
