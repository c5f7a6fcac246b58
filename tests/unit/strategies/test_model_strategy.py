"""The built-in strategy over models: one batch, the same answers as in training, a reason where there is none."""

from pathlib import Path

import numpy as np
import pytest

from core.domain.candles import CandleWindow
from core.domain.instruments import InstrumentId
from core.domain.signals import Direction
from core.features.standard import STANDARD
from core.models import artifacts
from core.models.costs import Thresholds
from core.models.serving import shelf
from core.models.serving.in_use import ModelsInUse, Standing
from core.strategies.evaluation import describe, evaluate
from core.strategies.spec import Evaluation, StrategySpec
from tests.unit.models.trained import BTC, SCHEMA, manifest, trained
from tests.unit.models.training.markets import planted
from tests.unit.random_walks import first

ETH = InstrumentId("ETH/USDT")
SPEC = StrategySpec("model", (BTC, ETH))
WINDOWS = [planted(seed, 400, strength=0.25) for seed in range(20)]


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_shelf", {})


def in_use(folder: Path, long_above: float = 0.5, short_below: float = 0.5) -> ModelsInUse:
    made = manifest(version="v1", thresholds=Thresholds(long_above, short_below))
    sums = artifacts.publish(folder, made, trained().fitted.trees.text)
    return ModelsInUse(folder, "sim", {"sim 1m BTC/USDT": Standing("v1", sums, None)})


def asked(models: ModelsInUse | None, windows: list[CandleWindow] = WINDOWS) -> list[Evaluation]:
    return evaluate(SPEC, [(BTC, window) for window in windows], models)


def test_predictions_are_those_of_training_to_the_last_bit(tmp_path: Path):
    rows = np.array([[column[-1] for column in SCHEMA.compute(window).values()] for window in WINDOWS])
    offline = trained().fitted.probabilities(rows)
    answers = asked(in_use(tmp_path))
    assert [each.features["probability"] for each in answers] == offline.tolist()
    assert {each.model for each in answers} == {"v1"}
    assert len({each.features_hash for each in answers}) > 1


def test_beyond_its_thresholds_a_model_is_followed_and_between_them_it_abstains(tmp_path: Path):
    for each in asked(in_use(tmp_path / "sure")):
        probability = each.features["probability"]
        assert each.signal is not None
        assert each.signal.direction is (Direction.LONG if probability > 0.5 else Direction.SHORT)
        assert each.signal.strength == pytest.approx(min(1.0, abs(2 * probability - 1) / 0.3))
        assert each.signal.reason.endswith("of being right, model v1")
        assert each.signal.stop_distance == pytest.approx(3 * each.features["atr_14"])
    shelf._shelf.clear()
    for each in asked(in_use(tmp_path / "unsure", long_above=1.0, short_below=-1.0)):
        assert each.signal is not None
        assert (each.signal.direction, each.signal.reason[:8]) == (Direction.FLAT, "abstains")


def test_where_no_model_is_live_the_symbol_says_so_and_its_neighbour_is_decided(tmp_path: Path):
    without, with_one = evaluate(SPEC, [(ETH, WINDOWS[0]), (BTC, WINDOWS[0])], in_use(tmp_path))
    assert str(without.error) == "MODEL_MISSING venue=sim timeframe=1m"
    assert without.analytics is not None
    assert with_one.signal is not None


def test_a_model_that_does_not_know_the_symbol_is_not_asked_about_it(tmp_path: Path):
    models = in_use(tmp_path)
    of_many = ModelsInUse(tmp_path, "sim", {"sim 1m *": models.models["sim 1m BTC/USDT"]})
    (answer,) = evaluate(SPEC, [(ETH, WINDOWS[0])], of_many)
    assert str(answer.error) == "MODEL_SYMBOL_UNKNOWN model=v1"


@pytest.mark.parametrize("damage", ["text", "features"])
def test_what_is_not_what_it_was_is_not_asked(tmp_path: Path, damage: str):
    changes = {"schema_hash": "0" * 16} if damage == "features" else {}
    sums = artifacts.publish(tmp_path, manifest(version="v1", **changes), trained().fitted.trees.text)
    if damage == "text":
        (tmp_path / "v1" / artifacts.TREES).write_text("tree\n")
    answers = asked(ModelsInUse(tmp_path, "sim", {"sim 1m BTC/USDT": Standing("v1", sums, None)}))
    assert {each.error.code for each in answers if each.error is not None} == {"MODEL_UNUSABLE"}
    assert not any(each.signal for each in answers)


def test_too_few_candles_are_a_missing_warm_up(tmp_path: Path):
    (answer,) = asked(in_use(tmp_path), [first(WINDOWS[0], STANDARD.warmup - 1)])
    assert str(answer.error) == f"WARMUP_MISSING have={STANDARD.warmup - 1} need={STANDARD.warmup}"


def test_it_is_never_asked_without_models():
    (answer,) = asked(None, WINDOWS[:1])
    assert answer.error is not None
    assert answer.error.code == "STRATEGY_INVALID_OUTPUT"


def test_the_daemon_is_told_that_it_asks_models():
    assert describe(SPEC).asks_models
    assert not describe(StrategySpec("ema_cross", (BTC,))).asks_models
