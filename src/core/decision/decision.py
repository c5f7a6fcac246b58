"""The outcome of a cycle."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from core.decision.cycle import Cycle
from core.domain.orders import Proposal
from core.domain.reasons import Reason
from core.domain.status import DecisionLine


class Outcome(StrEnum):
    TRADE = "TRADE"
    NO_TRADE = "NO_TRADE"


@dataclass(frozen=True, slots=True)
class Decision:
    cycle: Cycle
    outcome: Outcome
    reasons: tuple[Reason, ...]
    """Never empty; the first is the one that decided."""
    proposal: Proposal | None
    """`None` unless TRADE."""
    targets: Mapping[str, float]
    """What each strategy of the symbol now asks for, as fraction of equity; an input of the symbol's next decision."""
    inputs: Mapping[str, str]
    """What it was decided from, with ages, in words."""


def decision_line(
    decision: Decision,
    *,
    outcome: str | None = None,
    reason: Reason | None = None,
    timings_ms: Mapping[str, float] | None = None,
) -> DecisionLine:
    """The record for `why` and the API. `outcome` and `reason` replace the decision's own where something later had
    the last word (`REFUSED` by the gate, `FAILED`)."""
    raise NotImplementedError
