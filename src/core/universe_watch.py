"""Keeps the universe: every hour or so it asks the venue what the filters of `[universe]` need of each of
`trading.symbols`, and says who has joined and who has left. Whoever is out is entered no more; what is held in it goes
its way.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence

import structlog

from core.domain.candles import Candle, Timeframe
from core.domain.errors import MetronomeError
from core.domain.instruments import Instrument, InstrumentId
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.market.fetching import MarketFetcher
from core.market.picture import MarketPicture
from core.market.universe import HOURS_LOOKED_AT, Out, SymbolFacts, Universe, facts_of, outs, refresh
from core.ports.clock import MonotonicClock, TradingClock
from core.runtime.clocks import NS_PER_MS
from core.runtime.scheduler import Scheduler
from core.settings.universe import UniverseSettings

log = structlog.get_logger()

_JOB = "universe"
_AT_ONCE = 2
"""Requests side by side: the market's own go first."""
_LOOK_S = 60.0
"""One look; what has not come by then is asked for again soon."""
_AGAIN_S = 300.0
_EVERY_S = 10.0
"""Whether it is time."""
_NS_PER_S = 1_000_000_000


class UniverseWatch:
    """Read it from the loop."""

    def __init__(
        self,
        symbols: Collection[InstrumentId],
        settings: UniverseSettings,
        *,
        fetcher: MarketFetcher,
        market: MarketPicture,
        instruments: Callable[[], Mapping[InstrumentId, Instrument]],
        is_held: Callable[[InstrumentId], bool],
        clock: TradingClock,
        monotonic: MonotonicClock,
    ) -> None:
        """`is_held`: whether there is a position or an order at work."""
        self._symbols = tuple(symbols)
        self._settings = settings
        self._fetcher = fetcher
        self._market = market
        self._instruments = instruments
        self._is_held = is_held
        self._clock = clock
        self._monotonic = monotonic
        self._next_ns = 0
        self._facts: dict[InstrumentId, SymbolFacts] = {}
        self._universe = Universe(frozenset(symbols))
        self._outs: Mapping[InstrumentId, Out] = {}

    def no_entry(self, symbol: InstrumentId) -> Reason | None:
        """Why nothing may be entered in it; `None`: it may."""
        why = self._outs.get(symbol)
        return None if why is None else because(ReasonCode.OUTSIDE_UNIVERSE, filter=why.value)

    def is_wanted(self, symbol: InstrumentId) -> bool:
        """Whether it is traded, or at least to be got out of."""
        return symbol in self._universe.traded or symbol in self._universe.leaving

    def use(self, settings: UniverseSettings) -> None:
        """From the next look on, which comes soon."""
        if settings != self._settings:
            self._settings, self._next_ns = settings, 0

    def begin(self, scheduler: Scheduler) -> None:
        """Looks every `refresh_s`, and whenever the settings are others."""
        scheduler.every(_JOB, _EVERY_S, self.look_if_due, timeout_s=_LOOK_S + 10.0)

    async def look_if_due(self) -> None:
        """Takes a minute at most. Never raises for what the venue does: a symbol of which nothing can be learned now is
        judged by what was learned before, and asked about again soon. Cancelling is safe."""
        if self._monotonic.now_ns() < self._next_ns:
            return
        self._look_again_in(self._settings.refresh_s)
        if self._settings.is_filtered:
            await self._learn_all()
        self._judge()

    def _look_again_in(self, wait_s: float) -> None:
        self._next_ns = self._monotonic.now_ns() + int(wait_s * _NS_PER_S)

    def _judge(self) -> None:
        now_ms = self._clock.now_ns() // NS_PER_MS
        market = {each: self._facts.get(each, SymbolFacts()) for each in self._symbols}
        if self._settings.is_filtered and not self._facts:
            market = {}  # nobody has answered yet
        held = [each for each in self._symbols if self._is_held(each)]
        changes = refresh(self._universe, market, held, self._settings, now_ms)
        self._universe, self._outs = changes.after, outs(market, self._settings, now_ms)
        for symbol, why in changes.left.items():
            log.info("universe_left", symbol=symbol, filter=why.value, held=symbol in held, **_said(market[symbol]))
        for symbol in sorted(changes.joined):
            log.info("universe_joined", symbol=symbol, **_said(market[symbol]))

    async def _learn_all(self) -> None:
        left = dict.fromkeys(self._symbols, "not answered in time")
        slots = asyncio.Semaphore(_AT_ONCE)

        async def learn(symbol: InstrumentId) -> None:
            async with slots:
                try:
                    self._facts[symbol] = await self._ask(symbol)
                except MetronomeError as error:
                    left[symbol] = str(error)
                else:
                    del left[symbol]

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await asyncio.gather(*(learn(symbol) for symbol in self._symbols))
        if left:
            log.warning("universe_not_learned", symbols=len(left), first=": ".join(next(iter(left.items()))))
            self._look_again_in(min(self._settings.refresh_s, _AGAIN_S))

    async def _ask(self, symbol: InstrumentId) -> SymbolFacts:
        wanted, listed_ms, spread_bps = self._settings, None, None
        hours = await self._closed(symbol, Timeframe.H1, HOURS_LOOKED_AT)
        if wanted.least_age_days is not None:
            days = await self._closed(symbol, Timeframe.D1, wanted.least_age_days)
            listed_ms = days[0].open_ms if days else None
        if wanted.most_spread_bps is not None:
            if self._market.quote(symbol) is None:
                await self._fetcher.quote(symbol)
            quote = self._market.quote(symbol)
            if quote is not None and quote.mid:
                spread_bps = float((quote.ask - quote.bid) / quote.mid) * 10_000
        multiplier = float(self._instruments()[symbol].multiplier)
        return facts_of(hours, multiplier=multiplier, spread_bps=spread_bps, listed_ms=listed_ms)

    async def _closed(self, symbol: InstrumentId, timeframe: Timeframe, count: int) -> Sequence[Candle]:
        candles = await self._fetcher.recent(symbol, timeframe, count + 1)
        open_ms = timeframe.open_ms(self._clock.now_ns() // NS_PER_MS)
        return [each for each in candles if each.open_ms < open_ms]


def _said(facts: SymbolFacts) -> dict[str, float]:
    said = {
        "daily_volume": facts.daily_volume,
        "spread_bps": facts.spread_bps,
        "volatility_pct": facts.volatility_pct,
    }
    return {name: round(value, 3) for name, value in said.items() if value is not None}
