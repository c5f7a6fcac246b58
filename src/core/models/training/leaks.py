"""Does a feature look ahead? Computed on candles up to each one, it must be what it is on all of them."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.domain.candles import CandleWindow

Compute = Callable[[CandleWindow], Mapping[str, NDArray[np.float64]]]
_STRETCH = 600


class Leak(NamedTuple):
    column: str
    open_ms: int
    """Of the candle at which its value changes once later candles are known."""


def find_leak(compute: Compute, window: CandleWindow, *, warmup: int) -> Leak | None:
    """The first leak at any candle; exact to the last bit. Long windows are looked at in stretches, each with `warmup`
    candles before it."""
    for start, stop in _stretches(len(window), warmup):
        part = _cut(window, start, stop)
        whole = compute(part)
        for n in range(1 if start == 0 else warmup + 1, len(part) + 1):
            known = compute(_cut(part, 0, n))
            for column, values in whole.items():
                if not _same(values[n - 1], known[column][n - 1]):
                    return Leak(column, int(part.open_ms[n - 1]))
    return None


def _stretches(n: int, warmup: int) -> Iterator[tuple[int, int]]:
    for first in range(0, n, _STRETCH):
        yield max(0, first - warmup), min(n, first + _STRETCH)


def _cut(window: CandleWindow, start: int, stop: int) -> CandleWindow:
    return CandleWindow(*(getattr(window, name)[start:stop] for name in window.__slots__))


def _same(a: float, b: float) -> bool:
    return bool(a == b or (np.isnan(a) and np.isnan(b)))
