"""The price process: its returns look like recorded ones, its parts do what they say."""

import numpy as np
import pytest

from core.simulation.engine.process import OU_VARIANCE, AssetTraits, PriceProcess
from tests.unit.simulation.engine.returns import DEVIATION_BPS, Floats, assert_within_bands

BTC = AssetTraits(9.0, 0.85)


def returns(assets: list[AssetTraits], n_steps: int, *, minutes: float = 1.0, seed: int = 1) -> Floats:
    """(steps, assets)"""
    process = PriceProcess(assets, np.random.SeedSequence(seed))
    return np.array([process.step(minutes) for _ in range(n_steps)])


@pytest.fixture(scope="module")
def month() -> Floats:
    """30 days of minutes of four assets."""
    return returns([BTC] * 4, 43_200)


def test_minute_returns_look_recorded(month: Floats) -> None:
    for series in month.T:
        assert_within_bands(series)
        assert series.std() * 1e4 in DEVIATION_BPS


def test_assets_move_together_as_their_traits_say() -> None:
    traits = [AssetTraits(9.0, rho) for rho in (0.9, 0.9, 0.5, 0.0)]
    correlations = np.corrcoef(returns(traits, 20_000).T)
    assert correlations[0, 1] == pytest.approx(0.81, abs=0.12)
    assert correlations[0, 2] == pytest.approx(0.45, abs=0.12)
    assert correlations[0, 3] == pytest.approx(0.0, abs=0.05)


def test_volatility_moves_together_too(month: Floats) -> None:
    smooth = np.abs(month).reshape(-1, 60, 4).mean(axis=1)
    assert np.corrcoef(smooth.T)[0, 1] > 0.4


def test_steps_of_any_length_add_up_to_the_same_variance() -> None:
    moved = {
        minutes: np.mean(
            [
                np.abs(returns([BTC] * 20, round(10 / minutes), minutes=minutes, seed=seed).sum(axis=0)).mean()
                for seed in range(60)
            ]
        )
        for minutes in (1 / 12, 1.0, 5.0)
    }
    assert max(moved.values()) / min(moved.values()) < 1.5


def test_a_dollar_does_not_move() -> None:
    moved = returns([AssetTraits(0.0, 0.0), BTC], 2_000)
    assert not moved[:, 0].any()
    assert moved[:, 1].any()


def test_usual_activity_is_about_one() -> None:
    process = PriceProcess([BTC] * 3, np.random.SeedSequence(4))
    squares = []
    for _ in range(20_000):
        process.step(10.0)
        squares.append(float((process.activity**2).mean()))
    assert np.mean(squares) == pytest.approx(1.1, abs=0.5)
    assert np.std(np.log(squares)) > float(OU_VARIANCE.sum())


def test_values_come_home_in_the_end() -> None:
    process = PriceProcess([BTC], np.random.SeedSequence(2))
    process.anchor()
    process.log_values[:] = 3.0
    for _ in range(400):
        process.step(1_440.0)
    assert abs(process.log_values[0]) < 2.5


def test_the_same_seed_gives_the_same_prices() -> None:
    assert np.array_equal(returns([BTC, BTC], 500, seed=9), returns([BTC, BTC], 500, seed=9))
    assert not np.array_equal(returns([BTC, BTC], 500, seed=9), returns([BTC, BTC], 500, seed=10))
