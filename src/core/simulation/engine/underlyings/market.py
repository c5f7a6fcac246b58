"""Asked for bars and prices of one family of underlyings: all stocks, or all coins."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import numpy as np

from core.simulation.engine.underlyings.bars import Bars, aggregate, collect, join, no_bars
from core.simulation.engine.underlyings.catalogue import Underlying
from core.simulation.engine.underlyings.daily import DailyPath
from core.simulation.engine.underlyings.minutes import BLOCK_DAYS, Block, MinuteBlocks
from core.simulation.engine.underlyings.sessions import DAY_S, MINUTE_S, Sessions
from core.simulation.engine.underlyings.timeframe import Timeframe, Unit

_MONTHS_A_YEAR = 12


class UnderlyingMarket:
    """What an answer says depends on seed, symbol and times alone, never on what was asked before. `now_s` is the
    venue's time in UTC s: nothing later is told. Not safe for threads: one at a time."""

    def __init__(self, underlyings: Sequence[Underlying], sessions: Sessions, seed: int) -> None:
        self.sessions = sessions
        self.path = DailyPath(underlyings, sessions, seed)
        self._underlyings = underlyings
        self._index = {each.symbol: index for index, each in enumerate(underlyings)}
        self._blocks = MinuteBlocks(underlyings, sessions, self.path, seed)

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._index

    def underlying(self, symbol: str) -> Underlying:
        return self._underlyings[self._index[symbol]]

    def index(self, symbol: str) -> int:
        """Its place in the catalogue."""
        return self._index[symbol]

    def bars(
        self,
        symbol: str,
        timeframe: Timeframe,
        start_s: float,
        end_s: float,
        *,
        now_s: float,
        at_most: int,
        newest_first: bool = False,
    ) -> Bars:
        """Bars that begin in [start_s, end_s], at most so many of them from the earliest on, or from the latest back.
        Minutes are told once they are over; longer bars grow with their minutes."""
        parts = self._parts(self._index[symbol], timeframe, start_s, end_s, now_s, newest_first)
        return collect(parts, start_s, end_s, at_most=at_most, newest_first=newest_first)

    def price(self, symbol: str, now_s: float) -> float:
        """Between the ends of the present minute; the last one's while nothing trades."""
        index, day = self._index[symbol], self.sessions.day_at(now_s)
        if day < 0:
            return self._underlyings[index].price
        block = self._blocks.block(index, day // BLOCK_DAYS)
        row, slot = day - block.first_day, (now_s - self.sessions.slot_zero_s[day]) / MINUTE_S
        last = int(self.sessions.last_slots[day]) - 1
        if slot >= last + 1:
            return float(block.close[row, last])
        at, share = int(slot), slot - int(slot)
        return float(block.open[row, at] * (1 - share) + block.close[row, at] * share)

    def block(self, symbol: str, number: int) -> Block:
        return self._blocks.block(self._index[symbol], number)

    def day_bars(self, symbol: str, first: int, last: int) -> Bars:
        """Of whole days, by their numbers, both included."""
        return self._day_bars(self._index[symbol], first, last)

    def _parts(
        self, index: int, timeframe: Timeframe, start_s: float, end_s: float, now_s: float, newest_first: bool
    ) -> Iterator[Bars]:
        """Bars in order within each part; parts from the latest back where `newest_first`."""
        first = max(0, self.sessions.day_at(start_s) - (0 if timeframe.minutes else 366))
        last = min(self.sessions.day_at(now_s), self.sessions.day_at(end_s + DAY_S), len(self.sessions) - 1)
        if last < first:
            return
        if not timeframe.minutes:
            yield self.longer(self._days_until(index, first, last, now_s), timeframe)
            return
        numbers = range(first // BLOCK_DAYS, last // BLOCK_DAYS + 1)
        for number in reversed(numbers) if newest_first else numbers:
            block = self._blocks.block(index, number)
            minutes = block.bars(block.time_s + MINUTE_S <= now_s)
            yield self.of_minutes(minutes, timeframe.minutes)

    def of_minutes(self, minutes: Bars, length: int) -> Bars:
        """Bars of so many minutes each, counted from the beginning of the exchange's day."""
        if length == 1:
            return minutes
        days = np.searchsorted(self.sessions.slot_zero_s, minutes.time_s, side="right") - 1
        midnight = self.sessions.midnight_s[days]
        span_s = length * MINUTE_S
        return aggregate(minutes, midnight + (minutes.time_s - midnight) // span_s * span_s)

    def _days_until(self, index: int, first: int, last: int, now_s: float) -> Bars:
        is_over = now_s >= self.sessions.close_s(last)
        whole = self._day_bars(index, first, last if is_over else last - 1)
        if is_over:
            return whole
        block = self._blocks.block(index, last // BLOCK_DAYS)
        slots = np.arange(self.sessions.slots)
        regular = (slots >= self.sessions.open_slot) & (slots < self.sessions.close_slots[last])
        wanted = np.zeros(block.volume.shape, dtype=bool)
        wanted[last - block.first_day] = regular & (block.time_s[last - block.first_day] + MINUTE_S <= now_s)
        minutes = block.bars(wanted)
        today = aggregate(minutes, np.full(len(minutes), self.sessions.midnight_s[last]))
        return join([whole, today])

    def _day_bars(self, index: int, first: int, last: int) -> Bars:
        if last < first:
            return no_bars()
        days, rows, tick = self.path.until(last), slice(first, last + 1), self._underlyings[index].tick
        logs = (days.open, days.high, days.low, days.close)
        opens, highs, lows, closes = (np.round(np.round(np.exp(each[rows, index]) / tick) * tick, 6) for each in logs)
        volume = np.floor(days.volume[rows, index])
        return Bars(
            self.sessions.midnight_s[rows],
            opens,
            highs,
            lows,
            closes,
            volume,
            np.rint(volume / self._underlyings[index].shares_per_trade).astype(np.int64),
            np.round((opens + highs + lows + closes) / 4, 6),
        )

    def longer(self, days: Bars, timeframe: Timeframe) -> Bars:
        """Weeks or months, made of days."""
        if timeframe.unit is Unit.DAY:
            return days
        indices = np.searchsorted(self.sessions.midnight_s, days.time_s)
        dates = [self.sessions.date_of(int(each)) for each in indices]
        firsts = [_monday(each) if timeframe.unit is Unit.WEEK else _month(each, timeframe.count) for each in dates]
        known = {each: self.sessions.day_start_s(each) for each in set(firsts)}
        return aggregate(days, np.array([known[each] for each in firsts], dtype=np.int64))


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _month(day: date, count: int) -> date:
    """The first day of the group of `count` months, counted from January, that it lies in."""
    return date(day.year, (day.month - 1) // count * count + 1, 1)
