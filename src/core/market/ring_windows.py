"""A worker's way to the daemon's candles: map the rings, compute over the windows asked for, and check that they held
still."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
import numpy as np

from core.domain.candles import CandleWindow
from core.domain.errors import ComputeError
from core.domain.instruments import InstrumentId
from core.market.candle_memory import RingHandle
from core.market.candle_ring import RingWindow, attach

T = TypeVar("T")

_LATER_CANDLES = 8
"""So many candles may close between the request and its turn; the window is cut back to the one that was asked for."""
_TRIES = 5


class RingRequest(msgspec.Struct, frozen=True, gc=False):
    """One symbol's window: at most `count` closed candles, the last of which opened at `last_open_ms` (UTC ms)."""

    instrument_id: InstrumentId
    ring: RingHandle
    last_open_ms: int
    count: int


Compute = Callable[[Sequence[tuple[InstrumentId, CandleWindow]]], Sequence[T]]
"""One answer a window, in order."""


def over_rings(requests: Sequence[RingRequest], compute: Compute[T], what: str) -> list[T]:
    """What `compute` answers to each request, in order, called again for windows that changed under it. Raises
    `ComputeError`, which names `what`, where they keep changing."""
    answers: dict[int, T] = {}
    readers = [attach(request.ring) for request in requests]
    for _ in range(_TRIES):
        missing = [index for index in range(len(requests)) if index not in answers]
        if not missing:
            return [answers[index] for index in range(len(requests))]
        windows = [readers[index].window(requests[index].count + _LATER_CANDLES) for index in missing]
        cut = [(requests[i].instrument_id, _cut(each, requests[i])) for i, each in zip(missing, windows, strict=True)]
        for index, answer, window in zip(missing, compute(cut), windows, strict=True):
            if readers[index].is_intact(window):
                answers[index] = answer
    raise ComputeError(f"{what}: the candles kept changing under the computation, {_TRIES} times in a row")


def _cut(window: RingWindow, request: RingRequest) -> CandleWindow:
    end = len(window.open_ms)
    if end and window.open_ms[-1] > request.last_open_ms:
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
