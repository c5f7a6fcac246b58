"""What the models in use say of many symbols: one batch for each model, the reason where nothing is said."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.domain.candles import CandleWindow, Timeframe
from core.domain.errors import ModelError
from core.domain.instruments import InstrumentId
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.features.rows import rows_of
from core.models.costs import Thresholds
from core.models.inference import predict
from core.models.serving.in_use import ModelsInUse, Standing
from core.models.serving.shelf import take

Asked = tuple[InstrumentId, CandleWindow]


@dataclass(frozen=True, slots=True)
class Forecast:
    version: str
    probability: float
    """Of a rise."""
    thresholds: Thresholds
    """Beyond which a position was worth its costs in the validation."""
    features: dict[str, float]
    """What the model was asked with."""


def forecast(models: ModelsInUse, windows: Sequence[Asked], timeframe: Timeframe) -> list[Forecast | Reason]:
    """One answer a window, in order. Raises nothing but `SettingsError` without the extra `ml`."""
    answers: dict[int, Forecast | Reason] = {}
    together: dict[Standing, list[int]] = {}
    for number, (symbol, window) in enumerate(windows):
        close_ms = int(window.open_ms[-1]) + timeframe.ms if len(window) else 0
        chosen = models.of(symbol, timeframe, close_ms)
        if isinstance(chosen, Reason):
            answers[number] = chosen
        else:
            together.setdefault(chosen, []).append(number)
    for model, numbers in together.items():
        said = _of_one(models, model, [windows[number] for number in numbers])
        answers |= dict(zip(numbers, said, strict=True))
    return [answers[number] for number in range(len(windows))]


def _of_one(models: ModelsInUse, model: Standing, windows: Sequence[Asked]) -> Sequence[Forecast | Reason]:
    try:
        artifact = take(models.folder, model)
        rows = rows_of(artifact.manifest.schema, windows)
        predictions = predict(artifact, rows)
    except ModelError as error:
        return [because(ReasonCode.MODEL_UNUSABLE, model=model.version, error=error)] * len(windows)
    return [
        fault
        or Forecast(
            model.version,
            float(probability),
            artifact.manifest.thresholds,
            dict(zip(rows.columns, np.asarray(row).tolist(), strict=True)),
        )
        for probability, fault, row in zip(predictions.probabilities, predictions.faults, rows.values, strict=True)
    ]
