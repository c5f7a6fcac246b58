"""Is a new model better than the one that is live? Asked on samples that neither of them has learned from."""

import numpy as np

from core.models.artifacts import Artifact
from core.models.recipe import Recipe
from core.models.training.skill import bootstrap_mean
from core.models.training.validation import Validation
from core.models.verdict import Metric

_LEAST_SAMPLES = 200


def gain_over(parent: Artifact, validation: Validation, columns: tuple[str, ...], recipe: Recipe) -> Metric | None:
    """How much closer to what happened (Brier) the new probabilities are; above 0 is better. `None`: they can't be
    compared, since the live model takes other columns or has seen nearly all the samples."""
    tested, answers = validation.samples, validation.answers
    is_new = tested.known_ms >= parent.manifest.window_to_ms
    if parent.manifest.columns != columns or int(is_new.sum()) < _LEAST_SAMPLES:
        return None
    rose = tested.is_up[is_new].astype(np.float64)
    theirs = (parent.probabilities(tested.features[is_new]) - rose) ** 2
    ours = (answers.probabilities[is_new] - rose) ** 2
    block = max(recipe.label.horizon_candles, round(len(rose) ** (1 / 3)))
    return bootstrap_mean(theirs - ours, block, confidence=1.0 - recipe.alpha, seed=recipe.seed)
