"""Is it skill? Tests that know how much of what looks like it is chance.

*Random entry*: the same predictions, moved along time by every possible number of candles, keep all they have of their
own (how often, how long, how clustered) and lose only their timing. The share of such moves that do at least as well is
the p-value. All of them are computed at once, as a circular cross-correlation, so no chance comes in.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.models.training.market import Grid
from core.models.verdict import Metric


@dataclass(frozen=True, slots=True)
class Timing:
    """How the timing of predictions compares with all other timings."""

    p_value: float
    """1 where nothing was predicted."""
    actual: float
    typical: float
    """Mean over all other timings."""
    moves: int


def timing_test(weights: Grid, outcomes: Grid, least_move: int) -> Timing:
    """Of the sum of `weights * outcomes`, against both moved apart by `least_move` candles or more. All symbols move
    together."""
    n = len(weights)
    moves = np.arange(least_move, n - least_move + 1)
    if not len(moves) or not weights.any() or not outcomes.any():
        return Timing(1.0, 0.0, 0.0, max(0, len(moves)))
    spectrum = (np.conj(np.fft.rfft(weights, axis=0)) * np.fft.rfft(outcomes, axis=0)).sum(axis=1)
    sums = np.fft.irfft(spectrum, n)
    actual, others = float(sums[0]), sums[moves]
    tolerance = 1e-9 * float(np.abs(sums).max())
    as_good = int((others >= actual - tolerance).sum())
    return Timing((as_good + 1) / (len(others) + 1), actual, float(others.mean()), len(moves))


def centred(values: Grid, is_there: NDArray[np.bool_]) -> Grid:
    """Without the mean of each symbol, 0 where there is no value: what always leans one way has no timing."""
    count = np.maximum(is_there.sum(axis=0), 1)
    mean = np.where(is_there, values, 0.0).sum(axis=0) / count
    return np.where(is_there, values - mean, 0.0)


def bootstrap_mean(
    values: NDArray[np.float64], block: int, *, confidence: float, seed: int, rounds: int = 1_000
) -> Metric:
    """The mean with its interval, drawn from blocks of neighbours (Künsch 1989), since neighbours are alike."""
    n = len(values)
    if n == 0:
        return Metric(0.0)
    block = max(1, min(block, n))
    per_round = -(-n // block)
    sums = np.concatenate(([0.0], np.cumsum(np.concatenate((values, values[: block - 1])))))
    blocks = (sums[block : block + n] - sums[:n]) / block
    rng = np.random.default_rng(seed)
    means = blocks[rng.integers(0, n, (rounds, per_round))].mean(axis=1)
    tail = (1.0 - confidence) / 2
    low, high = np.quantile(means, (tail, 1.0 - tail))
    return Metric(float(values.mean()), float(low), float(high))
