"""The generated market: asset values move by the price process, anonymous orders arrive at random and follow them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.simulation.engine.crowd import Crowd, Pace
from core.simulation.engine.draws import Draws
from core.simulation.engine.events import Event
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.liquidity import Liquidity
from core.simulation.engine.process import FloatArray, PriceProcess

_MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class LiveSymbol:
    """One symbol of the generated market; `base` and `quote` are indices of its assets in the process."""

    name: str
    base: int
    quote: int
    price_ticks: float
    """Price where the process is anchored, in ticks."""
    pace: Pace


class GeneratedMarket:
    """Prices move from step to step of the process; the crowd has steps of its own, so results do not depend on the
    calls' times. `start_ns` is a whole minute.
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
        self._bases = np.array([symbol.base for symbol in symbols])
        self._quotes = np.array([symbol.quote for symbol in symbols])
        self._home_ticks: FloatArray = np.array([symbol.price_ticks for symbol in symbols])
        self._crowd = Crowd(
            [exchange.house(symbol.name) for symbol in symbols],
            liquidity,
            [symbol.pace for symbol in symbols],
            messages_per_s=messages_per_s,
            rng=np.random.default_rng(seed),
            draws=draws,
        )
        self._step_end_ns = start_ns
        self._ticks: FloatArray = self._home_ticks
        self._is_open = False

    def advance(self, now_ns: int) -> list[Event]:
        if not self._is_open:
            self._is_open = True
            self._crowd.open(self._home_ticks, self._step_end_ns)
        while self._crowd.play(now_ns) and self._step_end_ns <= now_ns:
            self._begin_step()
        return self._exchange.take_events(now_ns)

    def _begin_step(self) -> None:
        """The step before is over: close what ends with it, move the prices, and draw who arrives in the next one."""
        begin_ns, process = self._step_end_ns, self._process
        if begin_ns % _MINUTE_NS == 0:
            self._exchange.close_due(begin_ns)
        self._step_end_ns = begin_ns + self._crowd.step_ns
        before = self._ticks
        process.step(self._crowd.step_ns / 6e10)
        values = process.log_values
        self._ticks = self._home_ticks * np.exp(values[self._bases] - values[self._quotes])
        self._crowd.begin(begin_ns, before, self._ticks, process.activity[self._bases])
