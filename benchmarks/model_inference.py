"""One batch of 500 symbols through a model of the built-in features, as large as training makes them: from the rows of
features to calibrated probabilities. Beside it bare LightGBM on the same matrix, which is the floor.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import msgspec
import numpy as np
from benchmarks._daemon import claim
from tests.unit.models.training.markets import planted

from core.domain.candles import Timeframe
from core.domain.instruments import InstrumentId
from core.features.rows import FeatureRows
from core.features.standard import STANDARD
from core.models.artifacts import Artifact
from core.models.booster import TreeParameters
from core.models.encoding import TrainingMode
from core.models.inference import predict
from core.models.recipe import Recipe
from core.models.training.market import Market
from core.models.training.training import manifest_of, train

SYMBOLS, ROUNDS, TARGET_MS = 500, 500, 50.0
ALL_TREES = TreeParameters(learning_rate=0.003, patience_rounds=400)
"""So small steps that it takes nearly as many trees as it may have."""


def main() -> int:
    recipe = Recipe(mode=TrainingMode.MULTI_SYMBOL, trees=ALL_TREES, folds=2)
    market = Market({InstrumentId("A/USDT"): planted(1, 12_000, strength=0.3)}, Timeframe.M1)
    made = train(market, STANDARD, recipe, lambda _: None)
    manifest = manifest_of(made, venue="sim", parent=None, created_ms=0, expires_ms=1)
    artifact = Artifact(msgspec.structs.replace(manifest, checks=()), made.fitted.trees)
    values = made.samples.features[:SYMBOLS]
    symbols = tuple(InstrumentId(f"S{n}/USDT") for n in range(SYMBOLS))
    rows = FeatureRows(STANDARD.columns, symbols, np.ascontiguousarray(values), (None,) * SYMBOLS)
    ours = milliseconds(lambda: predict(artifact, rows))
    bare = milliseconds(lambda: made.fitted.trees.scores(values))
    p99 = statistics.quantiles(ours, n=100)[98]
    return claim(
        "predictions of 500 symbols in one batch, p99 ms",
        round(p99, 2),
        TARGET_MS,
        p99 < TARGET_MS,
        median_ms=round(statistics.median(ours), 2),
        bare_lightgbm_median_ms=round(statistics.median(bare), 2),
        trees=made.fitted.trees.text.count("\nTree="),
        columns=len(STANDARD.columns),
    )


def milliseconds(call: Callable[[], object]) -> list[float]:
    taken = []
    for _ in range(ROUNDS):
        began_ns = time.perf_counter_ns()
        call()
        taken.append((time.perf_counter_ns() - began_ns) / 1e6)
    return taken


if __name__ == "__main__":
    sys.exit(main())
