"""A worker's job: evaluate a strategy over the daemon's candle rings."""

import pickle
from collections.abc import Sequence
from functools import partial

from core.market.ring_windows import RingRequest, over_rings
from core.models.serving.in_use import ModelsInUse
from core.strategies.spec import Evaluation, StrategySpec
from core.strategies.worker import evaluate

_ANSWERS_A_PART = 100
"""Reading so many takes the loop half a millisecond."""


def evaluate_rings(
    spec: StrategySpec, requests: Sequence[RingRequest], models: ModelsInUse | None = None
) -> list[Evaluation]:
    """One evaluation a request, in order; `models` is for strategies that ask them. Raises `SettingsError` where the
    strategy can't be loaded, `ComputeError` where a ring kept changing under the computation."""
    return over_rings(requests, partial(evaluate, spec, models=models), spec.use)


def evaluate_in_parts(
    spec: StrategySpec, requests: Sequence[RingRequest], models: ModelsInUse | None = None
) -> list[bytes]:
    """As `evaluate_rings`, the answers pickled some at a time, so that the loop need not read all of them in one go."""
    answers = evaluate_rings(spec, requests, models)
    starts = range(0, len(answers), _ANSWERS_A_PART)
    return [pickle.dumps(answers[start : start + _ANSWERS_A_PART], pickle.HIGHEST_PROTOCOL) for start in starts]
