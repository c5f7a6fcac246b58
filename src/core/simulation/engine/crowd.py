"""The anonymous orders of one exchange: they arrive at random and follow fair prices that somebody else moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

import numpy as np

from core.simulation.engine.draws import Draws
from core.simulation.engine.house import House
from core.simulation.engine.liquidity import Liquidity
from core.simulation.engine.process import FloatArray

_STEPS_S = (5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05)
"""Lengths a step can have: each divides a minute, and from one second down a second."""
_ARRIVALS_PER_STEP = 2.0
"""The longest step with no more arrivals than this (in each symbol, on average) is taken."""
TRADED_MOVES = 0.6
"""How often quotes are hit rather than withdrawn when the price passes them."""
MARKET_ORDERS = 0.3
LIMIT_ORDERS = 0.4
"""Shares of arrivals; the rest are cancellations."""
TRADES_PER_ARRIVAL = 0.7
"""About how many trades an arrival makes, both ways taken together."""
WIDE_QUOTES = 0.05
"""How often the best quotes stand wider than one tick..."""
WIDE_BPS = 0.7
"""...and by how much more, on average."""
_REACH_GAPS = 6.0
"""A market order takes no more than about so many levels."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How one symbol trades."""

    lots_per_trade: float
    gap_ticks: float


class Crowd:
    """Arrivals are a Poisson process of `messages_per_s` a second in each symbol. Time is cut into steps: `begin` draws
    who arrives in the next one, between whose ends the prices move in a straight line; `play` lets them act.
    """

    def __init__(
        self,
        houses: Sequence[House],
        liquidity: Sequence[Liquidity],
        paces: Sequence[Pace],
        *,
        messages_per_s: float,
        rng: np.random.Generator,
        draws: Draws,
        longest_step_s: float = _STEPS_S[0],
    ) -> None:
        self._houses = houses
        self._liquidity = liquidity
        self._paces = paces
        self._rng = rng
        self._draws = draws
        lengths = [step for step in _STEPS_S if step <= longest_step_s]
        step_s = next((step for step in lengths if step * messages_per_s <= _ARRIVALS_PER_STEP), lengths[-1])
        self.step_ns = int(step_s * 1e9)
        self._arrivals_per_step = messages_per_s * step_s
        self._arrivals: list[tuple[int, int, float, float]] = []
        """(time, symbol index, fair price in ticks, activity) within the present step, the next one last."""

    def open(self, fair_ticks: FloatArray, now_ns: int) -> None:
        """Show a full book around the first prices, before anything else."""
        for index, house in enumerate(self._houses):
            liquidity, bid = self._liquidity[index], max(1, floor(fair_ticks[index]))
            liquidity.move_to(bid, bid + 1, 0, now_ns)
            liquidity.tidy()
            house.log(now_ns)

    def begin(self, begin_ns: int, before: FloatArray, after: FloatArray, activity: FloatArray) -> None:
        """Draw the next step's arrivals: fair prices in ticks at its beginning and its end, and how excited each symbol
        is (1: as usual)."""
        rng = self._rng
        counts = rng.poisson(self._arrivals_per_step, len(self._houses))
        who = np.repeat(np.arange(len(counts)), counts)
        when = rng.random(len(who))
        order = np.argsort(when, kind="stable")[::-1]
        who, when = who[order], when[order]
        fair = before[who] + (after - before)[who] * when
        times = begin_ns + (when * self.step_ns).astype(np.int64)
        self._arrivals = list(zip(times.tolist(), who.tolist(), fair.tolist(), activity[who].tolist(), strict=True))

    def play(self, now_ns: int) -> bool:
        """Let everyone act who arrives by `now_ns`; whether the whole step has been played."""
        arrivals = self._arrivals
        while arrivals and arrivals[-1][0] <= now_ns:
            self._arrive(*arrivals.pop())
        return not arrivals

    def _arrive(self, now_ns: int, index: int, fair_ticks: float, activity: float) -> None:
        """One arrival: the quotes follow the price, then somebody trades, adds or withdraws."""
        pace, house, liquidity, draws = self._paces[index], self._houses[index], self._liquidity[index], self._draws
        if house.is_halted:
            return
        uniform = draws.uniform
        spread = 1
        if uniform() < WIDE_QUOTES:
            spread += int(fair_ticks * WIDE_BPS * 1e-4 * draws.exponential())
        bid = max(1, floor(fair_ticks - (spread - 1) / 2))
        lots = 1 + int(pace.lots_per_trade * activity * draws.trade_size())
        liquidity.move_to(bid, bid + spread, lots if uniform() < TRADED_MOVES else 0, now_ns)
        side, kind = (house.bids if uniform() < 0.5 else house.asks), uniform()
        if kind < MARKET_ORDERS:
            liquidity.trade(side, lots, int(_REACH_GAPS * pace.gap_ticks), now_ns)
        elif kind < MARKET_ORDERS + LIMIT_ORDERS:
            liquidity.add_somewhere(side)
        else:
            liquidity.withdraw_somewhere(side)
        liquidity.tidy()
        house.log(now_ns)
