from pathlib import Path

import pytest

from core.domain.candles import Timeframe
from core.domain.instruments import InstrumentId
from core.models.serving.in_use import ModelsInUse, Standing

BTC = InstrumentId("BTC/USDT")
OWN, MANY = "sim 1m BTC/USDT", "sim 1m *"


def said(models: dict[str, Standing], expired: dict[str, str] | None = None, at_ms: int = 100) -> str:
    chosen = ModelsInUse(Path("models"), "sim", models, expired or {}).of(BTC, Timeframe.M1, at_ms)
    return chosen.version if isinstance(chosen, Standing) else str(chosen)


def test_the_symbols_own_model_comes_before_that_of_many():
    own, many = Standing("own", "", 200), Standing("many", "", 200)
    assert said({OWN: own, MANY: many}) == "own"
    assert said({MANY: many}) == "many"
    assert said({"sim 1m ETH/USDT": own, "sim 5m BTC/USDT": own, "kraken 1m BTC/USDT": own}).startswith("MODEL_MISSING")


@pytest.mark.parametrize(("at_ms", "answer"), [(199, "own"), (200, "MODEL_EXPIRED model=own")])
def test_a_model_is_asked_until_it_expires(at_ms: int, answer: str):
    assert said({OWN: Standing("own", "", 200)}, at_ms=at_ms) == answer


def test_what_is_pinned_does_not_expire():
    assert said({OWN: Standing("own", "", None)}, at_ms=10**15) == "own"


def test_one_of_many_takes_over_from_one_that_expired():
    assert said({OWN: Standing("own", "", 50), MANY: Standing("many", "", 200)}) == "many"


def test_what_the_registry_has_retired_for_its_age_is_named():
    assert said({}, {OWN: "old"}) == "MODEL_EXPIRED model=old"
    assert said({}, {MANY: "old"}) == "MODEL_EXPIRED model=old"
