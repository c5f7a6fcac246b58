"""A worker's job: evaluate a strategy over the daemon's candle rings."""

from collections.abc import Sequence
from functools import partial

from core.market.ring_windows import RingRequest, over_rings
from core.models.serving.in_use import ModelsInUse
from core.strategies.spec import Evaluation, StrategySpec
from core.strategies.worker import evaluate


def evaluate_rings(
    spec: StrategySpec, requests: Sequence[RingRequest], models: ModelsInUse | None = None
) -> list[Evaluation]:
    """One evaluation a request, in order; `models` is for strategies that ask them. Raises `SettingsError` where the
    strategy can't be loaded, `ComputeError` where a ring kept changing under the computation."""
    return over_rings(requests, partial(evaluate, spec, models=models), spec.use)
