"""How the values of all assets move: one market factor, stochastic volatility on several time scales, regimes, jumps.

The logarithmic return of asset i over `dt` minutes is

    sigma_i * sqrt(dt) * m * exp(h_i - Var(h)) * (rho_i * Z + sqrt(1 - rho_i^2) * Z_i) + drift * dt + jumps

with independent standard normals Z (the market's) and Z_i, regime multiplier m, and h_i a sum of Ornstein-Uhlenbeck
processes with half-lives from a minute to days, partly the market's, partly the asset's own. Sums of such processes
with spread time scales give volatility the long memory that returns of real markets show (J. Fouque et al., Multiscale
Stochastic Volatility, 2011), the lognormal spread of h gives the fat tails. Steps of any length use the exact
discretisation of the Ornstein-Uhlenbeck part, so one process serves days of history and seconds of live market.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, sqrt

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

OU_MINUTES = np.array([2.0, 40.0, 3_000.0])
"""Time constants of the volatility components."""
OU_VARIANCE = np.array([0.13, 0.10, 0.12])
"""Stationary variances of their sum's parts."""
MARKET_SHARE = 0.6
"""Part of the variance of h that all assets share."""
JUMPS_PER_MINUTE = 1 / 900
"""Of each asset alone; the whole market jumps a quarter as often."""
JUMP_SIGMAS = 5.0
"""Standard deviation of a jump in one-minute standard deviations."""
PULL_MINUTES = 300 * 1_440
"""Time constant with which values return to where they began: weak, but a run of years stays on its price grid."""


@dataclass(frozen=True, slots=True)
class Regime:
    """A phase of the market: how strongly it moves, and where to (one-minute standard deviations a minute)."""

    name: str
    volatility: float
    drift: float
    mean_minutes: float


REGIMES = (
    Regime("calm", 0.65, 0.0, 240.0),
    Regime("rising", 0.95, 0.03, 180.0),
    Regime("falling", 1.1, -0.03, 180.0),
    Regime("stormy", 1.7, 0.0, 90.0),
)


@dataclass(frozen=True, slots=True)
class AssetTraits:
    """`sigma_bps`: standard deviation of one-minute log returns; `correlation` with the market factor."""

    sigma_bps: float
    correlation: float


class PriceProcess:
    """Log values of n assets, all 0 at first; `step` moves them."""

    def __init__(self, assets: Sequence[AssetTraits], seed: np.random.SeedSequence) -> None:
        self._rng = np.random.default_rng(seed)
        self._sigma = np.array([asset.sigma_bps * 1e-4 for asset in assets])
        self._rho = np.array([asset.correlation for asset in assets])
        self._own_rho = np.sqrt(1 - self._rho**2)
        n = len(assets)
        deviation = np.sqrt(OU_VARIANCE)
        self._own_h: FloatArray = deviation[:, None] * self._rng.standard_normal((len(OU_MINUTES), n))  # (parts, n)
        self._market_h: FloatArray = deviation * self._rng.standard_normal(len(OU_MINUTES))  # (parts,)
        self._own_weight = sqrt(1 - MARKET_SHARE)
        self._market_weight = sqrt(MARKET_SHARE)
        self._log_level = float(OU_VARIANCE.sum())
        self._regime = 0
        self._coefficients: dict[float, tuple[FloatArray, FloatArray]] = {}
        self.log_values: FloatArray = np.zeros(n)
        self.deviation: FloatArray = np.zeros(n)
        """Standard deviation of the last step's diffusive return."""
        self.activity: FloatArray = np.ones(n)
        """How excited each asset is: its present volatility over its usual one."""
        self._anchor: FloatArray | None = None

    def anchor(self) -> None:
        """Call the present values home: from now on they are 0, and weakly pulled back to."""
        self.log_values = np.zeros_like(self.log_values)
        self._anchor = self.log_values

    def step(self, minutes: float) -> FloatArray:
        """Move on by `minutes`; the log returns, also added to `log_values`."""
        rng, n = self._rng, len(self._sigma)
        normals = rng.standard_normal((len(OU_MINUTES) + 1, n + 1))
        decay, kick = self._ou(minutes)
        self._own_h = decay[:, None] * self._own_h + kick[:, None] * normals[:-1, :n]
        self._market_h = decay * self._market_h + kick * normals[:-1, n]
        chance, choice, market_jump = rng.random(3)
        self._change_regime(minutes, chance, choice)
        regime = REGIMES[self._regime]
        market_h = self._market_weight * float(self._market_h.sum()) - self._log_level
        h = self._own_weight * self._own_h.sum(axis=0) + market_h
        self.activity = regime.volatility * np.exp(h)
        self.deviation = self._sigma * self.activity * sqrt(minutes)
        returns: FloatArray = self.deviation * (self._rho * normals[-1, n] + self._own_rho * normals[-1, :n])
        if regime.drift:
            returns += self._rho * self._sigma * (regime.drift * minutes)
        self._add_jumps(returns, minutes, market_jump)
        if self._anchor is not None:
            returns -= self.log_values * (minutes / PULL_MINUTES)
        self.log_values = self.log_values + returns
        return returns

    def _ou(self, minutes: float) -> tuple[FloatArray, FloatArray]:
        found = self._coefficients.get(minutes)
        if found is None:
            decay = np.exp(-minutes / OU_MINUTES)
            found = self._coefficients[minutes] = decay, np.sqrt(OU_VARIANCE * (1 - decay**2))
        return found

    def _change_regime(self, minutes: float, chance: float, choice: float) -> None:
        if chance < 1 - exp(-minutes / REGIMES[self._regime].mean_minutes):
            others = [index for index in range(len(REGIMES)) if index != self._regime]
            self._regime = others[int(choice * len(others))]

    def _add_jumps(self, returns: FloatArray, minutes: float, market_chance: float) -> None:
        # Over long steps jumps are part of the sum that the diffusion already stands for.
        rate = JUMPS_PER_MINUTE * min(minutes, 5.0)
        jumping = np.flatnonzero(self._rng.random(len(returns)) < rate)
        if len(jumping):
            returns[jumping] += self._sigma[jumping] * JUMP_SIGMAS * self._rng.standard_normal(len(jumping))
        if market_chance < rate / 4:
            returns += self._rho * self._sigma * (JUMP_SIGMAS * self._rng.standard_normal())
