"""The market of perpetuals around any spot market: quotes follow the spot price with a premium that comes and goes.

    fair price = index x (1 + slow + fast),    index = middle of the pair's spot book

`slow` and `fast` are Ornstein-Uhlenbeck processes around 0, one pair a symbol: mean-reverting with time constants of
hours and of minutes, a few basis points wide. What the index does in one step of the crowd the quotes follow in the
next, so the perpetual never knows the future.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np

from core.simulation.engine.crowd import Crowd
from core.simulation.engine.events import Event
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.market import Market
from core.simulation.engine.perpetual.events import PerpetualEvent
from core.simulation.engine.perpetual.exchange import PerpetualExchange
from core.simulation.engine.process import FloatArray

_SECOND_NS = 1_000_000_000
_MINUTE_NS = 60 * _SECOND_NS
SLOW_BPS, SLOW_S = 5.0, 6 * 3_600.0
FAST_BPS, FAST_S = 1.0, 120.0
"""Standard deviation and time constant of the two parts of the premium."""


class Premium:
    """Premiums of n symbols as fractions, all 0 at first; exact for steps of any length."""

    def __init__(self, n: int, rng: np.random.Generator) -> None:
        self._rng = rng
        self._parts: FloatArray = np.zeros((2, n))  # (slow and fast, symbols)

    def step(self, seconds: float) -> FloatArray:
        decay = np.array([[exp(-seconds / SLOW_S)], [exp(-seconds / FAST_S)]])
        spread = np.array([[SLOW_BPS], [FAST_BPS]]) * 1e-4 * np.sqrt(1 - decay**2)
        self._parts = decay * self._parts + spread * self._rng.standard_normal(self._parts.shape)
        total: FloatArray = self._parts.sum(axis=0)
        return total


@dataclass(frozen=True, slots=True)
class Followed:
    """A perpetual and the spot symbol whose price it follows."""

    name: str
    spot_name: str


class PerpetualMarket:
    """Plays the spot market and the perpetuals in step. `start_ns` is a whole minute, no later than the spot's."""

    def __init__(
        self,
        spot: Exchange,
        spot_market: Market,
        exchange: PerpetualExchange,
        symbols: Sequence[Followed],
        crowd: Crowd,
        *,
        start_ns: int,
        premium: Premium,
    ) -> None:
        self._spot = spot
        self._spot_market = spot_market
        self._exchange = exchange
        self._followed = symbols
        self._crowd = crowd
        self._premium = premium
        self._step_end_ns = start_ns
        self._tick_atoms = np.array([exchange.symbols[each.name].tick_atoms for each in symbols])
        self._activity: FloatArray = np.ones(len(symbols))
        self._ticks: FloatArray = np.array([])
        self._spot_events: list[Event] = []
        self._is_open = False

    def advance(self, now_ns: int) -> tuple[list[Event], list[PerpetualEvent]]:
        """Play everything due until `now_ns` and close the candles that end by then: the events of both exchanges. How
        the time is cut into calls does not change what happens."""
        if not self._is_open:
            self._open()
        while self._crowd.play(now_ns) and self._step_end_ns <= now_ns:
            self._begin_step()
        self._spot_events += self._spot_market.advance(now_ns)
        spot_events, self._spot_events = self._spot_events, []
        return spot_events, self._exchange.take_events(now_ns)

    def _open(self) -> None:
        self._is_open = True
        self._spot_events += self._spot_market.advance(self._step_end_ns)
        self._ticks = self._index_prices() / self._tick_atoms
        self._crowd.open(self._ticks, self._step_end_ns)

    def _begin_step(self) -> None:
        """The step before is over: look at the index, let the second strike, and draw who arrives in the next one."""
        begin_ns = self._step_end_ns
        self._step_end_ns = begin_ns + self._crowd.step_ns
        self._spot_events += self._spot_market.advance(begin_ns)
        indices = self._index_prices()
        if begin_ns % _MINUTE_NS == 0:
            self._exchange.close_due(begin_ns)
        if begin_ns % _SECOND_NS == 0:
            names = [each.name for each in self._followed]
            self._exchange.mark(dict(zip(names, indices.tolist(), strict=True)), begin_ns)
        before = self._ticks
        self._ticks = indices / self._tick_atoms * (1 + self._premium.step(self._crowd.step_ns / _SECOND_NS))
        self._crowd.begin(begin_ns, before, self._ticks, self._activity)

    def _index_prices(self) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        """Quote atoms per unit of base: the middle of the spot book, the last price where a side is empty."""
        prices = []
        for each in self._followed:
            best = self._spot.best(each.spot_name)
            twice = best.bid + best.ask if best.bid and best.ask else 2 * self._spot.last_price(each.spot_name)
            prices.append(twice * self._spot.symbols[each.spot_name].tick_atoms // 2)
        return np.array(prices, dtype=np.int64)
