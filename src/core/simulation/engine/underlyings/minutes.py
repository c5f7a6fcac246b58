"""The minutes of an underlying's days, in blocks of days that are made when somebody asks and kept while there is room.

A day's way from its open to its close is a Brownian bridge whose steps share the market's noise with all others. It is
then stretched, above both ends and below both ends, until it touches exactly the day's high and low, so that minutes
and days tell one story. What trades before and after regular hours moves little and often not at all.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.simulation.engine.generated_history import bridge_extremes
from core.simulation.engine.process import FloatArray
from core.simulation.engine.underlyings.bars import Bars
from core.simulation.engine.underlyings.catalogue import Underlying
from core.simulation.engine.underlyings.daily import DailyPath
from core.simulation.engine.underlyings.sessions import MINUTE_S, IntArray, Sessions

BLOCK_DAYS = 20
_BLOCKS_KEPT = 48
"""Of about a megabyte each."""
_TAG = 0x3141
_MARKET_TAG = 0x2718
_OUTSIDE_VOLUME = 0.04
"""Of a day's volume, traded besides it before and after regular hours."""
_OUTSIDE_DEVIATION = 0.25
"""Standard deviation of the price's way through the minutes outside, in such of the regular day."""
_NEXT_GAP_SHARE = 0.3
"""Of the next morning's gap that the evening already knows."""
_VOLUME_SPREAD = 0.6


@dataclass(frozen=True, slots=True)
class Block:
    """Minutes of some days; all are (days, slots). Where `volume` is 0 nothing traded: there is no bar."""

    first_day: int
    time_s: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    trades: IntArray

    def bars(self, wanted: NDArray[np.bool_]) -> Bars:
        """Of the slots in `wanted` in which something traded."""
        chosen = wanted & (self.volume > 0)
        high, low, close = self.high[chosen], self.low[chosen], self.close[chosen]
        return Bars(
            self.time_s[chosen],
            self.open[chosen],
            high,
            low,
            close,
            self.volume[chosen],
            self.trades[chosen],
            np.clip(np.round((high + low + 2 * close) / 4, 6), low, high),
        )


class MinuteBlocks:
    """Not safe for threads: one at a time."""

    def __init__(self, underlyings: Sequence[Underlying], sessions: Sessions, path: DailyPath, seed: int) -> None:
        self._underlyings = underlyings
        self._sessions = sessions
        self._path = path
        self._seed = seed
        self._kept: OrderedDict[tuple[int, int], Block] = OrderedDict()

    def block(self, underlying: int, number: int) -> Block:
        """The `number`th block of days of the underlying at that place of the catalogue."""
        key = (underlying, number)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self._make(underlying, number)
            if len(self._kept) > _BLOCKS_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return found

    def _make(self, index: int, number: int) -> Block:
        sessions, underlying = self._sessions, self._underlyings[index]
        first = number * BLOCK_DAYS
        rows = slice(first, min(first + BLOCK_DAYS, len(sessions)))
        n = rows.stop - first
        rng = np.random.default_rng([self._seed, _TAG, index, number])
        shape = (n, sessions.slots)
        slots = np.arange(sessions.slots)
        regular = (slots >= sessions.open_slot) & (slots < sessions.close_slots[rows, None])
        weights = _shape_of_day(regular, sessions.open_slot, sessions.close_slots[rows, None])
        steps = np.sqrt(weights) * self._noise(underlying.traits.correlation, number, shape, rng)
        logs, deviation = self._logs(index, first, n, steps, weights, regular, rng)
        before = np.concatenate((logs[:, :1], logs[:, :-1]), axis=1)
        before = np.where(slots == sessions.open_slot, self._path.until(rows.stop).open[rows, index][:, None], before)
        high, low = bridge_extremes(logs - before, deviation, rng)
        prices = [np.exp(each) for each in (before, before + high, before + low, logs)]
        rounded: list[FloatArray] = [np.round(each / underlying.tick) * underlying.tick for each in prices]
        opens, highs, lows, closes = rounded
        self._touch(index, rows, regular, logs, highs, lows)
        highest: FloatArray = np.maximum(highs, np.maximum(opens, closes))
        lowest: FloatArray = np.minimum(lows, np.minimum(opens, closes))
        volume, trades = self._volume(index, rows, regular, weights, rng)
        return Block(
            first,
            sessions.slot_zero_s[rows, None] + MINUTE_S * slots,
            np.round(opens, 6),
            highest.round(6),
            lowest.round(6),
            np.round(closes, 6),
            volume,
            trades,
        )

    def _noise(self, correlation: float, number: int, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
        market = np.random.default_rng([self._seed, _MARKET_TAG, number]).standard_normal(shape)
        noise: FloatArray = correlation * market + (1 - correlation**2) ** 0.5 * rng.standard_normal(shape)
        return noise

    def _logs(
        self,
        index: int,
        first: int,
        n: int,
        steps: FloatArray,
        weights: FloatArray,
        regular: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> tuple[FloatArray, FloatArray]:
        """The logarithm of the price at the end of each slot, and the standard deviation of its way through each."""
        days = self._path.until(first + n + 1)
        rows = slice(first, first + n)
        begin, end = days.open[rows, index][:, None], days.close[rows, index][:, None]
        scale = days.deviation[rows, index][:, None]
        share = weights.cumsum(axis=1)
        walk = steps.cumsum(axis=1)
        inside = begin + share * (end - begin) + scale * (walk - share * walk[:, -1:])
        top, bottom = np.maximum(begin, end), np.minimum(begin, end)
        high, low = days.high[rows, index][:, None], days.low[rows, index][:, None]
        inside = _stretched(inside, top, high, regular, 1)
        inside = _stretched(inside, bottom, low, regular, -1)
        deviation = scale * np.sqrt(weights)
        if self._sessions.open_slot == 0:
            return inside, deviation
        return self._with_edges(index, first, n, inside, regular, scale, rng), np.where(regular, deviation, scale / 80)

    def _with_edges(
        self,
        index: int,
        first: int,
        n: int,
        inside: FloatArray,
        regular: NDArray[np.bool_],
        scale: FloatArray,
        rng: np.random.Generator,
    ) -> FloatArray:
        """Evenings wander from the close a part of the way to the next open, mornings go the rest of it."""
        days = self._path.until(first + n + 1)
        evening = days.close[:-1, index] + _NEXT_GAP_SHARE * (days.open[1:, index] - days.close[:-1, index])
        before = evening[max(0, first - 1) : first + n - 1]
        if first == 0:
            before = np.concatenate((days.open[:1, index], before))
        sessions, slots = self._sessions, np.arange(inside.shape[1])
        close = sessions.close_slots[first : first + n, None]
        walk = rng.standard_normal(inside.shape).cumsum(axis=1)

        def bridge(begin: FloatArray, end: FloatArray, start: IntArray | int, stop: IntArray | int) -> FloatArray:
            length = np.maximum(1, stop - start)
            share = np.clip((slots + 1 - start) / length, 0, 1)
            at_start = np.take_along_axis(walk, np.broadcast_to(np.maximum(0, start - 1), (n, 1)), axis=1)
            at_stop = np.take_along_axis(walk, np.broadcast_to(stop - 1, (n, 1)), axis=1)
            wander = (walk - at_start - share * (at_stop - at_start)) / length**0.5
            path: FloatArray = begin + share * (end - begin) + _OUTSIDE_DEVIATION * scale * wander
            return path

        rows = slice(first, first + n)
        opens, closes = days.open[rows, index][:, None], days.close[rows, index][:, None]
        morning = bridge(before[:, None], opens, 0, np.full((n, 1), sessions.open_slot))
        night = bridge(closes, evening[rows][:, None], close, sessions.last_slots[rows, None])
        return np.where(regular, inside, np.where(slots < sessions.open_slot, morning, night))

    def _touch(
        self,
        index: int,
        rows: slice,
        regular: NDArray[np.bool_],
        logs: FloatArray,
        highs: FloatArray,
        lows: FloatArray,
    ) -> None:
        """Within regular hours nothing passes the day's high and low, and one minute touches each."""
        days, tick = self._path.until(rows.stop), self._underlyings[index].tick
        top = np.round(np.exp(days.high[rows, index]) / tick) * tick
        bottom = np.round(np.exp(days.low[rows, index]) / tick) * tick
        lines = np.arange(len(logs))
        np.minimum(highs, top[:, None], out=highs, where=regular)
        np.maximum(lows, bottom[:, None], out=lows, where=regular)
        highs[lines, np.where(regular, logs, -np.inf).argmax(axis=1)] = top
        lows[lines, np.where(regular, logs, np.inf).argmin(axis=1)] = bottom

    def _volume(
        self,
        index: int,
        rows: slice,
        regular: NDArray[np.bool_],
        weights: FloatArray,
        rng: np.random.Generator,
    ) -> tuple[FloatArray, IntArray]:
        underlying = self._underlyings[index]
        daily = np.floor(self._path.until(rows.stop).volume[rows, index])[:, None]
        noise = np.exp(_VOLUME_SPREAD * rng.standard_normal(weights.shape))
        parts = weights * noise
        whole = np.floor(daily * parts.cumsum(axis=1) / parts.sum(axis=1, keepdims=True) + 1e-6)
        volume = np.diff(whole, axis=1, prepend=0.0)
        if self._sessions.open_slot:
            slots = np.arange(weights.shape[1])
            open_somewhere = ~regular & (slots < self._sessions.last_slots[rows, None])
            usual = daily * _OUTSIDE_VOLUME / open_somewhere.sum(axis=1, keepdims=True)
            drawn = rng.exponential(size=weights.shape) ** 2 / 2 * usual
            enough = drawn > underlying.shares_per_trade
            volume = np.where(open_somewhere & enough, np.floor(drawn), volume)
        sizes = underlying.shares_per_trade * np.exp(0.3 * rng.standard_normal(weights.shape))
        trades = np.where(volume > 0, np.maximum(1, np.rint(volume / sizes)), 0).astype(np.int64)
        return volume, trades


def _shape_of_day(regular: NDArray[np.bool_], open_slot: int, close_slots: IntArray) -> FloatArray:
    """How variance and volume are spread over a day: more at its ends. Each row adds up to 1."""
    slots = np.arange(regular.shape[1])
    at = (slots - open_slot + 0.5) / (close_slots - open_slot)
    weights = np.where(regular, 0.55 + 1.9 * (at - 0.5) ** 2 * 2 + (at < 0.02) * 1.5, 0.0)
    shape: FloatArray = weights / weights.sum(axis=1, keepdims=True)
    return shape


def _stretched(
    path: FloatArray, edge: FloatArray, extreme: FloatArray, regular: NDArray[np.bool_], sign: int
) -> FloatArray:
    """What lies beyond `edge` (above it for `sign` 1, below it for -1) scaled so that the farthest is at `extreme`."""
    beyond = np.where(regular, np.maximum(0.0, sign * (path - edge)), 0.0)
    farthest = beyond.max(axis=1, keepdims=True)
    factor = np.divide(sign * (extreme - edge), farthest, out=np.zeros_like(farthest), where=farthest > 0)
    stretched: FloatArray = np.where(beyond > 0, edge + sign * beyond * factor, path)
    return stretched
