"""Walk-forward validation without leaks: a model is only ever asked about what came after all that it has seen.

*Purging* leaves out samples whose outcome became known only after the test began; the *embargo* leaves out some more
before it, since neighbours see nearly the same candles (López de Prado 2018, chapter 7).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from core.models.training.samples import Mask, Samples

_FIRST_TEST = 0.4
"""Share of the time before the first test: it is only learned from."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Times are UTC ms: learned from is what was known before `test_from_ms - embargo_ms`, tested on what lies in
    [test_from_ms, test_to_ms)."""

    test_from_ms: int
    test_to_ms: int
    embargo_ms: int

    def train(self, samples: Samples) -> Mask:
        mask: Mask = samples.exit_ms <= self.test_from_ms - self.embargo_ms
        return mask

    def test(self, samples: Samples) -> Mask:
        mask: Mask = (samples.known_ms >= self.test_from_ms) & (samples.known_ms < self.test_to_ms)
        return mask


def walk_forward(samples: Samples, folds: int, embargo_ms: int) -> Iterator[Fold]:
    """Equal spans of samples, oldest first; each fold learns from everything before its test."""
    edges = _edges(samples, np.linspace(_FIRST_TEST, 1.0, folds + 1))
    for test_from_ms, test_to_ms in pairwise(edges):
        yield Fold(test_from_ms, test_to_ms, embargo_ms)


@dataclass(frozen=True, slots=True, eq=False)
class FittingParts:
    """What one model is made from, one after the other in time, purged at each border."""

    grow: Samples
    """Trees are grown on it,"""
    stop: Samples
    """until they are no better on this,"""
    calibrate: Samples
    """and their scores are made probabilities on this."""


def fitting_parts(samples: Samples, embargo_ms: int) -> FittingParts:
    """70, 15 and 15 % of the samples."""
    _, first_ms, second_ms, end_ms = _edges(samples, np.array((0.0, 0.7, 0.85, 1.0)))
    middle, last = Fold(first_ms, second_ms, embargo_ms), Fold(second_ms, end_ms, embargo_ms)
    return FittingParts(
        samples.where(middle.train(samples)),
        samples.where(middle.test(samples) & last.train(samples)),
        samples.where(last.test(samples)),
    )


def _edges(samples: Samples, shares: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> list[int]:
    """Times at which so many of the samples have come; the last one lies after all of them."""
    if not len(samples):
        return [0] * len(shares)
    places = np.minimum((shares * len(samples)).astype(int), len(samples) - 1)
    edges: list[int] = samples.known_ms[places].tolist()
    edges[-1] = int(samples.known_ms[-1]) + 1
    return edges
