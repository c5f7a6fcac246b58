"""Trades of a coin's instruments, a day at a time, and the candles that they make."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.simulation.engine.coins.derivatives import (
    BASIS,
    OPTION_LIQUIDITY,
    YEAR_S,
    CoinDerivatives,
    future_tick,
)
from core.simulation.engine.coins.instruments import Instrument
from core.simulation.engine.options.pricing import Carry, Terms, greeks, price
from core.simulation.engine.options.quotes import crowding, half_spread, stepped, words_of
from core.simulation.engine.options.surface import SHORTEST_YEARS
from core.simulation.engine.process import FloatArray
from core.simulation.engine.underlyings.minutes import BLOCK_DAYS
from core.simulation.engine.underlyings.sessions import IntArray
from core.simulation.engine.underlyings.timeframe import Timeframe, Unit

_TAG = 0xDE31
_DAYS_KEPT = 96
_A_DAY = 1_440
_FUTURE_TRADES = 6.0
_OPTION_TRADES = 0.05
"""A minute, of the instrument that trades most."""
NUMBERS_A_DAY = 1_000_000
"""Trades of one instrument are numbered; each day begins a new million."""


@dataclass(frozen=True, slots=True)
class Trades:
    """All are (trades,), in order of time."""

    time_ms: IntArray
    price: FloatArray
    amount: FloatArray
    """Coins for options, USD for futures."""
    is_buy: NDArray[np.bool_]
    mark: FloatArray
    index: FloatArray
    volatility: FloatArray
    """Percent; 0 for futures."""
    number: IntArray

    def __len__(self) -> int:
        return len(self.time_ms)

    def take(self, rows: NDArray[np.bool_] | slice) -> "Trades":
        return Trades(*(getattr(self, name)[rows] for name in Trades.__slots__))


class TradeTape:
    """Of seed, instrument and day alone. Not safe for threads: one at a time."""

    def __init__(self, derivatives: CoinDerivatives) -> None:
        self._derivatives = derivatives
        self._kept: OrderedDict[tuple[str, int], Trades] = OrderedDict()

    def day(self, instrument: Instrument, day: int) -> Trades:
        """All trades of a day, by its number, those of its future included."""
        key = (instrument.name, day)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self._made(instrument, day)
            if len(self._kept) > _DAYS_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return found

    def between(self, instrument: Instrument, first_ms: int, last_ms: int, *, at_most: int, newest: bool) -> Trades:
        """From `first_ms` to `last_ms`, both included: the earliest, or the `newest`, in order of time."""
        sessions = self._derivatives.market.sessions
        first_ms = max(first_ms, int(instrument.listed_s * 1_000))
        last_ms = min(last_ms, int(instrument.expiry_s * 1_000) - 1)
        days = range(max(0, sessions.day_at(first_ms / 1_000)), sessions.day_at(last_ms / 1_000) + 1)
        parts: list[Trades] = []
        n = 0
        for day in reversed(days) if newest else days:
            whole = self.day(instrument, day)
            part = whole.take((whole.time_ms >= first_ms) & (whole.time_ms <= last_ms))
            parts.insert(0, part) if newest else parts.append(part)
            n += len(part)
            if n >= at_most:
                break
        joined = _joined(parts)
        return joined.take(slice(-at_most, None) if newest else slice(0, at_most)) if at_most else joined.take(slice(0))

    def _made(self, instrument: Instrument, day: int) -> Trades:
        market = self._derivatives.market
        block = market.block(instrument.coin, day // BLOCK_DAYS)
        row = day - block.first_day
        opens, closes, starts_s = block.open[row], block.close[row], block.time_s[row]
        rng = np.random.default_rng([self._derivatives.seed, _TAG, *words_of(instrument.name), day])
        rate = np.full(_A_DAY, _FUTURE_TRADES)
        if instrument.is_option:
            rate = _OPTION_TRADES * self._crowding(instrument, closes, starts_s, day)
        counts = rng.poisson(rate)
        minute = np.repeat(np.arange(_A_DAY), counts)
        at = np.sort(minute + rng.random(len(minute)))
        minute = at.astype(np.int64)
        spot = opens[minute] + (closes - opens)[minute] * (at - minute)
        time_ms = (starts_s[0] * 1_000 + at * 60_000).astype(np.int64)
        is_buy = rng.random(len(at)) < 0.5
        chance = rng.random(len(at))
        made = self._priced_options if instrument.is_option else self._priced_futures
        prices, marks, volatility = made(instrument, spot, time_ms / 1_000, is_buy, chance, day)
        amount = np.ceil(10 * rng.exponential(size=len(at)))
        amount = amount / 10 if instrument.is_option else amount * 100
        number = day * NUMBERS_A_DAY + np.arange(len(at))
        return Trades(time_ms, prices, amount, is_buy, marks, np.round(spot, 2), volatility, number)

    def _crowding(self, instrument: Instrument, closes: FloatArray, starts_s: IntArray, day: int) -> FloatArray:
        terms = _through_time(instrument, starts_s.astype(float))
        forward = closes * np.exp(BASIS * terms.years)
        volatility = self._derivatives.surface(instrument.coin, np.array([day])).implied_volatility(
            np.log(terms.strike / forward), terms.years
        )
        return crowding(terms, forward, volatility)

    def _priced_options(
        self,
        instrument: Instrument,
        spot: FloatArray,
        times_s: FloatArray,
        is_buy: NDArray[np.bool_],
        chance: FloatArray,
        day: int,
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Price, mark and implied volatility in percent."""
        if len(spot) == 0:
            return spot, spot, spot
        terms = _through_time(instrument, times_s)
        forward = spot * np.exp(BASIS * terms.years)
        volatility = self._derivatives.surface(instrument.coin, np.array([day])).implied_volatility(
            np.log(terms.strike / forward), terms.years
        )
        mark = price(terms, forward, volatility, Carry(0.0)) / forward
        delta = greeks(terms, forward, volatility, Carry(0.0)).delta
        half = half_spread(terms, mark, np.abs(delta), OPTION_LIQUIDITY)
        paid = stepped(mark + np.where(is_buy, half, -half) * chance, OPTION_LIQUIDITY, np.rint)
        return np.maximum(OPTION_LIQUIDITY.ticks[0], paid), np.round(mark, 6), np.round(100 * volatility, 2)

    def _priced_futures(
        self,
        instrument: Instrument,
        spot: FloatArray,
        times_s: FloatArray,
        is_buy: NDArray[np.bool_],
        chance: FloatArray,
        day: int,
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        years = np.zeros(len(spot))
        if instrument.expiry is not None:
            years = np.maximum(0.0, instrument.expiry_s - times_s) / YEAR_S
        mark, tick = spot * np.exp(BASIS * years), future_tick(instrument.coin)
        paid = np.where(is_buy, np.ceil(mark / tick), np.floor(mark / tick)) * tick
        return np.round(paid, 2), np.round(mark, 2), np.zeros(len(spot))


@dataclass(frozen=True, slots=True)
class Candles:
    """All are (candles,); a candle in which nothing traded stands at the price before."""

    start_ms: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    amount: FloatArray


def candles(trades: Trades, first_ms: int, last_ms: int, length_ms: int) -> Candles:
    """One after the other, of so many ms, from the first with a trade to the one that `last_ms` lies in."""
    starts = trades.time_ms // length_ms * length_ms
    if len(trades) == 0:
        nothing = np.empty(0)
        return Candles(np.empty(0, dtype=np.int64), nothing, nothing, nothing, nothing, nothing)
    grid = np.arange(starts[0], last_ms // length_ms * length_ms + 1, length_ms)
    first = np.flatnonzero(np.concatenate(([True], starts[1:] != starts[:-1])))
    last = np.concatenate((first[1:], [len(starts)])) - 1
    traded = np.searchsorted(grid, starts[first])
    rows = np.searchsorted(grid[traded], grid, side="right") - 1
    close = trades.price[last][rows]
    is_traded = np.isin(grid, grid[traded])

    def of_traded(values: FloatArray) -> FloatArray:
        return np.where(is_traded, values[rows], close)

    amount = np.where(is_traded, np.add.reduceat(trades.amount, first)[rows], 0.0)
    found = Candles(
        grid,
        of_traded(trades.price[first]),
        of_traded(np.maximum.reduceat(trades.price, first)),
        of_traded(np.minimum.reduceat(trades.price, first)),
        close,
        amount,
    )
    inside = grid + length_ms > first_ms
    return Candles(*(getattr(found, name)[inside] for name in Candles.__slots__))


def future_candles(
    derivatives: CoinDerivatives, instrument: Instrument, first_ms: int, last_ms: int, length_ms: int
) -> Candles:
    """Of a perpetual or a future, for years if need be: from the bars of its index. Amounts are in USD."""
    minutes = length_ms // 60_000
    if minutes < 60:
        timeframe = Timeframe(minutes, Unit.MINUTE)
    else:
        timeframe = Timeframe(minutes // 60, Unit.HOUR) if minutes < _A_DAY else Timeframe(1, Unit.DAY)
    now_s = last_ms // 60_000 * 60.0 + 60
    bars = derivatives.market.bars(
        instrument.coin, timeframe, first_ms / 1_000, last_ms / 1_000, now_s=now_s, at_most=2**40
    )
    years = np.zeros(len(bars))
    if instrument.expiry is not None:
        years = np.maximum(0.0, instrument.expiry_s - bars.time_s) / YEAR_S
    growth, tick = np.exp(BASIS * years), future_tick(instrument.coin)
    opens, highs, lows, closes = (
        np.round(np.rint(each * growth / tick) * tick, 2) for each in (bars.open, bars.high, bars.low, bars.close)
    )
    return Candles(bars.time_s * 1_000, opens, highs, lows, closes, np.round(bars.volume * bars.vwap))


def _through_time(instrument: Instrument, times_s: FloatArray) -> Terms:
    n = len(times_s)
    years = np.maximum((instrument.expiry_s - times_s) / YEAR_S, SHORTEST_YEARS)
    return Terms(np.full(n, instrument.is_call), np.full(n, instrument.strike or 0.0), years)


def _joined(parts: list[Trades]) -> Trades:
    if not parts:
        nothing, none = np.empty(0), np.empty(0, dtype=np.int64)
        return Trades(none, nothing, nothing, nothing.astype(bool), nothing, nothing, nothing, none)
    return Trades(*(np.concatenate([getattr(part, name) for part in parts]) for name in Trades.__slots__))
