import msgspec

from core.domain.candles import Timeframe
from core.domain.instruments import InstrumentId
from core.models.encoding import SymbolEncoding, TrainingMode
from core.models.manifest import Manifest
from core.models.selection import Wanted, select_best_model
from core.models.stages import Stage
from tests.unit.models.trained import BTC, CREATED_MS, HOUR_MS, RECIPE, SCHEMA, manifest

ETH = InstrumentId("ETH/USDT")
MULTI = msgspec.structs.replace(RECIPE, mode=TrainingMode.MULTI_SYMBOL, encoding=SymbolEncoding.ONE_HOT)
WANTED = Wanted(TrainingMode.SINGLE_SYMBOL, SymbolEncoding.NONE, (BTC,), "sim", Timeframe.M1, SCHEMA.hash)
WANTED_MULTI = Wanted(TrainingMode.MULTI_SYMBOL, SymbolEncoding.ONE_HOT, (BTC, ETH), "sim", Timeframe.M1, SCHEMA.hash)
NOW_MS = CREATED_MS + 10 * HOUR_MS


def of_quality(number: int, p_value: float, **changes: object) -> Manifest:
    return manifest(number, verdict=msgspec.structs.replace(manifest().verdict, skill_p_value=p_value), **changes)


def test_the_better_and_the_newer_one_is_chosen():
    poor, good, newer = of_quality(0, 0.9), of_quality(0, 0.001, version="good"), of_quality(5, 0.001)
    found = select_best_model(WANTED, [(each, Stage.LIVE) for each in (poor, good, newer)], NOW_MS)
    assert [each.version for each in found.considered] == [newer.version, "good", poor.version]
    assert found.chosen == newer


def test_a_model_that_knows_more_of_the_symbols_is_chosen_over_a_newer_one():
    both = of_quality(0, 0.01, recipe=MULTI, symbols=(BTC, ETH), version="both")
    one = of_quality(9, 0.01, recipe=MULTI, symbols=(BTC,), version="one")
    found = select_best_model(WANTED_MULTI, [(one, Stage.LIVE), (both, Stage.LIVE)], NOW_MS)
    assert found.chosen == both


def test_what_does_not_fit_is_not_chosen_and_says_why():
    unfit = {
        "is candidate": manifest(0, version="a"),
        "is multi_symbol, not single_symbol": manifest(recipe=MULTI, version="b"),
        "learned from kraken": manifest(venue="kraken", version="c"),
        "takes candles of 5m": manifest(timeframe=Timeframe.M5, version="d"),
        "takes other features": manifest(schema_hash="0" * 16, version="e"),
        "was not trained on BTC/USDT": manifest(symbols=(ETH,), version="f"),
        "has expired": manifest(expires_ms=NOW_MS, version="g"),
    }
    models = [(each, Stage.CANDIDATE if each.version == "a" else Stage.LIVE) for each in unfit.values()]
    found = select_best_model(WANTED, models, NOW_MS)
    assert found.chosen is None
    assert [each.unfit for each in found.considered] == list(unfit)
    assert found.explain().splitlines()[0] == "no model fits"
    assert select_best_model(WANTED, models, NOW_MS, pinned={"g"}).chosen.version == "g"


def test_encodings_must_agree():
    index = msgspec.structs.replace(MULTI, encoding=SymbolEncoding.INDEX)
    found = select_best_model(WANTED_MULTI, [(manifest(recipe=index), Stage.LIVE)], NOW_MS)
    assert found.considered[0].unfit == "encodes symbols by index"


def test_the_explanation_has_the_parts_of_the_score():
    found = select_best_model(WANTED, [(of_quality(0, 0.25), Stage.LIVE)], CREATED_MS)
    assert found.explain().splitlines() == [
        f"chosen: {manifest().version}",
        f"{manifest().version}: 0.925 (coverage 1.00, quality 0.75, recency 1.00)",
    ]
