"""From candles to a model that can be published, in one pure call."""

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as library_version
from pathlib import Path

from msgspec.structs import replace

import core
from core.domain.candles import CandleWindow
from core.domain.errors import HistoryShort, ModelError
from core.features.schema import FeatureSchema
from core.models.artifacts import Artifact, stored
from core.models.booster import require_lightgbm
from core.models.encoding import encoded_columns
from core.models.manifest import FORMAT, Check, Manifest, definitions, probe, sha256
from core.models.recipe import Recipe
from core.models.training.fitting import Fitted, fit
from core.models.training.leaks import find_leak
from core.models.training.market import Market
from core.models.training.samples import Samples, build_samples
from core.models.training.succession import gain_over
from core.models.training.validation import Tell, Validation, validate
from core.models.verdict import Verdict

_CHECKS = 16
_LEAK_CANDLES = 400
"""Looked at for leaks in each training, on top of the warm-up; the tests look at all."""
_LIBRARIES = ("lightgbm", "scikit-learn", "numpy", "TA-Lib")


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    market: Market
    schema: FeatureSchema
    recipe: Recipe
    samples: Samples
    fitted: Fitted
    validation: Validation
    verdict: Verdict


def train(market: Market, schema: FeatureSchema, recipe: Recipe, tell: Tell, parent: Artifact | None = None) -> Trained:
    """The same model for the same candles on the same machine, bit for bit. `tell` hears of each step; `parent` is what
    it is compared with (`None`: nothing). Raises
    `HistoryShort` and `HistoryUnfit` for candles that are too few or unfit, `ModelError` for a feature that looks
    ahead, `SettingsError` without the extra `ml`."""
    require_lightgbm()
    tell("features and labels")
    samples = build_samples(market, schema, recipe)
    if len(samples) < recipe.min_samples:
        missing = recipe.min_samples - len(samples)
        raise HistoryShort(
            f"{len(samples)} samples; at least {recipe.min_samples} are needed, that is {missing} more candles",
            missing=missing,
        )
    _require_no_leak(market, schema)
    validation = validate(samples, market, recipe, tell)
    tell("the model itself")
    fitted = fit(samples, recipe, recipe.embargo_candles * market.timeframe.ms)
    verdict = validation.verdict
    if parent is not None:
        columns = schema.columns + encoded_columns(market.symbols, recipe.encoding)
        verdict = replace(verdict, gain_over_parent=gain_over(parent, validation, columns, recipe))
    return Trained(market, schema, recipe, samples, fitted, validation, verdict)


def manifest_of(trained: Trained, *, venue: str, parent: str | None, created_ms: int, expires_ms: int) -> Manifest:
    market, fitted, rows = trained.market, trained.fitted, trained.samples.features[-_CHECKS:]
    file = stored(fitted.trees.text)
    name = sha256(f"{venue} {market.timeframe.value} {market.symbols} {created_ms} {file.sha256}".encode())[:8]
    columns = trained.schema.columns + encoded_columns(market.symbols, trained.recipe.encoding)
    window_from_ms, window_to_ms = market.window_ms
    answers = zip(rows.tolist(), fitted.probabilities(rows).tolist(), strict=True)
    return Manifest(
        format=FORMAT,
        version=f"{datetime.fromtimestamp(created_ms / 1_000, UTC):%Y%m%dT%H%M%S}-{name}",
        venue=venue,
        timeframe=market.timeframe,
        symbols=market.symbols,
        window_from_ms=window_from_ms,
        window_to_ms=window_to_ms,
        samples=len(trained.samples),
        features=definitions(trained.schema),
        schema_hash=trained.schema.hash,
        probe=probe(trained.schema),
        recipe=trained.recipe,
        thresholds=fitted.thresholds,
        calibration=fitted.calibration,
        verdict=trained.verdict,
        gains=fitted.trees.gains(columns),
        checks=tuple(Check(tuple(row), probability) for row, probability in answers),
        data_fingerprint=market.fingerprint(),
        code=code_version(),
        libraries={each: library_version(each) for each in _LIBRARIES},
        parent=parent,
        created_ms=created_ms,
        expires_ms=expires_ms,
        files=(file,),
    )


def code_version() -> str:
    """The release, and a hash of all that features and models are computed by."""
    root = Path(core.__file__).parent
    files = sorted(each for folder in ("features", "models") for each in (root / folder).rglob("*.py"))
    return f"{core.__version__}+{sha256(b''.join(each.read_bytes() for each in files))[:12]}"


def _require_no_leak(market: Market, schema: FeatureSchema) -> None:
    for symbol, window in market.series.items():
        tail = _last(window, schema.warmup + _LEAK_CANDLES)
        leak = find_leak(schema.compute, tail, warmup=schema.warmup)
        if leak is not None:
            raise ModelError(f"{symbol}: the feature {leak.column} looks ahead (candle of {leak.open_ms})")


def _last(window: CandleWindow, n: int) -> CandleWindow:
    return CandleWindow(*(getattr(window, name)[max(0, len(window) - n) :] for name in window.__slots__))
