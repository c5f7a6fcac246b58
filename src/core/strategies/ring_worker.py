"""A worker's job: map the daemon's candle rings, evaluate a strategy over them, and check that they held still."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.domain.candles import CandleWindow
from core.domain.errors import ComputeError
from core.domain.instruments import InstrumentId
from core.market.candle_memory import RingHandle
from core.market.candle_ring import RingReader, RingWindow, attach
from core.strategies.spec import Evaluation, StrategySpec
from core.strategies.worker import evaluate

_LATER_CANDLES = 8
"""So many candles may close between the request and its turn; the window is cut back to the one that was asked for."""
_TRIES = 5


@dataclass(frozen=True, slots=True)
class RingRequest:
    """One symbol's window: at most `count` closed candles, the last of which opened at `last_open_ms` (UTC ms)."""

    instrument_id: InstrumentId
    ring: RingHandle
    last_open_ms: int
    count: int


def evaluate_rings(spec: StrategySpec, requests: Sequence[RingRequest]) -> list[Evaluation]:
    """One evaluation a request, in order. Raises `SettingsError` where the strategy can't be loaded, `ComputeError`
    where a ring kept changing under the computation."""
    answers: dict[int, Evaluation] = {}
    readers = [attach(request.ring) for request in requests]
    for _ in range(_TRIES):
        missing = [index for index in range(len(requests)) if index not in answers]
        if not missing:
            return [answers[index] for index in range(len(requests))]
        windows = [readers[index].window(requests[index].count + _LATER_CANDLES) for index in missing]
        cut = [_cut(window, requests[index]) for index, window in zip(missing, windows, strict=True)]
        evaluations = evaluate(spec, [(requests[i].instrument_id, each) for i, each in zip(missing, cut, strict=True)])
        answers |= _intact(missing, evaluations, readers, windows)
    raise ComputeError(f"{spec.use}: the candles kept changing under the computation, {_TRIES} times in a row")


def _intact(
    indices: Sequence[int],
    evaluations: Sequence[Evaluation],
    readers: Sequence[RingReader],
    windows: Sequence[RingWindow],
) -> dict[int, Evaluation]:
    return {
        index: evaluation
        for index, evaluation, window in zip(indices, evaluations, windows, strict=True)
        if readers[index].is_intact(window)
    }


def _cut(window: RingWindow, request: RingRequest) -> CandleWindow:
    end = int(np.searchsorted(window.open_ms, request.last_open_ms, side="right"))
    start = max(0, end - request.count)
    rows = slice(start, end)
    return CandleWindow(
        open_ms=window.open_ms[rows],
        open=window.open[rows],
        high=window.high[rows],
        low=window.low[rows],
        close=window.close[rows],
        volume=window.volume[rows],
    )
