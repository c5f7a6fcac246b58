"""All that training decides by, but for the candles: with the same ones it gives the same model, bit for bit."""

import msgspec

from core.models.booster import TreeParameters
from core.models.calibration import CalibrationKind
from core.models.costs import Costs
from core.models.encoding import SymbolEncoding, TrainingMode
from core.models.labels import LabelDefinition


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Raises `ValueError` for numbers that make no sense."""

    mode: TrainingMode = TrainingMode.SINGLE_SYMBOL
    encoding: SymbolEncoding = SymbolEncoding.NONE
    label: LabelDefinition = LabelDefinition()
    trees: TreeParameters = TreeParameters()
    calibration: CalibrationKind = "platt"
    costs: Costs = Costs()
    may_short: bool = True
    folds: int = 5
    embargo_candles: int = 60
    """Left out before each test, on top of what is purged."""
    alpha: float = 0.01
    """How often luck may be called skill."""
    min_samples: int = 2_000
    seed: int = 7

    def __post_init__(self) -> None:
        if self.folds < 2 or self.embargo_candles < 0 or not 0.0 < self.alpha < 0.5 or self.min_samples < 200:
            raise ValueError("wanted: folds >= 2, embargo_candles >= 0, 0 < alpha < 0.5, min_samples >= 200")


def quick(recipe: Recipe) -> Recipe:
    """Fewer folds and trees: for a look at whether everything fits, in seconds."""
    trees = msgspec.structs.replace(recipe.trees, learning_rate=0.1, max_rounds=60, patience_rounds=10)
    return msgspec.structs.replace(recipe, trees=trees, folds=3)
