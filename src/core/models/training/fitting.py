"""One model from samples: trees, the curve that makes their scores probabilities, thresholds that pay their costs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import HistoryShort, HistoryUnfit
from core.models.booster import Examples, Trees, grow
from core.models.calibration import Calibration, calibrate
from core.models.costs import Thresholds, break_even
from core.models.recipe import Recipe
from core.models.training.samples import Samples
from core.models.training.splits import fitting_parts

_LEAST_OF_A_CLASS = 10
_LEAST_PART = 50


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    trees: Trees
    calibration: Calibration
    thresholds: Thresholds

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of a rise; (n_rows,)."""
        return self.calibration.apply(self.trees.scores(features))


def fit(samples: Samples, recipe: Recipe, embargo_ms: int) -> Fitted:
    """Raises `HistoryShort` for too few samples, `HistoryUnfit` where the market only ever went one way."""
    parts = fitting_parts(samples, embargo_ms)
    for part in (parts.grow, parts.stop, parts.calibrate):
        _require_both_classes(part)
    grown, stopped = (Examples(part.features, part.is_up) for part in (parts.grow, parts.stop))
    trees = grow(grown, stopped, recipe.trees, recipe.seed)
    scores = trees.scores(parts.calibrate.features)
    calibration = calibrate(scores, parts.calibrate.is_up, recipe.calibration)
    return Fitted(trees, calibration, break_even(samples.outcome, recipe.costs, may_short=recipe.may_short))


def _require_both_classes(part: Samples) -> None:
    if len(part) < _LEAST_PART:
        raise HistoryShort(
            f"{len(part)} samples are too few for a part of the training; {_LEAST_PART} are needed",
            missing=_LEAST_PART - len(part),
        )
    rose = int(part.is_up.sum())
    if min(rose, len(part) - rose) < _LEAST_OF_A_CLASS:
        only = "rose" if rose else "fell"
        raise HistoryUnfit(f"of {len(part)} samples nearly all {only}: nothing can be told apart")
