"""The implied volatility of every strike and expiry: J. Gatheral's and A. Jacquier's SSVI.

Total variance at log-moneyness k = ln(K / F), with the at-the-money total variance theta of the expiry:

    w(k, theta) = theta / 2 * (1 + rho * phi * k + sqrt((phi * k + rho)^2 + 1 - rho^2)),    phi = eta / sqrt(theta)

("Arbitrage-free SVI volatility surfaces", 2014; the power law with exponent 1/2, scaled by (1 + theta)^(-1/2) as in
their equation 4.5.) There is no butterfly arbitrage where eta * (1 + |rho|) <= 2, which holds for all that is listed
here, and no calendar arbitrage where theta grows with the time to expiry, which it does: theta(T) is the integral of a
variance that returns from its present level to its long-run one.
"""

from dataclasses import dataclass

import numpy as np

from core.simulation.engine.process import FloatArray

_REVERSION_A_YEAR = 3.0
"""How fast variance returns to its long-run level."""
_HIGHEST = 5.0
"""Implied volatilities are capped, for the wings of contracts with minutes to live."""
SHORTEST_YEARS = 1 / (365 * 24 * 60)


@dataclass(frozen=True, slots=True)
class Smile:
    """`skew` (rho) is negative where puts cost more than calls, `curvature` (eta) is how bent the smile is."""

    skew: float
    curvature: float

    def __post_init__(self) -> None:
        if self.curvature * (1 + abs(self.skew)) > 2:
            raise ValueError(f"{self} allows butterfly arbitrage")


@dataclass(frozen=True, slots=True)
class Surface:
    """At one moment, or at several in which `volatility` differs. `volatility` is the present one of a year, `long_run`
    the one it returns to."""

    volatility: float | FloatArray
    long_run: float
    smile: Smile

    def at_the_money_variance(self, years: FloatArray) -> FloatArray:
        """theta: the total variance until then."""
        present, usual = self.volatility**2, self.long_run**2
        years = np.maximum(years, SHORTEST_YEARS)
        decayed = -np.expm1(-_REVERSION_A_YEAR * years) / _REVERSION_A_YEAR
        theta: FloatArray = usual * years + (present - usual) * decayed
        return theta

    def implied_volatility(self, log_moneyness: FloatArray, years: FloatArray) -> FloatArray:
        """Of contracts with strike K = forward * exp(log_moneyness) and so many years to live."""
        theta = self.at_the_money_variance(years)
        rho = self.smile.skew
        steepness = self.smile.curvature / np.sqrt(theta * (1 + theta)) * log_moneyness
        total = theta / 2 * (1 + rho * steepness + np.sqrt((steepness + rho) ** 2 + 1 - rho**2))
        return np.minimum(_HIGHEST, np.sqrt(total / np.maximum(years, SHORTEST_YEARS)))


INDEX_SMILE = Smile(skew=-0.65, curvature=0.95)
STOCK_SMILE = Smile(skew=-0.4, curvature=0.85)
COIN_SMILE = Smile(skew=-0.12, curvature=0.8)
