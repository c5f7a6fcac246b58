"""The built-in strategies: their two faces agree, and their rules do what their docstrings say."""

from itertools import pairwise

import numpy as np
import pytest

from core.domain.signals import Direction
from core.strategies.base import Strategy, candles_frame
from core.strategies.builtin.donchian_breakout import DonchianBreakout
from core.strategies.builtin.ema_cross import EmaCross
from core.strategies.builtin.rsi_reversion import RsiReversion
from core.strategies.verdict import check_signal
from tests.unit.random_walks import first, last, walk

STRATEGIES = [EmaCross(), RsiReversion(), DonchianBreakout(), EmaCross(EmaCross.Parameters(target_atr=5))]


def arrays_face(strategy, window):
    features, ask = strategy.prepare(window)
    return features, ask()


def signals(strategy, window, count):
    """The signal of each of the last `count` candles, each from the window that ends there."""
    n = len(window)
    return [arrays_face(strategy, first(window, n - back))[1] for back in range(count - 1, -1, -1)]


def kind(signal):
    return "hold" if signal.hold else signal.direction.name


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.name)
def test_arrays_and_pandas_give_the_same_features_and_the_same_signal(strategy):
    kinds = set()
    for seed in range(40):
        window = walk(seed, strategy.warmup + seed)
        by_arrays = arrays_face(strategy, window)
        by_pandas = Strategy.prepare(strategy, window)
        assert by_pandas[0] == by_arrays[0]
        assert by_pandas[1]() == by_arrays[1]
        assert check_signal(by_arrays[1]) == by_arrays[1]
        kinds.add(kind(by_arrays[1]))
    assert len(kinds) >= 2


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.name)
def test_the_warm_up_is_enough_for_the_same_signal_as_from_a_long_history(strategy):
    history = walk(11, 900)
    same = [
        kind(arrays_face(strategy, last(first(history, end), strategy.warmup))[1])
        == kind(arrays_face(strategy, first(history, end))[1])
        for end in range(700, 900)
    ]
    assert np.mean(same) >= 0.99


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.name)
def test_entries_and_exits_both_happen(strategy):
    kinds = [kind(signal) for seed in range(3) for signal in signals(strategy, walk(seed, 900), 700)]
    assert kinds.count("LONG") > 5
    assert kinds.count("FLAT") > 5
    assert kinds.count("hold") > 5


def test_ema_cross_enters_once_a_cross_and_repeats_the_way_out():
    window = walk(4, 600)
    strategy = EmaCross()
    columns = strategy.schema.compute(window)
    fast, slow = columns["ema_5"][-400:], columns["ema_13"][-400:]
    above = fast > slow
    expected = ["FLAT" if not now else ("hold" if before else "LONG") for before, now in pairwise(above)]
    assert [kind(signal) for signal in signals(strategy, window, 399)] == expected


def test_stops_stand_the_stated_ranges_away():
    for strategy, atr, multiple in [(EmaCross(), "atr_14", 3.0), (DonchianBreakout(), "atr_20", 2.0)]:
        entries = 0
        for seed in range(30):
            features, signal = arrays_face(strategy, walk(seed, strategy.warmup + 100))
            if signal.direction is Direction.LONG and not signal.hold:
                entries += 1
                assert signal.stop_distance == pytest.approx(multiple * features[atr])
        assert entries > 0


def test_donchian_follows_its_channel():
    strategy = DonchianBreakout()
    window = walk(7, 500)
    for back, signal in enumerate(reversed(signals(strategy, window, 200))):
        end = len(window) - back
        close = window.close[end - 1]
        breakout = close > window.high[end - 21 : end - 1].max()
        out = close < window.low[end - 11 : end - 1].min()
        assert kind(signal) == ("LONG" if breakout else "FLAT" if out else "hold")


def test_rsi_reversion_enters_on_the_way_back_up():
    strategy = RsiReversion()
    window = walk(8, 700)
    rsi = strategy.schema.compute(window)["rsi_14"]
    for back, signal in enumerate(reversed(signals(strategy, window, 500))):
        end = len(window) - 1 - back
        entry = rsi[end - 1] < 30 <= rsi[end] < 50
        assert kind(signal) == ("LONG" if entry else "FLAT" if rsi[end] >= 50 else "hold")


def test_no_entry_without_a_range_to_measure_the_stop_in():
    strategy = DonchianBreakout()
    columns = {name: np.array([1.0, 1.0]) for name in strategy.schema.columns}
    columns["donchian_20_high"] = np.array([0.5, 0.5])
    columns["atr_20"] = np.array([0.0, 0.0])
    assert strategy.rule({"close": np.array([1.0, 1.0]), **columns}).hold


def test_default_ema_cross_enters_often_enough_to_be_watched():
    """Five symbols that share most of their moves, forty one-minute candles: hardly ever without an entry."""
    strategy = EmaCross()
    quiet = 0
    for seed in range(40):
        shared = np.diff(np.log(walk(seed, 141).close), prepend=np.log(100))
        entered = False
        for symbol in range(5):
            own = np.diff(np.log(walk(1_000 + 5 * seed + symbol, 141).close), prepend=np.log(100))
            window = of_returns(0.8 * shared + 0.6 * own)
            entered |= "LONG" in map(kind, signals(strategy, window, 40))
        quiet += not entered
    assert quiet <= 3


def of_returns(returns):
    base = walk(0, len(returns))
    close = 100 * np.exp(np.cumsum(returns))
    open_ = np.concatenate(([100.0], close[:-1]))
    return type(base)(
        base.open_ms, open_, np.maximum(open_, close) * 1.0003, np.minimum(open_, close) * 0.9997, close, base.volume
    )


def test_the_frame_that_authors_see_is_theirs_alone():
    window = walk(2, 60)
    frame = candles_frame(window)
    assert list(frame.columns) == ["open", "high", "low", "close", "volume"]
    assert str(frame.index.tz) == "UTC"
    assert frame.index[0].timestamp() * 1_000 == window.open_ms[0]
    before = window.close.copy()
    frame.loc[:, "close"] = 0.0
    np.testing.assert_array_equal(window.close, before)
