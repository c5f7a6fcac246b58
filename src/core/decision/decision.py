"""The outcome of a cycle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from core.decision.cycle import Cycle
from core.decision.gates import verdicts
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
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    """Time in the worker, per strategy."""
    models: Mapping[str, str] = field(default_factory=dict)
    """Version of the model that each strategy asked; empty where none did."""
    reversal: Proposal | None = None
    """The entry that follows `proposal`, an exit, to the other side of the market; `None`: nothing follows."""


def decision_line(
    decision: Decision,
    *,
    outcome: str | None = None,
    reason: Reason | None = None,
    timings_ms: Mapping[str, float] | None = None,
) -> DecisionLine:
    """The record for `why` and the API. `outcome` and `reason` replace the decision's own where something later had
    the last word (`REFUSED` by the gate, `FAILED`); `timings_ms` are added to its own."""
    cycle, proposal = decision.cycle, decision.proposal
    outcome = decision.outcome.value if outcome is None else outcome
    reason_told = decision.reasons[0] if reason is None else reason
    return DecisionLine(
        cycle=str(cycle),
        symbol=cycle.instrument_id,
        strategy=cycle.strategy,
        close_ms=cycle.close_ms,
        outcome=outcome,
        reason=str(reason_told),
        inputs={**decision.inputs, **_further(decision, reason)},
        timings_ms={**decision.timings_ms, **(timings_ms or {})},
        intent_id=None if proposal is None else proposal.intent_id,
        gates=verdicts(outcome, reason_told.code, None if proposal is None else proposal.purpose),
        intent={} if proposal is None else _intent(proposal, decision.reversal),
        models=dict(decision.models),
    )


def _intent(proposal: Proposal, reversal: Proposal | None) -> dict[str, str]:
    leg, guard = proposal.legs[0], proposal.protection
    words = {
        "purpose": proposal.purpose.value,
        "side": leg.side.value,
        "quantity": f"{leg.quantity:f}",
        "type": leg.order_type.value,
        "reference_price": f"{proposal.reference_price:f}",
    }
    prices = {"price": leg.price}
    if guard is not None:
        prices |= {"stop_price": guard.stop_price, "target_price": guard.target_price}
    words |= {name: f"{price:f}" for name, price in prices.items() if price is not None}
    if reversal is not None:
        words["then_intent"] = reversal.intent_id
    return words


def _further(decision: Decision, replaced_by: Reason | None) -> dict[str, str]:
    """The reasons that are not the line's own."""
    others = decision.reasons if replaced_by is not None else decision.reasons[1:]
    return {"also": "; ".join(map(str, others))} if others else {}
