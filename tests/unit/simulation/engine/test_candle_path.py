"""A path through a candle makes exactly that candle again."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.simulation.engine.candle_path import Path, RecordedCandle, path_through


@st.composite
def candles(draw: st.DrawFn) -> RecordedCandle:
    low = draw(st.integers(1, 1_000_000))
    high = low + draw(st.one_of(st.integers(0, 3), st.integers(0, 5_000)))
    open_, close = draw(st.integers(low, high)), draw(st.integers(low, high))
    volume = draw(st.one_of(st.integers(0, 6), st.integers(0, 10**15)))
    return RecordedCandle(0, open_, high, low, close, volume)


def path(candle: RecordedCandle, n_trades: int, seed: int) -> Path:
    return path_through(candle, n_trades, np.random.default_rng(seed))


@given(candles(), st.integers(1, 60), st.integers(0, 2**32))
def test_the_path_makes_the_candle(candle: RecordedCandle, n_trades: int, seed: int) -> None:
    made = path(candle, n_trades, seed)
    assert len(made.when) == len(made.prices) == len(made.lots)
    if candle.volume == 0:
        assert len(made.prices) == 0
        return
    assert made.prices[0] == candle.open
    assert made.prices[-1] == candle.close
    assert made.prices.max() == candle.high
    assert made.prices.min() == candle.low
    assert (made.lots >= 1).all()
    touched = 1 + sum(
        a != b for a, b in ((candle.open, candle.high), (candle.high, candle.low), (candle.low, candle.close))
    )
    if candle.volume >= 4:
        assert made.lots.sum() == candle.volume
    else:
        assert candle.volume <= made.lots.sum() <= max(candle.volume, touched, 4)
    assert len(made.prices) <= max(4, min(n_trades, candle.volume))
    assert (np.diff(made.when) >= 0).all()
    assert ((made.when >= 0) & (made.when < 1)).all()


def test_paths_wander() -> None:
    candle = RecordedCandle(0, 1_000, 1_200, 900, 1_100, 10_000)
    made = path(candle, 50, 1)
    assert len(set(made.prices.tolist())) > 20
    assert len(set(made.lots.tolist())) > 20


def test_a_rising_candle_mostly_sees_its_low_first() -> None:
    candle = RecordedCandle(0, 1_000, 1_200, 900, 1_100, 10_000)
    low_first = [
        made.prices.argmin() < made.prices.argmax() for made in (path(candle, 30, seed) for seed in range(200))
    ]
    assert 0.55 < np.mean(low_first) < 0.85
