"""Prices and greeks of European options, from `fast_vollib` (numpy alone).

Alpaca's greeks are Black-Scholes', as are these: delta and gamma a dollar of the underlying, theta a calendar day, vega
a percentage point of volatility, rho a percentage point of interest. Exercise before expiry is worth nothing here.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from core.simulation.engine.process import FloatArray


@dataclass(frozen=True, slots=True)
class Terms:
    """What options are, all of one length (contracts,): or, for a single contract through time, (times,)."""

    is_call: NDArray[np.bool_]
    strike: FloatArray
    years: FloatArray
    """To expiry; more than 0."""


@dataclass(frozen=True, slots=True)
class Greeks:
    delta: FloatArray
    gamma: FloatArray
    theta: FloatArray
    vega: FloatArray
    rho: FloatArray


@dataclass(frozen=True, slots=True)
class Carry:
    """Continuous rates a year."""

    interest: float
    dividends: float = 0.0

    def forward(self, spot: FloatArray, years: FloatArray) -> FloatArray:
        forward: FloatArray = spot * np.exp((self.interest - self.dividends) * years)
        return forward


def price(terms: Terms, spot: FloatArray, volatility: FloatArray, carry: Carry) -> FloatArray:
    """What each is worth, in the underlying's currency; never below 0."""
    from fast_vollib import fast_black_scholes_merton  # noqa: PLC0415 - with scipy a second of work, for options alone

    found = fast_black_scholes_merton(*_arguments(terms, spot, volatility, carry), return_as="numpy", backend="numpy")
    return np.maximum(0.0, cast(FloatArray, found))


def greeks(terms: Terms, spot: FloatArray, volatility: FloatArray, carry: Carry) -> Greeks:
    from fast_vollib import get_all_greeks  # noqa: PLC0415 - as above

    flag, spots, strikes, years, interest, sigma, dividends = _arguments(terms, spot, volatility, carry)
    found = get_all_greeks(
        *(flag, spots, strikes, years, interest, sigma, dividends),
        model="black_scholes_merton",
        return_as="dict",
        backend="numpy",
    )
    return Greeks(*(cast(FloatArray, found[name]) for name in Greeks.__slots__))


def _arguments(
    terms: Terms, spot: FloatArray, volatility: FloatArray, carry: Carry
) -> tuple[NDArray[np.str_], FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    like = np.ones(len(terms.strike))
    flag = np.where(terms.is_call, "c", "p")
    return flag, spot * like, terms.strike, terms.years, carry.interest * like, volatility, carry.dividends * like
