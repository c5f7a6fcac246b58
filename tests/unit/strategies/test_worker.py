"""What comes back from a worker, whatever the strategy does."""

import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import core
from core.domain.signals import Direction
from core.strategies.worker import describe, evaluate
from tests.unit.random_walks import first, walk, with_value
from tests.unit.strategies.strategy_files import BTC, ETH, MOMENTUM, answering, spec, write

WINDOW = walk(5, 150)
SOURCE = Path(core.__file__).parent.parent


def ask(tmp_path, expression, **changes):
    directory = write(tmp_path, "probe.py", answering(expression, **changes))
    (evaluation,) = evaluate(spec("probe", directory), [(BTC, WINDOW)])
    assert (evaluation.signal is None) != (evaluation.error is None)
    return evaluation


def test_a_good_answer_comes_back_whole(tmp_path):
    directory = write(tmp_path, "m.py", MOMENTUM)
    answers = evaluate(spec("momentum", directory), [(BTC, WINDOW), (ETH, walk(6, 150))])
    assert [answer.instrument_id for answer in answers] == [BTC, ETH]
    answer = answers[0]
    momentum = WINDOW.close[-1] / WINDOW.close[-21] - 1
    assert answer.features == {"momentum": pytest.approx(momentum)}
    assert answer.signal.direction is (Direction.LONG if momentum > 0 else Direction.FLAT)
    assert answer.close_ms == WINDOW.open_ms[-1] + 60_000
    assert answer.compute_us > 0
    assert answer.features_hash != answers[1].features_hash
    assert pickle.loads(pickle.dumps(answers)) == answers


def test_analytics_are_the_plain_definitions():
    (answer,) = evaluate(spec("donchian_breakout"), [(BTC, walk(5, 400, volatility=2e-3))])
    window = walk(5, 400, volatility=2e-3)
    returns = np.diff(np.log(window.close))[-120:]
    per_year = 365.25 * 24 * 60
    assert answer.analytics.annualised_volatility == pytest.approx(returns.std(ddof=1) * per_year**0.5)
    assert answer.analytics.last_close == window.close[-1]


def test_a_short_window_is_a_missing_warm_up_and_not_a_guess(tmp_path):
    directory = write(tmp_path, "m.py", MOMENTUM)
    for n in (0, 1, 20):
        (answer,) = evaluate(spec("momentum", directory), [(BTC, first(WINDOW, n))])
        assert str(answer.error) == f"WARMUP_MISSING have={n} need=21"
        assert answer.signal is None
    (answer,) = evaluate(spec("momentum", directory), [(BTC, first(WINDOW, 21))])
    assert answer.signal is not None
    assert answer.analytics.annualised_volatility is not None


def test_a_window_too_short_for_volatility_says_so_by_none(tmp_path):
    directory = write(tmp_path, "probe.py", answering("Signal(Direction.FLAT)"))
    (answer,) = evaluate(spec("probe", directory), [(BTC, first(WINDOW, 2))])
    assert answer.signal is not None
    assert answer.analytics.annualised_volatility is None


def test_bad_candles_are_refused_before_the_strategy_sees_them(tmp_path):
    directory = write(tmp_path, "m.py", MOMENTUM)
    answers = evaluate(spec("momentum", directory), [(BTC, with_value(WINDOW, "close", 3, np.nan)), (ETH, WINDOW)])
    assert answers[0].error.code == "CANDLE_INVALID"
    assert answers[1].signal is not None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Signal(Direction.LONG, strength=math.nan)", "STRATEGY_NAN field=strength value=nan"),
        ("Signal(Direction.LONG, strength=math.inf)", "STRATEGY_NAN field=strength value=inf"),
        ("Signal(Direction.LONG, stop_distance=math.nan)", "STRATEGY_NAN field=stop_distance value=nan"),
        ("Signal(Direction.LONG, strength=1.5)", "STRATEGY_INVALID_OUTPUT field=strength value=1.5"),
        ("Signal(Direction.LONG, strength=-0.1)", "STRATEGY_INVALID_OUTPUT field=strength value=-0.1"),
        ("Signal(Direction.LONG, strength='much')", "STRATEGY_INVALID_OUTPUT field=strength value=much"),
        ("Signal(Direction.LONG, strength=True)", "STRATEGY_INVALID_OUTPUT field=strength value=True"),
        ("Signal(Direction.LONG, stop_distance=-1)", "STRATEGY_INVALID_OUTPUT field=stop_distance value=-1"),
        ("Signal(Direction.LONG, target_distance=0)", "STRATEGY_INVALID_OUTPUT field=target_distance value=0"),
        ("Signal(1)", "STRATEGY_INVALID_OUTPUT field=direction value=1"),
        ("None", "STRATEGY_INVALID_OUTPUT field=type value=NoneType"),
        ("'long'", "STRATEGY_INVALID_OUTPUT field=type value=str"),
    ],
)
def test_nonsense_is_refused_with_what_and_why(tmp_path, expression, expected):
    assert str(ask(tmp_path, expression).error).startswith(expected)


def test_numpy_numbers_come_back_as_plain_ones(tmp_path):
    signal = ask(tmp_path, "Signal(Direction.LONG, np.float32(0.5), np.float64(2), hold=np.bool_(True))").signal
    assert (type(signal.strength), type(signal.stop_distance), type(signal.hold)) == (float, float, bool)


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ("{'a': candles['close'].shift(-1)}", "STRATEGY_NAN feature=a value=nan"),
        ("{'a': candles['close'] / 0}", "STRATEGY_NAN feature=a value=inf"),
        ("{'a': [1, 2]}", "STRATEGY_INVALID_OUTPUT field=features[a] value=2 rows must=must have 150"),
        ("None", "STRATEGY_INVALID_OUTPUT field=features value=NoneType"),
        ("[1]", "STRATEGY_INVALID_OUTPUT field=features value=list"),
    ],
)
def test_features_that_cannot_be_used_are_refused(tmp_path, features, expected):
    assert str(ask(tmp_path, "Signal(Direction.FLAT)", features=features).error).startswith(expected)


def test_features_may_be_a_frame_lists_scalars_and_text(tmp_path):
    added = "candles.assign(a=1, b=list(range(len(candles))), c='text')[['a', 'b', 'c']]"
    assert ask(tmp_path, "Signal(Direction.FLAT)", features=added).features == {"a": 1.0, "b": 149.0}


def test_a_strategy_may_allow_nan_in_its_features(tmp_path):
    source = answering("Signal(Direction.FLAT)", features="{'a': np.nan}")
    directory = write(tmp_path, "probe.py", source.replace("warmup = 2", "warmup = 2\n    allow_nan = True"))
    (answer,) = evaluate(spec("probe", directory), [(BTC, WINDOW)])
    assert answer.signal is not None


def test_what_user_code_raises_comes_back_with_its_line(tmp_path):
    assert str(ask(tmp_path, "1 // 0").error) == (
        "STRATEGY_RAISED error=ZeroDivisionError at=probe.py:15 message=integer division or modulo by zero"
    )


def test_a_library_s_error_is_placed_at_the_user_s_line(tmp_path):
    error = ask(tmp_path, "frame['nothing']").error
    assert error.details["error"] == "KeyError"
    assert error.details["at"] == "probe.py:15"


def test_exit_from_a_strategy_does_not_end_the_worker(tmp_path):
    assert ask(tmp_path, "exit(1)").error.details["error"] == "SystemExit"


def test_even_an_error_that_cannot_be_shown_stays_inside(tmp_path):
    source = (
        answering("broken()")
        + """
class Shy(Exception):
    def __str__(self):
        raise RuntimeError("no words")

def broken():
    raise Shy
"""
    )
    (answer,) = evaluate(spec("probe", write(tmp_path, "probe.py", source)), [(BTC, WINDOW)])
    assert str(answer.error) == "STRATEGY_RAISED error=Shy at=probe.py:22 message=<Shy>"


def test_one_symbol_s_error_leaves_the_others_alone(tmp_path):
    source = answering("Signal(Direction.FLAT) if len(frame) == 150 else 1 // 0")
    directory = write(tmp_path, "probe.py", source)
    answers = evaluate(spec("probe", directory), [(BTC, first(WINDOW, 100)), (ETH, WINDOW)])
    assert answers[0].error.code == "STRATEGY_RAISED"
    assert answers[1].signal is not None


def test_features_of_a_raising_signal_are_kept_for_the_record(tmp_path):
    answer = ask(tmp_path, "1 // 0", features="{'a': candles['close']}")
    assert answer.features == {"a": WINDOW.close[-1]}
    assert answer.features_hash


def test_the_daemon_s_side_needs_neither_pandas_nor_talib():
    code = (
        "import sys; import core.strategies.evaluator, core.strategies.plans, core.strategies.worker;"
        "import core.decision.decide, core.risk.account, core.portfolio.portfolio;"
        "print(sorted({'pandas', 'talib'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=SOURCE)
    assert run.stdout.strip() == "[]"


@pytest.mark.processes
def test_specs_and_answers_cross_process_borders_and_user_code_stays_there(tmp_path):
    directory = write(tmp_path, "border.py", MOMENTUM)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        described = pool.submit(describe, spec("momentum", directory)).result(timeout=60)
        (answer,) = pool.submit(evaluate, spec("momentum", directory), [(BTC, WINDOW)]).result(timeout=60)
    assert described.name == answer.strategy == "momentum"
    assert answer.signal is not None
    assert "metronome_strategies_border" not in sys.modules
