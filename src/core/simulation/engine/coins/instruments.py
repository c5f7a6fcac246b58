"""Which instruments exist when: Deribit's expiries (08:00 UTC), strikes and names (`BTC-25DEC26-60000-C`).

Options expire each of the next days, on Fridays, on the last Friday of months, and of quarters for a year ahead;
futures on Fridays of weeks, months and quarters. What has expired can still be asked for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np

from core.simulation.engine.process import FloatArray
from core.simulation.engine.underlyings.market import UnderlyingMarket
from core.simulation.engine.underlyings.sessions import FIRST_DAY

EXPIRY_HOUR_S = 8 * 3_600
NEVER_MS = 32_503_708_800_000
"""The expiry of perpetuals: the year 3000."""
_NAME = re.compile(r"([A-Z]{2,6})-(?:(PERPETUAL)|(\d{1,2})([A-Z]{3})(\d{2})(?:-(\d{1,9})-([CP]))?)", re.ASCII)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_FRIDAY = 4
_LIFE_DAYS = {"day": 4, "week": 24, "month": 96, "quarter": 372}
_LONGEST_LIFE_DAYS = max(_LIFE_DAYS.values())
_SIGMAS = {"day": 3.0, "week": 3.0, "month": 3.0, "quarter": 2.5}
_MOST_STRIKES = 40
_STEPS = (25.0, 50.0, 100.0, 200.0, 250.0, 500.0, 1_000.0, 2_000.0, 2_500.0, 5_000.0, 10_000.0, 20_000.0)


@dataclass(frozen=True, slots=True)
class Instrument:
    """`expiry` `None`: a perpetual; `strike` `None`: no option."""

    coin: str
    expiry: date | None = None
    strike: float | None = None
    is_call: bool = True

    @property
    def name(self) -> str:
        if self.expiry is None:
            return f"{self.coin}-PERPETUAL"
        name = f"{self.coin}-{expiry_name(self.expiry)}"
        return name if self.strike is None else f"{name}-{self.strike:.0f}-{'C' if self.is_call else 'P'}"

    @property
    def is_option(self) -> bool:
        return self.strike is not None

    @property
    def kind(self) -> str:
        return "option" if self.is_option else "future"

    @property
    def period(self) -> str:
        """How it is settled: `perpetual`, `day`, `week` or `month`."""
        if self.expiry is None:
            return "perpetual"
        return _period(self.expiry).replace("quarter", "month")

    @property
    def expiry_s(self) -> float:
        """UTC s."""
        return NEVER_MS / 1_000 if self.expiry is None else expiry_time_s(self.expiry)

    @property
    def listed_s(self) -> float:
        """UTC s."""
        if self.expiry is None:
            return _midnight_s(FIRST_DAY)
        return expiry_time_s(listed_on(self.expiry))


def parse(name: str) -> Instrument | None:
    """`None`: no instrument is called so."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    coin, perpetual, day, month, year, strike, side = match.groups()
    if perpetual:
        return Instrument(coin)
    try:
        expiry = date(2000 + int(year), _MONTHS.index(month) + 1, int(day))
    except ValueError:
        return None
    found = Instrument(coin, expiry, None if strike is None else float(strike), side != "P")
    return found if found.name == name else None


def expiry_name(expiry: date) -> str:
    return f"{expiry.day}{_MONTHS[expiry.month - 1]}{expiry:%y}"


def expiry_time_s(expiry: date) -> float:
    return _midnight_s(expiry) + EXPIRY_HOUR_S


def listed_on(expiry: date) -> date:
    """The day on which, at 08:00 UTC, what expires then begins to trade."""
    return expiry - timedelta(days=_LIFE_DAYS[_period(expiry)])


class InstrumentList:
    """Of all coins of a market."""

    def __init__(self, market: UnderlyingMarket) -> None:
        self._market = market
        self._strikes = lru_cache(maxsize=1_024)(self._strikes_made)

    def listed(self, coin: str, now_s: float) -> list[Instrument]:
        """All that trades now: the perpetual, futures, options."""
        expiries = list(self.expiries(now_s))
        futures = [Instrument(coin, each) for each in expiries if _period(each) != "day"]
        options = [found for each in expiries for found in self.options(coin, each, now_s)]
        return [Instrument(coin), *futures, *options]

    def expired(self, coin: str, now_s: float, days: int) -> list[Instrument]:
        """What has expired in the last so many days, latest first."""
        found: list[Instrument] = []
        today = datetime.fromtimestamp(now_s, UTC).date()
        for back in range(days + 1):
            expiry = today - timedelta(days=back)
            if expiry >= FIRST_DAY + timedelta(days=_LONGEST_LIFE_DAYS) and expiry_time_s(expiry) <= now_s:
                if _period(expiry) != "day":
                    found.append(Instrument(coin, expiry))
                found += self.options(coin, expiry, now_s)
        return found

    def expiries(self, now_s: float) -> Iterator[date]:
        """Those that trade now, in order."""
        today = datetime.fromtimestamp(now_s, UTC).date()
        for ahead in range(_LONGEST_LIFE_DAYS + 1):
            expiry = today + timedelta(days=ahead)
            if expiry_time_s(listed_on(expiry)) <= now_s < expiry_time_s(expiry):
                yield expiry

    def options(self, coin: str, expiry: date, now_s: float) -> list[Instrument]:
        """Calls and puts, by strike."""
        strikes = self._strikes(coin, expiry, self._last_day(expiry, now_s)).tolist()
        return [Instrument(coin, expiry, strike, is_call) for strike in strikes for is_call in (True, False)]

    def exists(self, instrument: Instrument, now_s: float) -> bool:
        """Whether it trades, or has traded."""
        if instrument.coin not in self._market or now_s < instrument.listed_s:
            return False
        if instrument.expiry is None:
            return True
        if instrument.expiry < FIRST_DAY + timedelta(days=_LONGEST_LIFE_DAYS):
            return False
        if instrument.strike is None:
            return _period(instrument.expiry) != "day"
        strikes = self._strikes(instrument.coin, instrument.expiry, self._last_day(instrument.expiry, now_s))
        return bool((strikes == instrument.strike).any())

    def _last_day(self, expiry: date, now_s: float) -> int:
        sessions = self._market.sessions
        return min(sessions.day_at(now_s), sessions.on_or_before(expiry))

    def _strikes_made(self, coin: str, expiry: date, last: int) -> FloatArray:
        market, period = self._market, _period(expiry)
        first = market.sessions.on_or_before(listed_on(expiry))
        opens = np.exp(market.path.until(last).open[first : last + 1, market.index(coin)])
        yearly = market.underlying(coin).traits.sigma_bps * 1e-4 * (365 * 1_440) ** 0.5
        reach = float(np.exp(min(_SIGMAS[period] * yearly * (_LIFE_DAYS[period] / 365) ** 0.5, 1.2)))
        width = opens[0] * (reach - 1 / reach)
        step = next((each for each in _STEPS if width / each <= _MOST_STRIKES), _STEPS[-1])
        lowest = max(1.0, np.floor(opens.min() / reach / step))
        highest = np.ceil(opens.max() * reach / step)
        strikes: FloatArray = np.arange(lowest, highest + 1) * step
        return strikes


def _period(expiry: date) -> str:
    """`day`, `week`, `month` or `quarter`."""
    if expiry.weekday() != _FRIDAY:
        return "day"
    if (expiry + timedelta(days=7)).month == expiry.month:
        return "week"
    return "quarter" if expiry.month % 3 == 0 else "month"


def _midnight_s(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
