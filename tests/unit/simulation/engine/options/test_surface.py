"""The volatility surface allows no static arbitrage, and greeks are what prices do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.simulation.engine.options.pricing import Carry, Terms, greeks, price
from core.simulation.engine.options.surface import COIN_SMILE, INDEX_SMILE, STOCK_SMILE, Smile, Surface

CARRY = Carry(0.045, 0.013)
MONEYNESS = np.linspace(-0.6, 0.6, 61)
surfaces = st.builds(
    Surface,
    st.floats(0.08, 1.5),
    st.floats(0.08, 1.5),
    st.sampled_from([INDEX_SMILE, STOCK_SMILE, COIN_SMILE]),
)


def terms(strikes: np.ndarray, years: float, *, is_call: bool = True) -> Terms:
    n = len(strikes)
    return Terms(np.full(n, is_call), strikes, np.full(n, years))


def calls(surface: Surface, years: float, spot: float = 100.0) -> tuple[np.ndarray, np.ndarray]:
    """Strikes that are evenly spaced, and what calls on them are worth."""
    forward = float(CARRY.forward(np.array(spot), np.array(years)))
    strikes = np.linspace(0.5 * forward, 1.8 * forward, 80)
    volatility = surface.implied_volatility(np.log(strikes / forward), np.full(80, years))
    return strikes, price(terms(strikes, years), np.full(80, spot), volatility, CARRY)


@settings(max_examples=40, deadline=None)
@given(surfaces, st.floats(0.01, 2.0))
def test_butterflies_and_spreads_cost_something(surface: Surface, years: float) -> None:
    strikes, worth = calls(surface, years)
    discount = np.exp(-CARRY.interest * years)
    slopes = np.diff(worth) / np.diff(strikes)
    assert (slopes <= 1e-9).all()
    assert (slopes >= -discount - 1e-9).all()
    assert (np.diff(worth, 2) >= -1e-8).all()


@settings(max_examples=40, deadline=None)
@given(surfaces)
def test_total_variance_grows_with_time(surface: Surface) -> None:
    years = np.array([0.003, 0.02, 0.08, 0.25, 0.5, 1.0, 2.0])
    total = np.array([surface.implied_volatility(MONEYNESS, np.full(61, each)) ** 2 * each for each in years])
    assert (np.diff(total, axis=0) >= -1e-12).all()


def test_a_smile_that_allows_butterflies_is_refused() -> None:
    with pytest.raises(ValueError, match="butterfly"):
        Smile(skew=-0.9, curvature=1.5)


def test_puts_below_cost_more_volatility_than_calls_above() -> None:
    surface = Surface(0.16, 0.18, INDEX_SMILE)
    low, middle, high = surface.implied_volatility(np.array([-0.1, 0.0, 0.1]), np.full(3, 30 / 365))
    assert low > middle
    assert low > high
    assert middle == pytest.approx(0.16, abs=0.01)


@settings(max_examples=25, deadline=None)
@given(surfaces, st.floats(0.02, 2.0))
def test_puts_and_calls_agree(surface: Surface, years: float) -> None:
    strikes, worth = calls(surface, years)
    forward = 100 * np.exp((CARRY.interest - CARRY.dividends) * years)
    volatility = surface.implied_volatility(np.log(strikes / forward), np.full(80, years))
    puts = price(terms(strikes, years, is_call=False), np.full(80, 100.0), volatility, CARRY)
    parity = np.exp(-CARRY.interest * years) * (forward - strikes)
    np.testing.assert_allclose(worth - puts, parity, atol=1e-8)


@pytest.mark.parametrize("is_call", [True, False])
def test_greeks_are_differences_of_prices(is_call: bool) -> None:
    strikes, years, spot = np.array([80.0, 95.0, 100.0, 105.0, 125.0]), 0.4, np.full(5, 100.0)
    volatility = np.array([0.3, 0.24, 0.22, 0.21, 0.2])

    def worth(spot: np.ndarray = spot, volatility: np.ndarray = volatility, years: float = 0.4, rate: float = 0.045):
        return price(terms(strikes, years, is_call=is_call), spot, volatility, Carry(rate, 0.013))

    found = greeks(terms(strikes, years, is_call=is_call), spot, volatility, CARRY)
    step = 1e-3
    np.testing.assert_allclose(found.delta, (worth(spot + step) - worth(spot - step)) / (2 * step), atol=1e-6)
    bent = (worth(spot + 0.05) - 2 * worth() + worth(spot - 0.05)) / 0.05**2
    np.testing.assert_allclose(found.gamma, bent, atol=1e-5)
    vega = (worth(volatility=volatility + 1e-5) - worth(volatility=volatility - 1e-5)) / 2e-5 / 100
    np.testing.assert_allclose(found.vega, vega, atol=1e-6)
    theta = (worth(years=0.4 - 1e-5) - worth(years=0.4 + 1e-5)) / 2e-5 / 365
    np.testing.assert_allclose(found.theta, theta, atol=1e-6)
    rho = (worth(rate=0.045 + 1e-5) - worth(rate=0.045 - 1e-5)) / 2e-5 / 100
    np.testing.assert_allclose(found.rho, rho, atol=1e-6)
