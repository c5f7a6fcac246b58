"""How far what a model sees, or says, is from what it was trained on."""

import numpy as np
from numpy.typing import NDArray

_EMPTY = 1e-4
"""Share that an empty bin counts as; its logarithm would be infinite."""

Values = NDArray[np.float64]


def population_stability(trained: Values, seen: Values, bins: int = 10) -> float:
    """Population stability index over the deciles of `trained`, (n,) and (m,): the sum of (seen - trained) *
    ln(seen / trained) over the shares of the bins (Siddiqi 2006, where above 0.25 is a shift to act on). Neighbouring
    quantiles that are equal are one bin. NaN counts as a bin of its own. Raises `ValueError` where either is empty."""
    if not len(trained) or not len(seen):
        raise ValueError("a shift needs values on both sides")
    known = trained[~np.isnan(trained)]
    inner = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1])) if len(known) else np.array([])
    before, now = _shares(trained, inner), _shares(seen, inner)
    return float(((now - before) * np.log(now / before)).sum())


def _shares(values: Values, inner: Values) -> Values:
    is_known = ~np.isnan(values)
    # A value at an edge is in the bin below it, so that a constant column has two bins that can differ.
    binned = np.searchsorted(inner, values[is_known], side="left")
    counts = np.append(np.bincount(binned, minlength=len(inner) + 1), (~is_known).sum())
    shares: Values = np.maximum(counts / len(values), _EMPTY)
    return shares


def calibration_error(probabilities: Values, is_up: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error (Naeini et al. 2015): the distance between what was said and what came, over equally
    wide bins, weighed by how much is in them; within [0, 1]. (n,) both. 0 where there is nothing."""
    if not len(probabilities):
        return 0.0
    numbers = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    said = np.bincount(numbers, weights=probabilities, minlength=bins)
    came = np.bincount(numbers, weights=is_up.astype(np.float64), minlength=bins)
    return float(np.abs(said - came).sum() / len(probabilities))
