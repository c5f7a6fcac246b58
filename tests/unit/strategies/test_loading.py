"""Every way in which a strategy's setting can be wrong has its own, placed message."""

import pickle

import pytest

from core.domain.candles import Timeframe
from core.domain.errors import SettingsError
from core.domain.instruments import InstrumentId
from core.settings.trading import StrategySettings, TradingSettings
from core.strategies.finding import BUILT_IN
from core.strategies.loading import load
from core.strategies.spec import StrategySpec
from core.strategies.worker import describe
from tests.unit.strategies.strategy_files import BTC, MOMENTUM, answering, spec, write


def complaint(use, directory=None, **parameters):
    with pytest.raises(SettingsError) as raised:
        load(spec(use, directory, **parameters))
    return str(raised.value)


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_built_ins_describe_themselves(name):
    described = describe(spec(name))
    assert described.name == name
    assert described.timeframe is Timeframe.M1
    assert described.window >= described.warmup > 1
    assert described.parameters
    assert pickle.loads(pickle.dumps(described)) == described


def test_parameters_and_timeframe_come_from_the_spec():
    chosen = StrategySpec("ema_cross", (BTC,), Timeframe.H1, {"fast": 20, "slow": 50})
    described = describe(chosen)
    assert (described.parameters["fast"], described.parameters["slow"]) == (20, 50)
    assert described.timeframe is Timeframe.H1
    assert described.warmup == 251


def test_one_strategy_may_go_by_two_names():
    slow = StrategySpec("ema_cross", (BTC,), parameters={"fast": 20, "slow": 50}, name="ema_slow")
    assert describe(slow).name == "ema_slow"
    assert describe(spec("ema_cross")).name == "ema_cross"
    assert slow.key != StrategySpec("ema_cross", (BTC,), parameters={"fast": 20, "slow": 50}).key


def test_no_strategy_is_called_as_orders_by_hand_are(tmp_path):
    with pytest.raises(ValueError, match='"manual" is what orders by hand are called'):
        TradingSettings(strategies=[{"use": "ema_cross", "name": "manual"}])
    directory = write(tmp_path, "mine.py", MOMENTUM.replace('name = "momentum"', 'name = "manual"'))
    assert "(class Momentum) is called 'manual'" in complaint("Momentum", directory)
    assert describe(StrategySpec("Momentum", (BTC,), directory=directory, name="mine")).name == "mine"


def test_strategies_of_one_name_must_not_meet_in_a_symbol():
    twice = {"strategies": [{"use": "ema_cross"}, {"use": "ema_cross", "timeframe": "1h"}]}
    with pytest.raises(ValueError, match='two strategies called "ema_cross" trade BTC/USDT; give one of them another'):
        TradingSettings(**twice)
    twice["strategies"][1]["name"] = "ema_slow"
    assert len(TradingSettings(**twice).strategies) == 2
    apart = [{"use": "ema_cross", "symbols": ["BTC/USDT"]}, {"use": "ema_cross", "symbols": ["ETH/USDT"]}]
    assert len(TradingSettings(strategies=apart).strategies) == 2


def test_a_file_in_a_folder_is_found_by_name_and_by_class(tmp_path):
    directory = write(tmp_path, "any_name.py", MOMENTUM)
    assert describe(spec("momentum", directory, period=5)).parameters == {"period": 5}
    assert describe(spec("Momentum", directory)).name == "momentum"


def test_a_dotted_path_is_found(tmp_path, monkeypatch):
    write(tmp_path, "dotted_strategies.py", MOMENTUM)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert describe(spec("dotted_strategies:Momentum")).name == "momentum"
    assert "has no 'Momentun'; did you mean 'Momentum'?" in complaint("dotted_strategies:Momentun")


def test_files_beside_a_strategy_can_be_imported(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])
    write(tmp_path, "my_sibling_numbers.py", "PERIOD = 7\n")
    source = MOMENTUM.replace("period: int = 20", "period: int = PERIOD")
    directory = write(tmp_path, "uses_sibling.py", "from my_sibling_numbers import PERIOD\n" + source)
    assert describe(spec("momentum", directory)).parameters == {"period": 7}


def test_only_the_file_wanted_is_executed(tmp_path):
    write(tmp_path, "broken.py", "raise RuntimeError('executed')\n")
    assert describe(spec("momentum", write(tmp_path, "good.py", MOMENTUM))).name == "momentum"


def test_the_nearest_known_name_is_suggested(tmp_path):
    assert "unknown strategy 'ema_crss'; did you mean 'ema_cross'?" in complaint("ema_crss")
    directory = write(tmp_path, "m.py", MOMENTUM)
    assert "did you mean 'momentum'?" in complaint("momemtum", directory)
    assert "known: ema_cross, rsi_reversion, donchian_breakout" in complaint("zzz")
    assert "written my_pkg.mod:Klass" in complaint("my_pkg.mod.Klass")


def test_folders_and_files_that_cannot_be_read_are_named(tmp_path):
    assert "no such folder" in complaint("x", str(tmp_path / "nowhere"))
    directory = write(tmp_path, "torn.py", "class Torn(\n")
    assert "torn.py:1: " in complaint("torn", directory)
    (tmp_path / "latin.py").write_bytes(b"name = '\xff'\n")
    assert "latin.py:1: " in complaint("torn", directory)


def test_code_that_raises_at_import_is_placed(tmp_path):
    directory = write(tmp_path, "bad.py", "import math\n" + MOMENTUM + "\nmath.sqrt(-1)\n")
    said = complaint("momentum", directory)
    assert "bad.py:20: ValueError" in said
    write(tmp_path, "bad.py", MOMENTUM + "\nraise SystemExit(3)\n")
    assert "SystemExit: 3" in complaint("momentum", directory)
    write(tmp_path, "bad.py", "import no_such_library\n" + MOMENTUM)
    assert "bad.py:1: ModuleNotFoundError: No module named 'no_such_library'" in complaint("momentum", directory)


def test_a_dotted_path_tells_a_missing_module_from_a_failing_one(tmp_path, monkeypatch):
    assert "no module 'no_such_package'" in complaint("no_such_package.sub:Thing")
    write(tmp_path, "needs_absent.py", "import no_such_library\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "needs_absent.py:1: ModuleNotFoundError" in complaint("needs_absent:Thing")
    assert "expected package.module:Class" in complaint("needs absent:Thing")
    assert "expected package.module:Class" in complaint("needs_absent:")


def test_what_a_class_lacks_is_listed(tmp_path):
    lacking = "from core.strategies.base import Strategy\nclass Empty(Strategy):\n    pass\n"
    said = complaint("Empty", write(tmp_path, "empty.py", lacking))
    assert "lacks signal, warmup, name" in said
    other = "class Base: pass\nclass Foreign(Base):\n    name = 'foreign'\n"
    assert "is not a Strategy" in complaint("foreign", write(tmp_path, "foreign.py", other))
    assert "is not a Strategy" in complaint("math:pi")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (('name = "momentum"', "name = 7"), "name is 7, must be"),
        (('name = "momentum"', 'name = "mo men|tum"'), "must be 1 to 64 letters"),
        (("warmup = 21", "warmup = 0"), "warmup is 0, must be a whole number"),
        (("warmup = 21", "warmup = 2.5"), "warmup is 2.5, must be"),
        (("warmup = 21", "warmup = 21\n    timeframe = '7m'"), "timeframe = '7m': must be one of 1m, 3m"),
        (("class Parameters(Strategy.Parameters)", "class Parameters"), "must be a pydantic model"),
        (
            ("warmup = 21", "warmup = property(lambda self: 1 // 0)"),
            "ZeroDivisionError",
        ),
    ],
)
def test_nonsense_in_a_class_is_refused(tmp_path, changes, expected):
    directory = write(tmp_path, "m.py", MOMENTUM.replace(*changes))
    assert expected in complaint("Momentum", directory)


def test_bad_parameters_are_named_key_by_key():
    said = complaint("ema_cross", fast="many", stop_atr=-1, slwo=30)
    assert "strategy ema_cross: parameters.fast = 'many': Input should be a valid integer" in said
    assert "strategy ema_cross: parameters.stop_atr = -1: Input should be greater than 0" in said
    assert "unknown parameter 'slwo'; did you mean 'slow'?" in said
    assert "fast (30) must be smaller than slow (20)" in complaint("ema_cross", fast=30, slow=20)
    assert "oversold (60) must be below exit_above (50)" in complaint("rsi_reversion", oversold=60)


def test_a_model_that_ignores_unknown_keys_does_not_hide_a_misspelling(tmp_path):
    source = "from pydantic import BaseModel\n" + MOMENTUM.replace("Strategy.Parameters", "BaseModel")
    assert "unknown parameter 'perid'; did you mean 'period'?" in complaint(
        "momentum", write(tmp_path, "m.py", source), perid=3
    )


def test_validators_that_raise_are_placed_too(tmp_path):
    source = MOMENTUM.replace(
        "period: int = 20",
        "period: int = 20\n\n        def model_post_init(self, context):\n            raise KeyError('boom')",
    )
    assert "m.py:13: KeyError: 'boom'" in complaint("momentum", write(tmp_path, "m.py", source))


def test_names_that_clash_are_refused(tmp_path):
    directory = write(tmp_path, "mine.py", answering("Signal(Direction.FLAT)", name="ema_cross"))
    assert "belongs to a built-in strategy" in complaint("ema_cross", directory)
    write(tmp_path, "one.py", MOMENTUM)
    write(tmp_path, "two.py", MOMENTUM)
    assert "defined more than once" in complaint("momentum", directory)


def test_specs_come_from_settings():
    settings = StrategySettings(use="ema_cross", timeframe="5m", name="quick", parameters={"fast": 3})
    made = StrategySpec.from_settings(settings, (BTC,), None)
    assert made == StrategySpec("ema_cross", (BTC,), Timeframe.M5, {"fast": 3}, name="quick")
    own = StrategySpec.from_settings(StrategySettings(use="x", symbols=("SOL/USDT",)), (BTC,), "folder")
    assert own == StrategySpec("x", (InstrumentId("SOL/USDT"),), directory="folder")
    assert pickle.loads(pickle.dumps(own)).key == own.key
