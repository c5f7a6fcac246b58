from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from core.domain.candles import Timeframe
from core.domain.errors import ModelError
from core.domain.instruments import InstrumentId
from core.domain.reason_codes import ReasonCode, because
from core.features.rows import FeatureRows
from core.models import artifacts
from core.models.artifacts import Artifact
from core.models.encoding import SymbolEncoding, TrainingMode
from core.models.inference import predict
from core.models.training.market import Market
from core.models.training.training import Trained, manifest_of, train
from tests.unit.models.trained import BTC, CREATED_MS, RECIPE, SCHEMA, manifest, trained
from tests.unit.models.training.markets import planted

ETH, SOL = InstrumentId("ETH/USDT"), InstrumentId("SOL/USDT")
SHORT = because(ReasonCode.WARMUP_MISSING, have=1, need=2)


def rows(values: np.ndarray, symbols: tuple[InstrumentId, ...]) -> FeatureRows:
    return FeatureRows(SCHEMA.columns, symbols, values, (None,) * len(symbols))


def of_two(encoding: SymbolEncoding) -> tuple[Trained, Artifact]:
    market = Market({BTC: planted(1, 900, strength=0.2), ETH: planted(2, 900, strength=0.2)}, Timeframe.M1)
    recipe = msgspec.structs.replace(RECIPE, mode=TrainingMode.MULTI_SYMBOL, encoding=encoding)
    made = train(market, SCHEMA, recipe, lambda _: None)
    written = manifest_of(made, venue="sim", parent=None, created_ms=CREATED_MS, expires_ms=CREATED_MS)
    return made, Artifact(written, made.fitted.trees)


def test_what_is_read_from_the_disk_answers_as_in_training(tmp_path: Path):
    artifacts.publish(tmp_path, manifest(), trained().fitted.trees.text)
    artifact = artifacts.read(tmp_path, manifest().version)
    features = trained().samples.features[:50]
    said = predict(artifact, rows(features, (BTC,) * 50))
    assert np.array_equal(said.probabilities, trained().fitted.probabilities(features))
    assert said.version == manifest().version


@pytest.mark.parametrize("encoding", list(SymbolEncoding))
def test_each_symbol_is_encoded_as_in_training(encoding: SymbolEncoding):
    made, artifact = of_two(encoding)
    n = len(SCHEMA.columns)
    features, numbers = made.samples.features[:60], made.samples.symbol[:60]
    said = predict(artifact, rows(features[:, :n], tuple((BTC, ETH)[number] for number in numbers)))
    assert np.array_equal(said.probabilities, made.fitted.probabilities(features))


def test_a_symbol_that_the_model_does_not_know_is_not_guessed_at():
    for encoding in SymbolEncoding:
        _, artifact = of_two(encoding)
        said = predict(artifact, rows(np.zeros((2, len(SCHEMA.columns))), (SOL, BTC)))
        is_told_none = encoding is SymbolEncoding.NONE
        assert np.isfinite(said.probabilities).tolist() == [is_told_none, True]
        assert (said.faults[0] is None) is is_told_none


def test_what_has_no_features_has_no_prediction_and_keeps_its_reason():
    values = np.vstack((np.full(len(SCHEMA.columns), np.nan), trained().samples.features[0]))
    given = replace(rows(values, (BTC, BTC)), faults=(SHORT, None))
    said = predict(Artifact(manifest(), trained().fitted.trees), given)
    assert np.isfinite(said.probabilities).tolist() == [False, True]
    assert said.faults == (SHORT, None)


@pytest.mark.parametrize("columns", [SCHEMA.columns[::-1], SCHEMA.columns[:-1], ()])
def test_other_features_do_not_reach_the_model(columns: tuple[str, ...]):
    given = replace(rows(np.zeros((1, len(SCHEMA.columns))), (BTC,)), columns=columns)
    with pytest.raises(ModelError, match="takes other features"):
        predict(Artifact(manifest(), trained().fitted.trees), given)


def test_of_no_symbols_nothing_is_said():
    said = predict(Artifact(manifest(), trained().fitted.trees), rows(np.zeros((0, len(SCHEMA.columns))), ()))
    assert len(said.probabilities) == 0
