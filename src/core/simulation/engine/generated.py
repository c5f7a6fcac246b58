"""The generated market: asset values move by the price process, anonymous orders arrive at random and follow them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

import numpy as np

from core.simulation.engine.draws import Draws
from core.simulation.engine.events import Event
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.liquidity import Liquidity
from core.simulation.engine.process import FloatArray, PriceProcess

_MINUTE_NS = 60_000_000_000
_STEPS_S = (5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05)
"""Lengths a step of the price process can have: each divides a minute."""
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
class LiveSymbol:
    """One symbol of the generated market; `base` and `quote` are indices of its assets in the process."""

    name: str
    base: int
    quote: int
    price_ticks: float
    """Price where the process is anchored, in ticks."""
    lots_per_trade: float
    gap_ticks: float


class GeneratedMarket:
    """Arrivals are a Poisson process of `messages_per_s` a second in each symbol; between steps of the price process
    the price moves in a straight line. Time is cut into steps of its own, so results do not depend on the calls'
    times. `start_ns` is a whole minute.
    """

    def __init__(
        self,
        exchange: Exchange,
        process: PriceProcess,
        symbols: Sequence[LiveSymbol],
        liquidity: Sequence[Liquidity],
        *,
        messages_per_s: float,
        start_ns: int,
        seed: np.random.SeedSequence,
        draws: Draws,
    ) -> None:
        self._exchange = exchange
        self._process = process
        self._symbols = symbols
        self._liquidity = liquidity
        self._houses = [exchange.house(symbol.name) for symbol in symbols]
        self._bases = np.array([symbol.base for symbol in symbols])
        self._quotes = np.array([symbol.quote for symbol in symbols])
        self._home_ticks: FloatArray = np.array([symbol.price_ticks for symbol in symbols])
        self._rng = np.random.default_rng(seed)
        self._draws = draws
        step_s = next((step for step in _STEPS_S if step * messages_per_s <= _ARRIVALS_PER_STEP), _STEPS_S[-1])
        self._step_ns = int(step_s * 1e9)
        self._arrivals_per_step = messages_per_s * step_s
        self._step_end_ns = start_ns
        self._ticks: FloatArray = self._home_ticks
        self._arrivals: list[tuple[int, int, float, float]] = []
        """(time, symbol index, fair price in ticks, activity) within the present step, the next one last."""
        self._is_open = False

    def advance(self, now_ns: int) -> list[Event]:
        if not self._is_open:
            self._open()
        while True:
            arrivals = self._arrivals
            while arrivals and arrivals[-1][0] <= now_ns:
                self._arrive(*arrivals.pop())
            if arrivals or self._step_end_ns > now_ns:
                break
            self._begin_step()
        return self._exchange.take_events(now_ns)

    def _open(self) -> None:
        """Show a full book around the first price, before anything else."""
        self._is_open = True
        for index, house in enumerate(self._houses):
            liquidity, bid = self._liquidity[index], max(1, floor(self._home_ticks[index]))
            liquidity.move_to(bid, bid + 1, 0, self._step_end_ns)
            liquidity.tidy()
            house.log(self._step_end_ns)

    def _begin_step(self) -> None:
        """The step before is over: close what ends with it, move the prices, and draw who arrives in the next one."""
        begin_ns = self._step_end_ns
        if begin_ns % _MINUTE_NS == 0:
            self._exchange.close_due(begin_ns)
        self._step_end_ns = begin_ns + self._step_ns
        before, process, rng = self._ticks, self._process, self._rng
        process.step(self._step_ns / 6e10)
        values = process.log_values
        self._ticks = self._home_ticks * np.exp(values[self._bases] - values[self._quotes])
        counts = rng.poisson(self._arrivals_per_step, len(self._symbols))
        who = np.repeat(np.arange(len(counts)), counts)
        when = rng.random(len(who))
        order = np.argsort(when, kind="stable")[::-1]
        who, when = who[order], when[order]
        fair = before[who] + (self._ticks - before)[who] * when
        times = begin_ns + (when * self._step_ns).astype(np.int64)
        activity = process.activity[self._bases[who]]
        self._arrivals = list(zip(times.tolist(), who.tolist(), fair.tolist(), activity.tolist(), strict=True))

    def _arrive(self, now_ns: int, index: int, fair_ticks: float, activity: float) -> None:
        """One arrival: the quotes follow the price, then somebody trades, adds or withdraws."""
        symbol, house, liquidity, draws = self._symbols[index], self._houses[index], self._liquidity[index], self._draws
        uniform = draws.uniform
        spread = 1
        if uniform() < WIDE_QUOTES:
            spread += int(fair_ticks * WIDE_BPS * 1e-4 * draws.exponential())
        bid = max(1, floor(fair_ticks - (spread - 1) / 2))
        lots = 1 + int(symbol.lots_per_trade * activity * draws.trade_size())
        liquidity.move_to(bid, bid + spread, lots if uniform() < TRADED_MOVES else 0, now_ns)
        side, kind = (house.bids if uniform() < 0.5 else house.asks), uniform()
        if kind < MARKET_ORDERS:
            liquidity.trade(side, lots, int(_REACH_GAPS * symbol.gap_ticks), now_ns)
        elif kind < MARKET_ORDERS + LIMIT_ORDERS:
            liquidity.add_somewhere(side)
        else:
            liquidity.withdraw_somewhere(side)
        liquidity.tidy()
        house.log(now_ns)
