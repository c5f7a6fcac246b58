"""The options of all stocks: what is listed, quotes at a moment, bars of the past."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from core.simulation.engine.options.contracts import Contract, ContractList
from core.simulation.engine.options.pricing import Carry, Terms, greeks, price
from core.simulation.engine.options.quotes import (
    Liquidity,
    Quotes,
    crowding,
    half_spread,
    jitter_of,
    quote,
    stepped,
    words_of,
)
from core.simulation.engine.options.surface import INDEX_SMILE, SHORTEST_YEARS, STOCK_SMILE, Surface
from core.simulation.engine.process import FloatArray
from core.simulation.engine.underlyings.bars import Bars, aggregate, collect, join
from core.simulation.engine.underlyings.catalogue import Underlying
from core.simulation.engine.underlyings.market import UnderlyingMarket
from core.simulation.engine.underlyings.minutes import BLOCK_DAYS
from core.simulation.engine.underlyings.sessions import DAY_S, MINUTE_S, IntArray
from core.simulation.engine.underlyings.timeframe import Timeframe, Unit

INTEREST = 0.045
"""Of a year, continuously compounded."""
_YEAR_S = 365 * DAY_S
_PREMIUM = 1.12
"""Implied over usual volatility, in the long run."""
_USUAL_ACTIVITY = 0.85
_TAG = 0x0CC
_DAY_TAG = 0x0CD
_DAY_SHARE = 0.6
"""Trades of a day over what its busiest minutes would make of it."""
_INDEX_LIQUIDITY = Liquidity(0.012, (0.01, 0.01), 3.0, open_interest=20_000, smallest=0.004)
_STOCK_LIQUIDITY = Liquidity(0.035, (0.01, 0.05), 3.0, open_interest=4_000, smallest=0.008)
_INDEX_TRADES = 5.0
_STOCK_TRADES = 1.0
"""A minute, in the contract that trades most."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Contracts and what is shown of each, at `time_s`: now, or the last close where nothing trades."""

    contracts: tuple[Contract, ...]
    quotes: Quotes
    time_s: float
    jitter: FloatArray
    """In [0, 1): tells alike contracts apart."""


class StockOptions:
    """As `UnderlyingMarket`: of seed, contract and time alone; `now_s` is the venue's time. Not safe for threads."""

    def __init__(self, market: UnderlyingMarket, seed: int) -> None:
        self.listed = ContractList(market)
        self._market = market
        self._seed = seed

    def quoted_s(self, now_s: float) -> float:
        """The moment that quotes are of: now, or the last end of regular hours."""
        sessions = self._market.sessions
        day = sessions.day_at(now_s)
        open_s = sessions.slot_zero_s[day] + MINUTE_S * sessions.open_slot
        return min(now_s, sessions.close_s(day)) if now_s >= open_s else sessions.close_s(day - 1)

    def today(self, now_s: float) -> date:
        """The exchange's trading day: the last that has begun."""
        return self._market.sessions.date_of(self._market.sessions.day_at(now_s))

    def surface(self, symbol: str, days: IntArray) -> Surface:
        """Of the trading days of these numbers."""
        underlying = self._market.underlying(symbol)
        usual = _PREMIUM * yearly_volatility(underlying)
        calm = self._market.path.until(int(days.max())).calm[days, self._market.index(symbol)] / _USUAL_ACTIVITY
        smile = INDEX_SMILE if underlying.is_fund else STOCK_SMILE
        return Surface(usual * np.clip(0.4 + 0.6 * calm, 0.5, 2.5), usual, smile)

    def quotes(self, contracts: Sequence[Contract], now_s: float) -> Chain:
        """Of contracts of one stock, listed and not expired."""
        symbol, time_s = contracts[0].underlying, self.quoted_s(now_s)
        spot = self._market.price(symbol, time_s)
        jitter = jitter_of([each.symbol for each in contracts], str(self._seed))
        surface = self.surface(symbol, np.array([self._market.sessions.day_at(time_s)]))
        quotes = quote(
            self._terms(contracts, time_s), spot, surface, self._carry(symbol), self._liquidity(symbol), jitter
        )
        return Chain(tuple(contracts), quotes, time_s, jitter)

    def bars(
        self,
        contract: Contract,
        timeframe: Timeframe,
        start_s: float,
        end_s: float,
        *,
        now_s: float,
        at_most: int,
        newest_first: bool = False,
    ) -> Bars:
        """As `UnderlyingMarket.bars`, of a contract that exists. There is none where the contract did not trade."""
        parts = self._parts(contract, timeframe, start_s, end_s, now_s, newest_first)
        return collect(parts, start_s, end_s, at_most=at_most, newest_first=newest_first)

    def _parts(
        self, contract: Contract, timeframe: Timeframe, start_s: float, end_s: float, now_s: float, newest_first: bool
    ) -> Iterator[Bars]:
        sessions = self._market.sessions
        listed = sessions.on_or_before(self.listed.listed_on(contract) - timedelta(days=1)) + 1
        first = max(0, listed, sessions.day_at(start_s) - 31)
        last = min(sessions.on_or_before(contract.expiry), sessions.day_at(min(now_s, end_s + DAY_S)))
        if last < first:
            return
        if not timeframe.minutes:
            days = self._days(contract, first, last, now_s)
            yield days if timeframe.unit is Unit.DAY else self._market.longer(days, timeframe)
            return
        numbers = range(first // BLOCK_DAYS, last // BLOCK_DAYS + 1)
        for number in reversed(numbers) if newest_first else numbers:
            minutes = self._minutes(contract, number, first, last, now_s)
            yield self._market.of_minutes(minutes, timeframe.minutes)

    def _days(self, contract: Contract, first: int, last: int, now_s: float) -> Bars:
        sessions = self._market.sessions
        is_over = now_s >= sessions.close_s(last)
        until = last if is_over else last - 1
        begin, end = first // BLOCK_DAYS * BLOCK_DAYS, (until // BLOCK_DAYS + 1) * BLOCK_DAYS
        under, days = self._market.day_bars(contract.underlying, begin, end - 1), np.arange(begin, end)
        closes_s = sessions.slot_zero_s[begin:end] + MINUTE_S * sessions.close_slots[begin:end]
        wanted = (days >= first) & (days <= until)
        priced = self._priced(contract, _DAY_TAG, under, closes_s, days, 390 * _DAY_SHARE, wanted)
        if is_over:
            return priced
        minutes = self._minutes(contract, last // BLOCK_DAYS, last, last, now_s)
        return join([priced, aggregate(minutes, np.full(len(minutes), sessions.midnight_s[last]))])

    def _minutes(self, contract: Contract, number: int, first: int, last: int, now_s: float) -> Bars:
        """Of the days from `first` to `last` that lie in the block."""
        sessions, block = self._market.sessions, self._market.block(contract.underlying, number)
        rows = np.arange(block.first_day, block.first_day + len(block.volume))[:, None]
        slots = np.arange(sessions.slots)
        regular = (slots >= sessions.open_slot) & (slots < sessions.close_slots[rows])
        under = block.bars(regular)
        days = np.broadcast_to(rows, regular.shape)[regular & (block.volume > 0)]
        wanted = (days >= first) & (days <= last) & (under.time_s + MINUTE_S <= now_s)
        return self._priced(contract, _TAG, under, under.time_s + MINUTE_S, days, 1.0, wanted)

    def _priced(
        self,
        contract: Contract,
        tag: int,
        under: Bars,
        ends_s: IntArray,
        days: IntArray,
        minutes: float,
        wanted: NDArray[np.bool_],
    ) -> Bars:
        """What the contract did while the underlying did `under`, in bars of so many `minutes` that end at `ends_s`, on
        `days`, which are whole blocks: chance is drawn for all of a block, whatever of it is `wanted`."""
        carry, expiry_s = self._carry(contract.underlying), self._expiry_of(contract.expiry)
        terms = _repeated(contract, np.maximum((expiry_s - ends_s) / _YEAR_S, SHORTEST_YEARS))
        surface = self.surface(contract.underlying, days)
        moneyness = np.log(contract.strike / carry.forward(under.close, terms.years))
        volatility = surface.implied_volatility(moneyness, terms.years)
        usual = self._trades_a_minute(contract.underlying) * minutes * crowding(terms, under.close, volatility)
        trades, sizes, noise = self._drawn(contract, tag, days, usual)
        chosen = np.flatnonzero(wanted & (trades > 0))
        terms, volatility, noise = _chosen(terms, chosen), volatility[chosen], noise[:, chosen]
        spots = under.take(chosen)
        opened, highest, lowest, closed = _worths(terms, spots, volatility, carry)
        liquidity = self._liquidity(contract.underlying)
        delta = np.abs(greeks(terms, spots.close, volatility, carry).delta)
        half = half_spread(terms, closed, delta, liquidity)
        opens, closes = opened + noise[0] * half, closed + noise[1] * half
        best, worst = (highest, lowest) if contract.is_call else (lowest, highest)
        columns = (opens, np.maximum.reduce((opens, closes, best)), np.minimum.reduce((opens, closes, worst)), closes)
        o, h, low, c = (np.maximum(liquidity.ticks[0], stepped(each, liquidity, np.rint)) for each in columns)
        volume = np.floor(trades[chosen] * sizes[chosen])
        vwap = np.clip(np.round((h + low + 2 * c) / 4, 6), low, h)
        return Bars(spots.time_s, o, h, low, c, volume, trades[chosen], vwap)

    def _drawn(
        self, contract: Contract, tag: int, days: IntArray, usual: FloatArray
    ) -> tuple[IntArray, FloatArray, FloatArray]:
        """Trades, of which there are so many as `usual`, contracts in each, and two noises in [-1, 1) a row."""
        numbers = days // BLOCK_DAYS
        parts = []
        for number in np.unique(numbers):
            part = usual[numbers == number]
            rng = np.random.default_rng([self._seed, tag, *words_of(contract.symbol), int(number)])
            each_size = 1 + 4 * rng.exponential(size=len(part))
            parts.append((rng.poisson(part), each_size, rng.uniform(-1, 1, (2, len(part)))))
        if not parts:
            return np.empty(0, dtype=np.int64), np.empty(0), np.empty((2, 0))
        trades = np.concatenate([part[0] for part in parts])
        return trades, np.concatenate([part[1] for part in parts]), np.concatenate([part[2] for part in parts], axis=1)

    def _terms(self, contracts: Sequence[Contract], time_s: float) -> Terms:
        ends = {expiry: self._expiry_of(expiry) for expiry in {each.expiry for each in contracts}}
        years = np.array([(ends[each.expiry] - time_s) / _YEAR_S for each in contracts])
        return Terms(
            np.array([each.is_call for each in contracts]),
            np.array([each.strike for each in contracts]),
            np.maximum(years, SHORTEST_YEARS),
        )

    def _expiry_of(self, expiry: date) -> int:
        sessions = self._market.sessions
        return sessions.close_s(sessions.on_or_before(expiry))

    def _carry(self, symbol: str) -> Carry:
        return Carry(INTEREST, self._market.underlying(symbol).dividend_yield)

    def _liquidity(self, symbol: str) -> Liquidity:
        return _INDEX_LIQUIDITY if self._market.underlying(symbol).is_fund else _STOCK_LIQUIDITY

    def _trades_a_minute(self, symbol: str) -> float:
        return _INDEX_TRADES if self._market.underlying(symbol).is_fund else _STOCK_TRADES


def yearly_volatility(underlying: Underlying) -> float:
    """The usual one of a stock."""
    return underlying.traits.sigma_bps * 1e-4 * float((252 * 390) ** 0.5)


def _worths(terms: Terms, under: Bars, volatility: FloatArray, carry: Carry) -> list[FloatArray]:
    """At the underlying's open, high, low and close, in one go."""
    four = Terms(np.tile(terms.is_call, 4), np.tile(terms.strike, 4), np.tile(terms.years, 4))
    spots = np.concatenate((under.open, under.high, under.low, under.close))
    return np.split(price(four, spots, np.tile(volatility, 4), carry), 4)


def _repeated(contract: Contract, years: FloatArray) -> Terms:
    return Terms(np.full(len(years), contract.is_call), np.full(len(years), contract.strike), years)


def _chosen(terms: Terms, rows: NDArray[np.intp]) -> Terms:
    return Terms(terms.is_call[rows], terms.strike[rows], terms.years[rows])
