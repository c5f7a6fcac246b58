"""Which option contracts of a stock exist on a day, and their OCC symbols (`SPY261218C00600000`).

The rules follow the exchanges' habits: a monthly contract on the third Friday, listed seven months ahead, those of
January and of each quarter's end (funds) more than two years; weeklies on the other Fridays, six weeks ahead; for the
most traded funds one each trading day, two weeks ahead. Expiries on holidays fall on the trading day before. Strikes
stand around the price of the day of listing and are added as the price moves; those that exist stay until they expire.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache

import numpy as np

from core.simulation.engine.process import FloatArray
from core.simulation.engine.underlyings.market import UnderlyingMarket

_OCC = re.compile(r"([A-Z]{1,6})([0-9]{6})([CP])([0-9]{8})")
_WITH_DAILIES = frozenset(("SPY", "QQQ", "IWM"))
_MONTHLY_DAYS = 215
_LONG_DAYS = 780
_WEEKLY_DAYS = 42
_DAILY_DAYS = 14
_THIRD_WEEK = range(15, 22)
_FRIDAY = 4
_SIGMAS = 4.0
"""How far strikes reach from the price, in standard deviations until expiry."""
_LONGEST_REACH = 0.9
"""Of logarithms: strikes are between 0.4 and 2.5 times the price."""
_STEPS = (0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0)
_MOST_STRIKES = 120
"""Of one expiry when it is listed; the step between strikes grows until they are no more."""


@dataclass(frozen=True)
class Contract:
    underlying: str
    expiry: date
    is_call: bool
    strike: float

    @cached_property
    def symbol(self) -> str:
        side = "C" if self.is_call else "P"
        return f"{self.underlying}{self.expiry:%y%m%d}{side}{round(self.strike * 1_000):08d}"


def parse(symbol: str) -> Contract | None:
    """`None`: it is no OCC symbol."""
    match = _OCC.fullmatch(symbol)
    if match is None:
        return None
    digits = match[2]
    try:
        expiry = date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
    except ValueError:
        return None
    return Contract(match[1], expiry, match[3] == "C", int(match[4]) / 1_000)


class ContractList:
    """Of all stocks of a market."""

    def __init__(self, market: UnderlyingMarket) -> None:
        self._market = market
        self._strikes = lru_cache(maxsize=4_096)(self._strikes_made)
        self.chain = lru_cache(maxsize=24)(self._chain)
        """All contracts of a stock that are listed on a day, in the order of their symbols."""

    def expiries(self, symbol: str, day: date) -> list[date]:
        """Of the contracts that are listed on `day`, in order; those that expire that day are among them."""
        found = set()
        for ahead in range(_LONG_DAYS + 1):
            nominal = day + timedelta(days=ahead)
            listed = self._listed_on(symbol, nominal)
            if listed is not None and listed <= day:
                found.add(self._traded(nominal))
        return sorted(each for each in found if each >= day)

    def strikes(self, symbol: str, expiry: date, day: date) -> FloatArray:
        """In order; empty: nothing expires then, or it is not listed on `day` yet."""
        nominal = self._nominal(symbol, expiry)
        listed = None if nominal is None else self._listed_on(symbol, nominal)
        sessions = self._market.sessions
        if listed is None or day < listed:
            return np.empty(0)
        first, last = sessions.on_or_before(listed), sessions.on_or_before(min(day, expiry))
        return self._strikes(symbol, expiry, max(0, first), max(0, last))

    def _chain(self, symbol: str, day: date) -> tuple[Contract, ...]:
        found = [
            Contract(symbol, expiry, is_call, float(strike))
            for expiry in self.expiries(symbol, day)
            for is_call in (True, False)
            for strike in self.strikes(symbol, expiry, day)
        ]
        return tuple(sorted(found, key=lambda each: each.symbol))

    def exists(self, contract: Contract, day: date) -> bool:
        """Whether it is, or has been, listed by `day`."""
        if contract.underlying not in self._market:
            return False
        strikes = self.strikes(contract.underlying, contract.expiry, day)
        return bool(np.isclose(strikes, contract.strike, atol=1e-6).any())

    def listed_on(self, contract: Contract) -> date:
        """The first day of a contract's expiry. Raises `LookupError` where nothing expires then."""
        nominal = self._nominal(contract.underlying, contract.expiry)
        listed = None if nominal is None else self._listed_on(contract.underlying, nominal)
        if listed is None:
            raise LookupError(contract.symbol)
        return listed

    def _listed_on(self, symbol: str, nominal: date) -> date | None:
        """When contracts that should expire on `nominal`, were it no holiday, are listed; `None`: there are none."""
        if nominal.weekday() != _FRIDAY:
            is_daily = symbol in _WITH_DAILIES and self._market.sessions.index(nominal) is not None
            return nominal - timedelta(days=_DAILY_DAYS) if is_daily else None
        if nominal.day not in _THIRD_WEEK:
            return nominal - timedelta(days=_WEEKLY_DAYS)
        is_long = nominal.month == 1 or (self._market.underlying(symbol).is_fund and nominal.month % 3 == 0)
        return nominal - timedelta(days=_LONG_DAYS if is_long else _MONTHLY_DAYS)

    def _traded(self, nominal: date) -> date:
        return self._market.sessions.date_of(max(0, self._market.sessions.on_or_before(nominal)))

    def _nominal(self, symbol: str, expiry: date) -> date | None:
        """The Friday, or the trading day itself, that an expiry stands for; `None`: nothing expires on that day."""
        if self._market.sessions.index(expiry) is None:
            return None
        to_friday = (_FRIDAY - expiry.weekday()) % 7
        friday = expiry + timedelta(days=to_friday)
        if self._traded(friday) == expiry:
            return friday
        return expiry if self._listed_on(symbol, expiry) is not None else None

    def _strikes_made(self, symbol: str, expiry: date, first: int, last: int) -> FloatArray:
        market = self._market
        index = market.index(symbol)
        # What a day's strikes depend on must be known in its morning: opens, and closes of days before.
        days = market.path.until(last)
        opens = np.exp(days.open[first : last + 1, index])
        sigma = market.underlying(symbol).traits.sigma_bps * 1e-4 * (252 * 390) ** 0.5
        life = max(1, (expiry - market.sessions.date_of(first)).days) / 365
        reach = np.exp(min(_SIGMAS * sigma * life**0.5, _LONGEST_REACH))
        step = _step(opens[0], opens[0] * (reach - 1 / reach), is_fund=market.underlying(symbol).is_fund)
        lowest = max(step, np.floor(opens.min() / reach / step) * step)
        highest = np.ceil(opens.max() * reach / step) * step
        strikes: FloatArray = np.round(np.arange(round(lowest / step), round(highest / step) + 1) * step, 3)
        return strikes


def _step(price: float, width: float, *, is_fund: bool) -> float:
    """Between strikes: fine near cheap and much-traded underlyings, never too many of them."""
    finest = 1.0 if is_fund else 0.5 if price < 25 else 1.0 if price < 100 else 2.5 if price < 300 else 5.0
    return next((step for step in _STEPS if step >= finest and width / step <= _MOST_STRIKES), _STEPS[-1])
