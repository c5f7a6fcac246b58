"""What is known of a model besides its trees: written when it is published, never changed."""

import hashlib
from typing import Any

import msgspec
import numpy as np

from core.domain.candles import CandleWindow, Timeframe
from core.domain.errors import ArtifactBad
from core.domain.instruments import InstrumentId
from core.features.schema import Feature, FeatureSchema
from core.models.calibration import Calibration
from core.models.costs import Thresholds
from core.models.encoding import SymbolEncoding, TrainingMode, encoded_columns
from core.models.recipe import Recipe
from core.models.verdict import Verdict

FORMAT = 1
"""Of manifests that this version writes, and the newest one that it reads."""
_PROBE_TOLERANCE = 1e-9


class FeatureDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    indicator: str
    parameters: tuple[tuple[str, float], ...]


class StoredFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    bytes: int
    sha256: str


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of features, and what the model said of it when it was new."""

    features: tuple[float, ...]
    probability: float


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Times are UTC ms."""

    format: int
    version: str
    venue: str
    timeframe: Timeframe
    symbols: tuple[InstrumentId, ...]
    """Trained on, in the order of their encoding."""
    window_from_ms: int
    window_to_ms: int
    samples: int
    features: tuple[FeatureDefinition, ...]
    schema_hash: str
    probe: tuple[float, ...]
    """The features of a candle that is the same everywhere: where they come out otherwise, an indicator has changed."""
    recipe: Recipe
    thresholds: Thresholds
    calibration: Calibration
    verdict: Verdict
    gains: dict[str, float]
    """Share of each column in what the trees gained."""
    checks: tuple[Check, ...]
    data_fingerprint: str
    code: str
    """Version and fingerprint of what trained it."""
    libraries: dict[str, str]
    parent: str | None
    """Version that was live in its scope when it was trained; `None`: none was."""
    created_ms: int
    expires_ms: int
    files: tuple[StoredFile, ...]

    @property
    def mode(self) -> TrainingMode:
        return self.recipe.mode

    @property
    def encoding(self) -> SymbolEncoding:
        return self.recipe.encoding

    @property
    def scope(self) -> str:
        """Where it may be live, one model at a time: venue, timeframe, and the symbol or `*`."""
        return scope_of(self.venue, self.timeframe, self.symbols if self.mode is TrainingMode.SINGLE_SYMBOL else ())

    @property
    def schema(self) -> FeatureSchema:
        """Raises `ArtifactBad` where an indicator does not exist here."""
        try:
            return FeatureSchema(tuple(Feature.of(each.indicator, **dict(each.parameters)) for each in self.features))
        except ValueError as error:
            raise ArtifactBad(f"{self.version}: {error}") from None

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the model's input: features, then the symbol's encoding."""
        return self.schema.columns + encoded_columns(self.symbols, self.encoding)


def scope_of(venue: str, timeframe: Timeframe, symbols: tuple[InstrumentId, ...]) -> str:
    """`symbols` is one symbol, or empty for a model of many."""
    return f"{venue} {timeframe.value} {symbols[0] if symbols else '*'}"


def definitions(schema: FeatureSchema) -> tuple[FeatureDefinition, ...]:
    return tuple(FeatureDefinition(each.indicator, each.parameters) for each in schema.features)


def encode_manifest(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def decode_manifest(text: bytes, where: str) -> Manifest:
    """Raises `ArtifactBad`, which tells a newer format from a damaged one."""
    try:
        as_found: Any = msgspec.json.decode(text)
        found = as_found.get("format") if isinstance(as_found, dict) else None
        if isinstance(found, int) and found > FORMAT:
            raise ArtifactBad(f"{where}: written by a newer version (format {found}; this one reads {FORMAT})")
        return msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, ValueError, UnicodeDecodeError) as error:
        raise ArtifactBad(f"{where}: {error}") from None


def probe(schema: FeatureSchema) -> tuple[float, ...]:
    """The features of the last candle of waves that are the same everywhere; a missing value is 0."""
    row = [column[-1] for column in schema.compute(_waves(schema.warmup + 50)).values()]
    return tuple(np.nan_to_num(row).tolist())


def require_same_features(manifest: Manifest) -> None:
    """Raises `ArtifactBad` where features of these names are something else here than they were in training."""
    schema = manifest.schema
    if schema.hash != manifest.schema_hash:
        raise ArtifactBad(f"{manifest.version}: features {schema.hash} are not those of {manifest.schema_hash}")
    now, then = np.array(probe(schema)), np.array(manifest.probe)
    if now.shape != then.shape or not np.allclose(now, then, rtol=_PROBE_TOLERANCE, atol=_PROBE_TOLERANCE):
        raise ArtifactBad(f"{manifest.version}: an indicator computes something else than when the model was trained")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _waves(n: int) -> CandleWindow:
    time = np.arange(n)
    close = 100.0 + 3.0 * np.sin(time / 7.0) + 2.0 * np.sin(time / 31.0) + np.sin(time * 1.7)
    open_ = np.concatenate((close[:1], close[:-1]))
    return CandleWindow(
        open_ms=60_000 * time,
        open=open_,
        high=np.maximum(open_, close) + 0.3 + 0.2 * np.cos(time),
        low=np.minimum(open_, close) - 0.3 - 0.2 * np.sin(time),
        close=close,
        volume=10.0 + 5.0 * np.sin(time / 3.0),
    )
