"""Random numbers in blocks from numpy, handed out one at a time as plain floats at the cost of a list look-up."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Draw = Callable[[], float]
_BLOCK = 4_096


def stream(sample: Callable[[int], NDArray[np.float64]]) -> Draw:
    """An endless stream of what `sample(n)` draws."""

    def values() -> Iterator[float]:
        while True:
            yield from sample(_BLOCK).tolist()

    return values().__next__


class Draws:
    """Independent streams of one seed, each from a generator of its own: using one does not disturb the others."""

    __slots__ = ("exponential", "size", "trade_size", "uniform")

    def __init__(self, seed: np.random.SeedSequence, *, level_spread: float, trade_spread: float) -> None:
        """`level_spread`, `trade_spread`: standard deviation of the logarithm of level and trade sizes."""
        uniform, exponential, size, trade_size = (np.random.default_rng(child) for child in seed.spawn(4))
        self.uniform: Draw = stream(uniform.random)
        self.exponential: Draw = stream(exponential.standard_exponential)
        """Mean 1."""
        self.size: Draw = stream(lambda n: np.exp(level_spread * size.standard_normal(n)))
        """Lognormal, median 1: sizes of levels."""
        self.trade_size: Draw = stream(
            lambda n: np.exp(trade_spread * trade_size.standard_normal(n) - trade_spread**2 / 2)
        )
        """Lognormal, mean 1: sizes of trades."""
