"""A coordinator in a room of its own: real store, account, gate and decisions; a scripted venue and strategies."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from core.decision.inputs import AgeLimits
from core.decision.recent import RecentDecisions
from core.domain.candles import Candle, SeriesKey, Timeframe
from core.domain.instruments import Instrument, InstrumentId
from core.domain.market import CandleChanged, QuoteChanged
from core.domain.signals import Direction, Signal
from core.domain.status import DecisionLine
from core.market.candle_store import CandleStore
from core.market.feeds import FeedHealth
from core.market.fetching import MarketFetcher
from core.market.picture import MarketPicture
from core.market.quotes import Quotes
from core.portfolio.portfolio import Portfolio
from core.ports.venue import StreamSubscriptions
from core.production_coordinator import CoordinatorSettings, ProductionCoordinator
from core.risk.account import Account
from core.risk.approval import ApprovedIntent
from core.risk.gate import RiskGate
from core.runtime.breaker import BreakerPolicy, Breakers
from core.runtime.clocks import VirtualClock
from core.settings.risk import RiskSettings, SizingSettings
from core.settings.slicing import SlicingSettings
from core.strategies.plans import StrategyPlan, plan_symbols
from core.strategies.spec import Analytics, Evaluation, StrategyDescription, StrategySpec
from tests.unit.instruments import spot

MINUTE_MS = 60_000
START_MS = 1_800_000_000_000 - 1_800_000_000_000 % MINUTE_MS
SYMBOLS = tuple(InstrumentId(f"{base}/USDT") for base in ("AAA", "BBB", "CCC"))


def candle(open_ms: int, price: float = 100.0) -> Candle:
    return Candle(open_ms, price, price + 1, price - 1, price, 5.0)


class ScriptedVenue:
    """`ohlcv` answers with what `pages` holds, or raises `error`: always, or `times` only."""

    def __init__(self) -> None:
        self.asked: list[InstrumentId] = []
        self.pages: dict[InstrumentId, list[Candle]] = {}
        self.error: Exception | None = None
        self.times: int | None = None

    @property
    def capabilities(self) -> Any:
        return type("Capabilities", (), {"max_klines": 1_000})

    def ohlcv(
        self, instrument_id: InstrumentId, timeframe: Timeframe, since_ms: int | None, limit: int
    ) -> list[Candle]:
        self.asked.append(instrument_id)
        if self.error is not None and self.times != 0:
            self.times = None if self.times is None else self.times - 1
            raise self.error
        return self.pages.get(instrument_id, [])


class InlineComputer:
    """Runs what it is given at once; hangs for the symbols in `hung`, stubbornly for those in `stubborn`."""

    def __init__(self) -> None:
        self.hung: set[InstrumentId] = set()
        self.stubborn: set[InstrumentId] = set()
        self.release = asyncio.Event()

    async def run(self, fn: Callable[..., Any], *args: Any, **_: Any) -> Any:
        if args and args[0] in self.stubborn:
            while not self.release.is_set():
                try:
                    await self.release.wait()
                except asyncio.CancelledError:
                    continue
        if args and args[0] in self.hung:
            await asyncio.get_running_loop().create_future()
        return fn(*args)


class ScriptedStrategies:
    """Answers from `signals`; an exception there is raised."""

    def __init__(self) -> None:
        self.signals: dict[InstrumentId, Signal | Exception] = {}

    async def evaluate(self, plan: StrategyPlan, key: SeriesKey, close_ms: int) -> Evaluation:
        answer = self.signals.get(key.instrument_id, Signal(Direction.FLAT, hold=True))
        if isinstance(answer, Exception):
            raise answer
        return Evaluation(
            strategy=plan.name,
            instrument_id=key.instrument_id,
            close_ms=close_ms,
            signal=answer,
            error=None,
            analytics=Analytics(last_close=100.0, annualised_volatility=0.5),
        )

    async def close(self) -> None:
        pass


class Streams:
    async def resubscribe(self, instrument_ids: object) -> None: ...

    async def reconnect(self, instrument_ids: object) -> None: ...


@dataclass
class Room:
    coordinator: ProductionCoordinator
    clock: VirtualClock
    venue: ScriptedVenue
    computer: InlineComputer
    strategies: ScriptedStrategies
    decisions: RecentDecisions
    breakers: Breakers
    instruments: dict[InstrumentId, Instrument]
    """As the venue lists them; a test may change them."""
    handed_off: list[ApprovedIntent] = field(default_factory=list)

    def close_candle(self, symbol: InstrumentId, close_ms: int, price: float = 100.0) -> None:
        """The stream says that the candle which closes at `close_ms` is final."""
        received_ns = self.clock.now_ns()
        self.coordinator.publish(
            CandleChanged(
                symbol, Timeframe.M1, candle(close_ms - MINUTE_MS, price), True, close_ms * 1_000_000, received_ns
            )
        )

    def quote(self, symbol: InstrumentId, price: float = 100.0) -> None:
        self.coordinator.publish(
            QuoteChanged(symbol, price, 50.0, price + 0.01, 50.0, self.clock.now_ns(), None, self.clock.now_ns())
        )

    def lines(self, symbol: InstrumentId) -> list[DecisionLine]:
        """Oldest first."""
        return list(reversed(self.decisions.of(symbol, 1_000)))

    async def settled(self, symbol: InstrumentId, n: int) -> list[DecisionLine]:
        """Waits until the symbol has `n` decisions."""
        async with asyncio.timeout(5):
            while len(self.lines(symbol)) < n:
                await asyncio.sleep(0)
        return self.lines(symbol)


@asynccontextmanager
async def open_room(*, symbol_timeout_s: float = 0.05, ask_again_s: tuple[float, ...] = ()) -> AsyncIterator[Room]:
    clock = VirtualClock(START_MS * 1_000_000)
    instruments: dict[InstrumentId, Instrument] = {symbol: spot(symbol) for symbol in SYMBOLS}
    plan = StrategyPlan(
        StrategySpec("scripted", SYMBOLS),
        StrategyDescription("scripted", Timeframe.M1, warmup=2, window=10, parameters={}),
    )
    plans = plan_symbols([plan])
    keys = tuple(each.key for each in plans)
    subscriptions = StreamSubscriptions(candles=keys, quotes=SYMBOLS)
    market = MarketPicture(CandleStore(keys), Quotes(), FeedHealth(subscriptions, clock))
    for key in keys:
        market.backfill(key, [candle(START_MS - n * MINUTE_MS) for n in range(20, 0, -1)], START_MS)
    portfolio = Portfolio("USDT", instruments)
    portfolio.deposit("USDT", Decimal(100_000))
    account = Account(
        portfolio,
        RiskGate(RiskSettings()),
        "USDT",
        price=lambda _: Decimal(100),
        instruments=lambda: instruments,
        monotonic=clock,
    )
    decisions = RecentDecisions()
    breakers = Breakers(BreakerPolicy(failures_to_open=3), clock)
    venue, computer, strategies = ScriptedVenue(), InlineComputer(), ScriptedStrategies()
    handed_off: list[ApprovedIntent] = []
    coordinator = ProductionCoordinator(
        plans,
        market=market,
        fetcher=MarketFetcher(venue, computer, market, clock, clock, deadline_s=1.0),
        streams=Streams(),
        evaluator=strategies,
        account=account,
        instruments=lambda: instruments,
        hand_off=handed_off.append,
        decisions=decisions,
        breakers=breakers,
        trading_clock=clock,
        monotonic_clock=clock,
        settings=CoordinatorSettings(
            symbol_timeout_s, False, AgeLimits(20.0, 5.0, 1e9), SizingSettings(), SlicingSettings(), ask_again_s
        ),
    )
    room = Room(coordinator, clock, venue, computer, strategies, decisions, breakers, instruments, handed_off)
    account.assume_balances(coordinator.now())
    running = asyncio.create_task(coordinator.run())
    await asyncio.sleep(0)
    try:
        yield room
    finally:
        computer.release.set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
