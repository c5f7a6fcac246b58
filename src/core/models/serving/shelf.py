"""Where a worker process keeps the models that it is asked about. Nothing gets here that was not proved."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.domain.errors import ArtifactBad, ModelError
from core.models import artifacts
from core.models.artifacts import Artifact
from core.models.serving.in_use import Standing

_shelf: dict[str, Artifact] = {}
"""By version; the worker process's own. A new worker begins with an empty one."""
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class WarmUp:
    """The bounds that a model has to keep before it decides anything."""

    symbols: int
    """That it will be asked about in one batch."""
    window: int
    """Closed candles that a question brings along."""
    limit_ms: float
    """For one batch."""


def warm(folder: Path, model: Standing, bounds: WarmUp, keep: Collection[str]) -> float:
    """Read the model, prove it, ask it about a whole batch, and keep it beside `keep`; all others are let go. The ms
    that the fastest of some batches took. Raises `ArtifactBad` for what can never be used, `ModelError` for what is too
    slow, `SettingsError` without the extra `ml`."""
    for version in _shelf.keys() - keep:
        _shelf.pop(version, None)
    artifact = artifacts.read(folder, model.version, model.sums_sha256)
    need = artifact.manifest.schema.warmup
    if need > bounds.window:
        raise ArtifactBad(f"{model.version}: its features need {need} candles, and a question has {bounds.window}")
    took_ms = _batch_ms(artifact, bounds.symbols)
    if took_ms > bounds.limit_ms:
        raise ModelError(
            f"{model.version}: takes {took_ms:.0f} ms for {bounds.symbols} symbols, allowed are {bounds.limit_ms:.0f}"
        )
    _shelf[model.version] = artifact
    return took_ms


def take(folder: Path, model: Standing) -> Artifact:
    """From the shelf; read and proved first where it is not there, since this worker is new. Raises as `read` does."""
    if model.version not in _shelf:
        _shelf[model.version] = artifacts.read(folder, model.version, model.sums_sha256)
    return _shelf[model.version]


def _batch_ms(artifact: Artifact, symbols: int) -> float:
    rows = [each.features for each in artifact.manifest.checks] or [(0.0,) * len(artifact.manifest.columns)]
    batch = np.resize(np.array(rows), (max(1, symbols), len(rows[0])))
    took_ns = []
    for _ in range(_ROUNDS):
        began_ns = time.perf_counter_ns()
        artifact.probabilities(batch)
        took_ns.append(time.perf_counter_ns() - began_ns)
    return min(took_ns) / 1e6
