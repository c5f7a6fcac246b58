"""A model that takes a fraction of a second to train, for tests of what comes after."""

from functools import cache

import msgspec

from core.domain.candles import Timeframe
from core.domain.instruments import InstrumentId
from core.features.schema import Feature, FeatureSchema
from core.models.booster import TreeParameters
from core.models.labels import LabelDefinition
from core.models.manifest import Manifest
from core.models.recipe import Recipe
from core.models.training.market import Market
from core.models.training.training import Trained, manifest_of, train
from tests.unit.models.training.markets import planted

BTC = InstrumentId("BTC/USDT")
SCHEMA = FeatureSchema((Feature.of("change", period=1), Feature.of("change", period=5), Feature.of("shadow")))
RECIPE = Recipe(
    label=LabelDefinition(horizon_candles=3),
    trees=TreeParameters(learning_rate=0.1, max_rounds=20, patience_rounds=5, num_leaves=4, min_data_in_leaf=50),
    folds=2,
    embargo_candles=5,
    min_samples=500,
)
CREATED_MS, HOUR_MS = 1_770_000_000_000, 3_600_000


def market(seed: int = 1, n: int = 1_500, strength: float = 0.25) -> Market:
    return Market({BTC: planted(seed, n, strength=strength)}, Timeframe.M1)


@cache
def trained() -> Trained:
    return train(market(), SCHEMA, RECIPE, lambda _: None)


def manifest(number: int = 0, **changes: object) -> Manifest:
    """Of a model that was trained `number` hours after the first."""
    return msgspec.structs.replace(_of_hour(number), **changes)


@cache
def _of_hour(number: int) -> Manifest:
    created_ms = CREATED_MS + number * HOUR_MS
    return manifest_of(trained(), venue="sim", parent=None, created_ms=created_ms, expires_ms=created_ms + 72 * HOUR_MS)
