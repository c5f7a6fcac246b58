"""The decision itself."""

from core.decision.decision import Decision
from core.decision.inputs import AgeLimits, DecisionInputs
from core.domain.freshness import Moment
from core.settings.risk import SizingSettings


def decide(inputs: DecisionInputs, limits: AgeLimits, sizing: SizingSettings, now: Moment) -> Decision:
    """To trade, or not to, and why. Pure: same inputs, same decision, same intent id."""
    raise NotImplementedError
