import msgspec
import numpy as np
import pytest

from core.domain.candles import CandleWindow, Timeframe
from core.domain.errors import HistoryShort, HistoryUnfit, ModelError
from core.domain.instruments import InstrumentId
from core.features.standard import STANDARD
from core.models import booster
from core.models.calibration import calibrate
from core.models.encoding import SymbolEncoding, TrainingMode
from core.models.recipe import Recipe, quick
from core.models.training import training
from core.models.training.leaks import find_leak
from core.models.training.market import Market
from core.models.training.samples import build_samples, shuffled
from core.models.training.training import train
from core.models.training.validation import validate
from tests.unit.models.trained import BTC, RECIPE, SCHEMA, manifest, market, trained
from tests.unit.models.training.markets import peeking, planted
from tests.unit.random_walks import walk, with_value

ETH = InstrumentId("ETH/USDT")


def quietly(_: str) -> None:
    pass


def test_the_same_candles_give_the_same_model_to_the_last_bit():
    again = train(market(), SCHEMA, RECIPE, quietly)
    assert again.fitted.trees.text == trained().fitted.trees.text
    assert again.fitted.calibration == trained().fitted.calibration
    assert again.validation.verdict == trained().validation.verdict
    assert again.market.fingerprint() == manifest().data_fingerprint
    other = train(market(), SCHEMA, msgspec.structs.replace(RECIPE, seed=8), quietly)
    assert other.fitted.trees.text != again.fitted.trees.text


def test_a_strong_signal_is_skill_and_what_is_shuffled_is_not():
    assert trained().validation.verdict.skill_p_value < 0.01
    mixed = validate(shuffled(trained().samples, 1), market(), RECIPE, quietly)
    assert mixed.verdict.skill_p_value > 0.01


def test_all_of_what_is_said_is_finite_and_in_order():
    verdict = msgspec.to_builtins(trained().validation.verdict)
    for value in verdict.values():
        numbers = [value] if not isinstance(value, dict) else [value["low"], value["value"], value["high"]]
        numbers = [each for each in numbers if each is not None]
        assert np.isfinite(numbers).all()
        assert numbers == sorted(numbers)


def test_the_answers_lie_between_the_calibration_and_abstain_where_costs_are_not_paid():
    dear = msgspec.structs.replace(RECIPE, costs=msgspec.structs.replace(RECIPE.costs, fee_bps=1_000.0))
    verdict = train(market(), SCHEMA, dear, quietly).validation.verdict
    assert (verdict.share_in_market_pct, verdict.net_return_pct, verdict.is_worth_it) == (0.0, 0.0, False)


@pytest.mark.parametrize("encoding", list(SymbolEncoding))
def test_a_model_of_many_symbols_is_told_which_one_it_looks_at(encoding: SymbolEncoding):
    both = Market({BTC: planted(1, 900, strength=0.2), ETH: planted(2, 800, strength=0.2)}, Timeframe.M1)
    recipe = msgspec.structs.replace(RECIPE, mode=TrainingMode.MULTI_SYMBOL, encoding=encoding)
    samples = build_samples(both, SCHEMA, recipe)
    extra = {SymbolEncoding.NONE: 0, SymbolEncoding.INDEX: 1, SymbolEncoding.ONE_HOT: 2}[encoding]
    assert samples.features.shape == (len(samples), len(SCHEMA.columns) + extra)
    assert (np.diff(samples.known_ms) >= 0).all()
    made = train(both, SCHEMA, recipe, quietly)
    shares = made.fitted.trees.gains(tuple(str(n) for n in range(samples.features.shape[1])))
    assert sum(shares.values()) == pytest.approx(1.0)


def test_too_few_candles_say_how_many_are_missing():
    with pytest.raises(HistoryShort, match="at least 500 are needed") as caught:
        train(market(n=300), SCHEMA, RECIPE, quietly)
    assert 500 - 300 < caught.value.missing < 230


def test_a_market_that_only_rises_teaches_nothing():
    n = 1_500
    close = 100 * 1.0001 ** np.arange(n)
    rising = CandleWindow(60_000 * np.arange(n), close, close * 1.00005, close, close * 1.00005, np.ones(n))
    with pytest.raises(HistoryUnfit, match="nearly all rose"):
        train(Market({BTC: rising}, Timeframe.M1), SCHEMA, RECIPE, quietly)


def test_a_feature_that_is_never_there_is_named():
    n = 1_500
    still = CandleWindow(60_000 * np.arange(n), *(np.full(n, 100.0) for _ in range(5)))
    with pytest.raises(HistoryUnfit, match=r"BTC/USDT: the feature \S+ has no value on any candle"):
        train(Market({BTC: still}, Timeframe.M1), STANDARD, RECIPE, quietly)


def test_candles_that_contradict_themselves_are_refused():
    broken = with_value(market().series[BTC], "high", 700, 1.0)
    with pytest.raises(HistoryUnfit, match="BTC/USDT: CANDLE_INVALID fault=range"):
        train(Market({BTC: broken}, Timeframe.M1), SCHEMA, RECIPE, quietly)


def test_a_feature_that_looks_ahead_stops_the_training(monkeypatch: pytest.MonkeyPatch):
    def leak(compute, window, *, warmup):
        return find_leak(peeking, window, warmup=STANDARD.warmup)

    monkeypatch.setattr(training, "find_leak", leak)
    with pytest.raises(ModelError, match="the feature peek looks ahead"):
        train(market(), SCHEMA, RECIPE, quietly)


def test_the_features_of_each_candle_are_the_same_without_the_later_ones():
    window = walk(3, 500)
    assert find_leak(STANDARD.compute, window, warmup=STANDARD.warmup) is None
    caught = find_leak(peeking, window, warmup=STANDARD.warmup)
    assert caught is not None
    assert (caught.column, caught.open_ms) == ("peek", window.open_ms[0])


def test_a_leak_at_one_candle_far_in_is_found():
    window = walk(4, 1_500)

    def compute(given: CandleWindow):
        column = given.close.copy()
        is_late = given.open_ms == window.open_ms[1_400]
        column[is_late] = given.close[-1]
        return {"rare": column}

    assert find_leak(compute, window, warmup=1) == ("rare", window.open_ms[1_400])


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_calibrated_probabilities_rise_with_the_score_and_meet_what_happens(kind):
    rng = np.random.default_rng(1)
    scores = rng.uniform(0.3, 0.7, 4_000)
    is_up = rng.uniform(size=4_000) < 0.5 + 2 * (scores - 0.5) * 0.5
    probabilities = calibrate(scores, is_up, kind).apply(np.linspace(0.3, 0.7, 9))
    assert (np.diff(probabilities) >= 0).all()
    assert probabilities == pytest.approx(np.linspace(0.3, 0.7, 9), abs=0.08)
    assert probabilities.min() >= 0
    assert probabilities.max() <= 1


def test_where_better_scores_did_worse_the_probability_is_level():
    scores = np.linspace(0.3, 0.7, 1_000)
    curve = calibrate(scores, scores < 0.55, "platt")
    assert set(curve.apply(scores).round(6)) == {0.625}
    nearly = calibrate(0.5 + 1e-17 * np.arange(100), np.arange(100) < 30, "platt")
    assert nearly.apply(np.array([0.1, 0.5])) == pytest.approx([0.3, 0.3])
    same = calibrate(np.full(100, 0.5), np.arange(100) < 30, "platt")
    assert same.apply(np.array([0.1, 0.5])) == pytest.approx([0.3, 0.3])


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    import sys

    from core.domain.errors import SettingsError

    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(SettingsError, match="the extra 'ml': pip install lightgbm scikit-learn"):
        booster.require_lightgbm()


@pytest.mark.parametrize("wrong", [{"folds": 1}, {"embargo_candles": -1}, {"alpha": 0.5}, {"min_samples": 10}])
def test_recipes_without_sense_are_refused(wrong: dict[str, float]):
    with pytest.raises(ValueError, match="wanted: folds"):
        Recipe(**wrong)


def test_quick_is_quicker():
    assert quick(Recipe()).trees.max_rounds < Recipe().trees.max_rounds
