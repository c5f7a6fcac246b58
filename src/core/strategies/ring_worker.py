"""A worker's job: evaluate a strategy over the daemon's candle rings."""

from collections.abc import Sequence
from functools import partial

from core.market.ring_windows import RingRequest, over_rings
from core.strategies.spec import Evaluation, StrategySpec
from core.strategies.worker import evaluate


def evaluate_rings(spec: StrategySpec, requests: Sequence[RingRequest]) -> list[Evaluation]:
    """One evaluation a request, in order. Raises `SettingsError` where the strategy can't be loaded, `ComputeError`
    where a ring kept changing under the computation."""
    return over_rings(requests, partial(evaluate, spec), spec.use)
