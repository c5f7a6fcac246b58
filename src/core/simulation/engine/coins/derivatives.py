"""What a coin's instruments are worth and how they are quoted, at any moment.

Options are worth what Black's formula says of the future that expires with them, without interest, as Deribit's marks
are; prices are in the coin, greeks in dollars.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from core.simulation.engine.coins.instruments import Instrument, InstrumentList
from core.simulation.engine.options.pricing import Carry, Greeks, Terms
from core.simulation.engine.options.quotes import Liquidity, bid_and_ask, jitter_of, quote, stepped
from core.simulation.engine.options.surface import COIN_SMILE, SHORTEST_YEARS, Surface
from core.simulation.engine.process import FloatArray
from core.simulation.engine.underlyings.market import UnderlyingMarket
from core.simulation.engine.underlyings.sessions import DAY_S, IntArray

BASIS = 0.06
"""By which futures stand above the index, a year."""
YEAR_S = 365 * DAY_S
_NO_CARRY = Carry(0.0)
_PREMIUM = 1.1
_USUAL_ACTIVITY = 0.85
OPTION_LIQUIDITY = Liquidity(0.022, (0.0001, 0.0005), 0.005, open_interest=900, smallest=0.0001)
_FUTURE_HALF_BPS = 0.3
_FUTURE_TICKS = {"BTC": 0.5, "ETH": 0.05}


@dataclass(frozen=True, slots=True)
class Marks:
    """Of some options of one coin: all are (options,); prices in the coin."""

    index: float
    forward: FloatArray
    """USD: the price of the future that expires with each."""
    mark: FloatArray
    volatility: FloatArray
    bid: FloatArray
    ask: FloatArray
    greeks: Greeks
    """USD."""
    open_interest: FloatArray
    """Coins."""
    jitter: FloatArray


@dataclass(frozen=True, slots=True)
class FutureMark:
    index: float
    mark: float
    bid: float
    ask: float


class CoinDerivatives:
    """Of seed, instrument and time alone. Not safe for threads: one at a time."""

    def __init__(self, market: UnderlyingMarket, seed: int) -> None:
        self.seed = seed
        self.market = market
        self.instruments = InstrumentList(market)
        self._jitter = lru_cache(maxsize=32)(self._jitter_made)

    def index(self, coin: str, now_s: float) -> float:
        return round(self.market.price(coin, now_s), 2)

    def forward(self, instrument: Instrument, spot: float, now_s: float) -> float:
        """The price of the future, or of the perpetual, that belongs to it."""
        return spot * float(self._growth(instrument, now_s))

    def future(self, instrument: Instrument, now_s: float) -> FutureMark:
        """Of a perpetual or a future."""
        spot = self.index(instrument.coin, now_s)
        mark, tick = self.forward(instrument, spot, now_s), future_tick(instrument.coin)
        half = max(tick / 2, mark * _FUTURE_HALF_BPS * 1e-4)
        bid, ask = np.floor((mark - half) / tick) * tick, np.ceil((mark + half) / tick) * tick
        return FutureMark(spot, round(mark, 2), round(float(bid), 2), round(float(ask), 2))

    def options(self, instruments: Sequence[Instrument], now_s: float) -> Marks:
        """Of options of one coin."""
        coin = instruments[0].coin
        spot, day = self.index(coin, now_s), self.market.sessions.day_at(now_s)
        terms = self.terms(instruments, now_s)
        growth = {each: self._growth(each, now_s) for each in {Instrument(coin, each.expiry) for each in instruments}}
        forward = spot * np.array([growth[Instrument(coin, each.expiry)] for each in instruments])
        jitter = self._jitter(tuple(instruments))
        quotes = quote(terms, forward, self.surface(coin, np.array([day])), _NO_CARRY, OPTION_LIQUIDITY, jitter)
        mark = quotes.worth / forward
        bid, ask = bid_and_ask(terms, mark, quotes.greeks.delta, OPTION_LIQUIDITY)
        return Marks(spot, forward, mark, quotes.volatility, bid, ask, quotes.greeks, quotes.open_interest, jitter)

    def surface(self, coin: str, days: IntArray) -> Surface:
        """Of the days of these numbers."""
        underlying = self.market.underlying(coin)
        usual = _PREMIUM * underlying.traits.sigma_bps * 1e-4 * float((365 * 1_440) ** 0.5)
        calm = self.market.path.until(int(days.max())).calm[days, self.market.index(coin)] / _USUAL_ACTIVITY
        return Surface(usual * np.clip(0.4 + 0.6 * calm, 0.5, 2.5), usual, COIN_SMILE)

    def volatility_index(self, coin: str, days: IntArray) -> FloatArray:
        """Percent: what a month's variance costs, near enough."""
        month = np.full(len(days), 30 / 365)
        level: FloatArray = 100 * np.sqrt(self.surface(coin, days).at_the_money_variance(month) / month)
        return level

    @staticmethod
    def terms(instruments: Sequence[Instrument], now_s: float) -> Terms:
        years = np.array([(each.expiry_s - now_s) / YEAR_S for each in instruments])
        return Terms(
            np.array([each.is_call for each in instruments]),
            np.array([each.strike or 0.0 for each in instruments]),
            np.maximum(years, SHORTEST_YEARS),
        )

    def _growth(self, instrument: Instrument, now_s: float) -> float:
        if instrument.expiry is None:
            return 1 + 2e-4 * float(np.sin(now_s / 7_000) + 0.5 * np.sin(now_s / 1_100))
        return float(np.exp(BASIS * max(0.0, instrument.expiry_s - now_s) / YEAR_S))

    def _jitter_made(self, instruments: tuple[Instrument, ...]) -> FloatArray:
        return jitter_of([each.name for each in instruments], str(self.seed))


def future_tick(coin: str) -> float:
    return _FUTURE_TICKS.get(coin, 0.5)


def option_price(value: float) -> float:
    """On the grid of option prices, at least one step."""
    return max(OPTION_LIQUIDITY.ticks[0], float(stepped(np.array([value]), OPTION_LIQUIDITY, np.rint)[0]))
