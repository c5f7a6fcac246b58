"""What a model says of many symbols, in one call. Features that are not exactly its own do not reach it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import ModelError
from core.domain.instruments import InstrumentId
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.features.rows import FeatureRows
from core.models.artifacts import Artifact
from core.models.encoding import SymbolEncoding, TrainingMode, encode
from core.models.manifest import Manifest


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """One a symbol, in the order of the rows."""

    version: str
    probabilities: NDArray[np.float64]  # (n_symbols,) of a rise; NaN where there is a fault
    faults: tuple[Reason | None, ...]  # (n_symbols,)
    """Why nothing is said of a symbol; `None`: something is."""


def predict(artifact: Artifact, rows: FeatureRows) -> Predictions:
    """As the model answered in training, to the last bit. Raises `ModelError` for columns that are not the model's."""
    manifest = artifact.manifest
    if rows.columns != manifest.schema.columns:
        raise ModelError(f"{manifest.version}: takes other features than it was given; nothing was predicted")
    faults = tuple(
        fault or _unknown(symbol, manifest) for symbol, fault in zip(rows.instrument_ids, rows.faults, strict=True)
    )
    fit = np.array([fault is None for fault in faults], bool)
    probabilities = np.full(len(faults), np.nan)
    places = [number for number, is_fit in enumerate(fit) if is_fit]
    if places:
        columns = _encoded(tuple(rows.instrument_ids[place] for place in places), manifest)
        probabilities[fit] = artifact.probabilities(np.hstack((rows.values[fit], columns)))
    return Predictions(manifest.version, probabilities, faults)


def _unknown(symbol: InstrumentId, manifest: Manifest) -> Reason | None:
    if symbol in manifest.symbols or (
        manifest.mode is TrainingMode.MULTI_SYMBOL and manifest.encoding is SymbolEncoding.NONE
    ):
        return None
    return because(ReasonCode.MODEL_SYMBOL_UNKNOWN, model=manifest.version)


def _encoded(symbols: tuple[InstrumentId, ...], manifest: Manifest) -> NDArray[np.float64]:
    if manifest.encoding is SymbolEncoding.NONE:
        return np.empty((len(symbols), 0))
    numbers = {symbol: number for number, symbol in enumerate(manifest.symbols)}
    return encode(np.array([numbers[each] for each in symbols], np.int64), len(numbers), manifest.encoding)
