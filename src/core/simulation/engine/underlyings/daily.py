"""The days of all underlyings together, from the price process that moves the generated market.

The process (`engine/process.py`: market factor, stochastic volatility, regimes, jumps) gives each day's return from
close to close. A part of its variance falls into the hours in which nothing trades (for stocks): the gap. The day's
extremes are drawn from the law of a Brownian bridge between open and close.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.simulation.engine.generated_history import bridge_extremes
from core.simulation.engine.process import FloatArray, PriceProcess
from core.simulation.engine.underlyings.catalogue import Underlying
from core.simulation.engine.underlyings.sessions import Sessions

_CHUNK = 64
"""Days made at once: each chunk has random numbers of its own."""
_GAP_SHARE = 0.3
"""Of a stock's daily variance that falls between a close and the next open."""
_ACTIVITY_DAYS = 10.0
"""Time constant of the average that the level of implied volatility follows."""
_VOLUME_SPREAD = 0.25
_TAG = 0xDA15


@dataclass(frozen=True, slots=True)
class Days:
    """Logarithms of prices before rounding. All are (days, underlyings)."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    deviation: FloatArray
    """Standard deviation of the way from open to close."""
    volume: FloatArray
    calm: FloatArray
    """How excited the days before were: 1 is as usual; known before the day begins."""


class DailyPath:
    """`days` are made up to the one that is asked for, in order, whoever asks first."""

    def __init__(self, underlyings: Sequence[Underlying], sessions: Sessions, seed: int) -> None:
        self._underlyings = underlyings
        self._seed = seed
        self._has_gaps = sessions.open_slot > 0
        self._minutes = 390.0 if self._has_gaps else 1_440.0
        entropy = np.random.SeedSequence([seed, _TAG, len(underlyings), int(self._minutes)])
        self._process = PriceProcess([each.traits for each in underlyings], entropy)
        self._process.anchor()
        self._log_price: FloatArray = np.log([each.price for each in underlyings])
        self._calm: FloatArray = np.ones(len(underlyings))
        self._chunks: list[Days] = []
        self._joined: Days | None = None

    def until(self, day: int) -> Days:
        """All days up to `day`, and some more."""
        missing = day // _CHUNK + 1 - len(self._chunks)
        if missing > 0 or self._joined is None:
            for _ in range(missing):
                self._chunks.append(self._make())
            names = Days.__slots__
            self._joined = Days(*(np.concatenate([getattr(each, name) for each in self._chunks]) for name in names))
        return self._joined

    def _make(self) -> Days:
        n = len(self._underlyings)
        closes, deviations, activities, calms = (np.empty((_CHUNK, n)) for _ in range(4))
        before = np.empty((_CHUNK, n))
        for row in range(_CHUNK):
            before[row] = self._log_price
            calms[row] = self._calm
            self._log_price = self._log_price + self._process.step(self._minutes)
            closes[row] = self._log_price
            deviations[row], activities[row] = self._process.deviation, self._process.activity
            self._calm = self._calm + (activities[row] - self._calm) / _ACTIVITY_DAYS
        rng = np.random.default_rng([self._seed, _TAG, len(self._chunks)])
        share = _GAP_SHARE if self._has_gaps else 0.0
        gap_noise = rng.standard_normal((_CHUNK, n)) * (share * (1 - share)) ** 0.5
        opens = before + share * (closes - before) + gap_noise * deviations
        inside = deviations * (1 - share) ** 0.5
        high, low = bridge_extremes(closes - opens, inside, rng)
        noise = np.exp(_VOLUME_SPREAD * rng.standard_normal((_CHUNK, n)) - _VOLUME_SPREAD**2 / 2)
        volume = np.array([each.daily_volume for each in self._underlyings]) * activities**0.7 * noise
        return Days(opens, opens + high, opens + low, closes, inside, volume, calms)
