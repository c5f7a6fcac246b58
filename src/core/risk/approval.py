"""The stamp without which nothing reaches the executor."""

from dataclasses import dataclass

from core.domain.orders import Proposal
from core.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class ApprovedIntent:
    """A proposal that the gate has passed and reserved exposure for. Only `RiskGate` makes these.

    `valid_until_ns` is monotonic time; the executor checks it, and `risk_epoch` against the gate's current one,
    immediately before the request leaves.
    """

    proposal: Proposal
    valid_until_ns: int
    risk_epoch: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The gate's no, with the first check that failed."""

    proposal: Proposal
    reason: Reason
