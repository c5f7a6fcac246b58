"""Candles of the generated market from before its start, from the same price process that then goes on live.

The process is stepped through the past in ever finer steps: days, then hours, five minutes, minutes. Each step becomes
one candle: its open is the close before, its extremes are drawn from the exact law of a Brownian bridge's maximum and
minimum (P. Glasserman, Monte Carlo Methods in Financial Engineering, 2003, section 6.4).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.simulation.engine.intervals import LENGTH_MS, Interval
from core.simulation.engine.process import FloatArray, PriceProcess
from core.simulation.engine.series import ROW, Rows, join_rows

_MINUTE_MS = 60_000
CANDLES: tuple[tuple[Interval, int], ...] = (
    (Interval.D1, 400),
    (Interval.H1, 1_000),
    (Interval.M5, 1_000),
    (Interval.M1, 1_500),
)
"""At least so many of each, one stretch after the other, the last one ending at the start."""


@dataclass(frozen=True, slots=True)
class PastSymbol:
    """How one symbol's candles are made of its assets' values."""

    base: int
    """Index of the base asset in the process; `quote` likewise."""
    quote: int
    price_ticks: float
    """Price at the start, in ticks."""
    lots_per_minute: float
    """What trades in an ordinary minute."""
    lots_per_trade: float


class GeneratedHistory:
    """Steps the process up to `start_ms` (a whole minute) and anchors it there; `rows` makes the candles."""

    def __init__(
        self, process: PriceProcess, symbols: Mapping[str, PastSymbol], start_ms: int, seed: np.random.SeedSequence
    ) -> None:
        self._symbols = symbols
        self._seed = seed
        self._stretches = _stretches(start_ms)
        steps = [length for _, opens, length in self._stretches for _ in range(len(opens))]
        returns, deviations, activities = [], [], []
        for minutes in steps:
            returns.append(process.step(minutes))
            deviations.append(process.deviation)
            activities.append(process.activity)
        process.anchor()
        self._returns: FloatArray = np.array(returns)  # (steps, assets)
        self._deviations: FloatArray = np.array(deviations)  # (steps, assets)
        self._activities: FloatArray = np.array(activities)  # (steps, assets)
        self._minutes: FloatArray = np.array(steps)  # (steps,)

    def rows(self, symbol: str) -> Mapping[Interval, Rows]:
        parts = self._parts(symbol)
        return {interval: join_rows(parts, interval) for interval in Interval}

    def _parts(self, symbol: str) -> Sequence[tuple[Interval, Rows]]:
        rows = self._steps(self._symbols[symbol], np.random.default_rng([*self._seed_words(), *symbol.encode()]))
        parts, first = [], 0
        for interval, opens, _ in self._stretches:
            part = rows[first : first + len(opens)]
            part[:, 0] = opens
            parts.append((interval, part))
            first += len(opens)
        return parts

    def _seed_words(self) -> list[int]:
        return [int(word) for word in self._seed.generate_state(4)]

    def _steps(self, past: PastSymbol, rng: np.random.Generator) -> Rows:
        """All steps as candle rows, open times still missing."""
        returns = self._returns[:, past.base] - self._returns[:, past.quote]
        deviation = np.hypot(self._deviations[:, past.base], self._deviations[:, past.quote])
        after = returns[::-1].cumsum()[::-1] - returns
        closes = past.price_ticks * np.exp(-after)
        opens = closes * np.exp(-returns)
        high, low = bridge_extremes(returns, deviation, rng)
        rows = np.empty((len(returns), ROW), dtype=np.int64)
        rows[:, 4] = np.maximum(1, np.rint(closes))
        rows[0, 1] = max(1, round(opens[0]))
        rows[1:, 1] = rows[:-1, 4]
        rows[:, 2] = np.maximum(np.rint(opens * np.exp(high)), np.maximum(rows[:, 1], rows[:, 4]))
        rows[:, 3] = np.clip(np.rint(opens * np.exp(low)), 1, np.minimum(rows[:, 1], rows[:, 4]))
        self._fill_volumes(rows, past, rng)
        return rows

    def _fill_volumes(self, rows: Rows, past: PastSymbol, rng: np.random.Generator) -> None:
        noise = np.exp(0.5 * rng.standard_normal(len(rows)) - 0.125)
        volume = past.lots_per_minute * self._minutes * self._activities[:, past.base] * noise
        buys = np.clip(0.5 + 0.1 * rng.standard_normal(len(rows)), 0.05, 0.95)
        typical = (rows[:, 2] + rows[:, 3] + 2 * rows[:, 4]) // 4
        rows[:, 5] = np.maximum(1, np.rint(volume))
        rows[:, 6] = rows[:, 5] * typical
        rows[:, 7] = np.maximum(1, np.rint(rows[:, 5] / past.lots_per_trade))
        rows[:, 8] = rows[:, 5] * buys
        rows[:, 9] = rows[:, 8] * typical


def _stretches(start_ms: int) -> list[tuple[Interval, NDArray[np.int64], float]]:
    """(interval, open times, minutes a step), coarsest first; each begins where its coarser neighbour can end."""
    stretches: list[tuple[Interval, NDArray[np.int64], float]] = []
    end_ms = start_ms
    for index, (interval, count) in reversed(list(enumerate(CANDLES))):
        coarser = CANDLES[index - 1][0] if index else Interval.MONTH
        length_ms = LENGTH_MS[interval]
        first_ms = coarser.open_ms(end_ms - count * length_ms)
        opens = np.arange(first_ms, end_ms, length_ms, dtype=np.int64)
        stretches.append((interval, opens, length_ms / _MINUTE_MS))
        end_ms = first_ms
    return stretches[::-1]


def bridge_extremes(
    returns: FloatArray, deviation: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Highest and lowest log return on the way of Brownian bridges that end at `returns`."""
    upper, lower = -2 * deviation**2 * np.log(1 - rng.random((2, *returns.shape)))
    return (returns + np.sqrt(returns**2 + upper)) / 2, (returns - np.sqrt(returns**2 + lower)) / 2
