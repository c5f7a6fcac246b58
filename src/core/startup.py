"""The steps from an address to a market that can be decided on: reach the venue, learn its instruments, load the
strategies, fill the candle rings. Each waits or complains in words; none gives up on a venue that is merely down."""

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import structlog

from core.compute.computer import AsyncFeatureComputer, Kind
from core.domain.errors import (
    BudgetSpent,
    ComputeError,
    DeadlineExceeded,
    MetronomeError,
    RequestRefused,
    SettingsError,
    VenueError,
    WorkerDied,
)
from core.domain.instruments import Instrument, InstrumentId
from core.market.fetching import MarketFetcher
from core.ports.clock import MonotonicClock
from core.ports.venue import VenueRest
from core.runtime.synced_clock import SyncedClock
from core.settings.trading import TradingSettings
from core.settings.venue import VenueSettings
from core.strategies.plans import StrategyPlan, SymbolPlan
from core.strategies.spec import StrategyDescription, StrategySpec
from core.strategies.worker import describe
from core.venue_lanes import read_deadline_s

log = structlog.get_logger()

T = TypeVar("T")

_FIRST_SAMPLES = 5
"""The first answer is slow (connecting, importing): the best of these sets the clock."""
_RETRY_S = (1.0, 2.0, 5.0, 10.0)
_LONGEST_RETRY_S = 60.0
"""However long the venue tells us to stay away: the adapter keeps to that by itself."""
_DESCRIBE_DEADLINE_S = 60.0
"""Importing a user's strategy for the first time may compile what it needs."""
_FILL_RETRY_S = (1.0, 2.0, 0.0)
_BUDGET_PATIENCE_S = 600.0
"""What other daemons on this machine use of a venue's limits comes free within their windows."""


class Startup:
    """Runs blocking calls in lanes and workers; `say(state, note)` shows the world what is waited for.
    Cancelling any step is safe."""

    def __init__(
        self,
        computer: AsyncFeatureComputer,
        clock: SyncedClock,
        monotonic: MonotonicClock,
        *,
        trading: TradingSettings,
        venue: VenueSettings,
        say: Callable[[str, str], None],
    ) -> None:
        self._computer = computer
        self._clock = clock
        self._monotonic = monotonic
        self._trading = trading
        self._venue = venue
        self.say = say

    async def reach(self, rest: VenueRest, clock: SyncedClock | None = None) -> None:
        """Wait for the venue for as long as it takes, and set `clock` by it (`None`: the clock decisions go by). Raises
        `RequestRefused` where it answers and says no."""
        for _ in range(_FIRST_SAMPLES):
            await self.patiently("server_time", lambda: self.sample_clock(rest, clock))

    async def sample_clock(self, rest: VenueRest, clock: SyncedClock | None = None) -> None:
        """Ask the venue the time once, as in `reach`. Raises `VenueError` or `ComputeError`."""

        def sample() -> tuple[int, int, int, float]:
            sent_ns = self._monotonic.now_ns()
            server_ms = rest.server_time_ms()
            return server_ms, sent_ns, self._monotonic.now_ns(), rest.clock_speed()

        server_ms, sent_ns, received_ns, speed = await self.call(sample, operation="server_time")
        clock = clock or self._clock
        steps, before_ns = clock.statistics().steps, clock.now_ns()
        clock.observe(server_ms, sent_ns, received_ns, declared_speed=speed)
        if clock.statistics().steps > steps:
            log.warning("venue_clock_stepped", by_s=round((clock.now_ns() - before_ns) / 1e9, 3))

    async def instruments(self, rest: VenueRest) -> Mapping[InstrumentId, Instrument]:
        """All that the venue lists. Raises `SettingsError` for a symbol in the settings that it does not."""
        listed: dict[InstrumentId, Instrument] = {}

        async def learn() -> None:
            listed.update(await self.call(rest.instruments, operation="instruments"))

        await self.patiently("instruments", learn)
        self._check_symbols(listed)
        return listed

    async def epoch(self, rest: VenueRest) -> str | None:
        """The identity of a simulated venue's books; `None`: a real venue."""
        found: list[str | None] = []

        async def learn() -> None:
            found.append(await self.call(rest.epoch_id, operation="epoch"))

        await self.patiently("epoch", learn)
        return found[0]

    async def strategies(self) -> list[StrategyPlan]:
        """Load each configured strategy in a worker. Raises `SettingsError` with the place of the fault."""
        symbols = tuple(InstrumentId(symbol) for symbol in self._trading.symbols)
        plans = []
        for configured in self._trading.strategies:
            spec = StrategySpec.from_settings(configured, symbols, self._trading.strategies_dir)
            plans.append(StrategyPlan(spec, await self._describe(spec)))
        return plans

    async def fill_rings(self, fetcher: MarketFetcher, plans: Sequence[SymbolPlan], *, at_once: int) -> None:
        """Fetch every series' history, `at_once` (as the lane has threads) side by side. A series that
        can't be had is left to its first cycle, with a word in the log."""
        done = 0
        threads = asyncio.Semaphore(at_once)

        async def fill(plan: SymbolPlan) -> None:
            nonlocal done
            async with threads:  # one that stood in line for a thread would spend the time it has there
                await self._fill(fetcher, plan)
            done += 1
            self.say("starting", f"candles of {done} of {len(plans)} series")

        await asyncio.gather(*(fill(plan) for plan in plans))

    async def patiently(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        """Do one step of the start, again and again while the venue does not answer. Raises `RequestRefused` where it
        answers and says no."""
        attempt = 0
        while True:
            try:
                await step()
            except RequestRefused:
                raise
            except (VenueError, ComputeError) as error:
                told_s = getattr(error, "retry_after_s", None) or 0.0
                wait_s = max(_RETRY_S[min(attempt, len(_RETRY_S) - 1)], min(told_s, _LONGEST_RETRY_S))
                attempt += 1
                note = f"{self._venue.name} does not answer ({what}): {error}"
                if attempt == 1:
                    log.warning("waiting_for_venue", reason=note)
                self.say("waiting_for_venue", note)
                await asyncio.sleep(wait_s)
            else:
                if attempt:
                    log.info("venue_is_back", attempts=attempt)
                self.say("starting", "")
                return

    async def call(self, fn: Callable[..., T], *args: object, operation: str) -> T:
        """One blocking read in the data lane. Raises what `fn` raises, or `ComputeError`."""
        return await self._computer.run(
            fn, *args, kind=Kind.IO, lane="data", deadline_s=read_deadline_s(self._venue), operation=operation
        )

    async def _describe(self, spec: StrategySpec) -> StrategyDescription:
        try:
            description: StrategyDescription = await self._computer.run(
                describe,
                spec,
                kind=Kind.CPU if spec.is_built_in else Kind.USER_CODE,
                deadline_s=_DESCRIBE_DEADLINE_S,
                operation="describe",
            )
        except (WorkerDied, DeadlineExceeded) as error:
            where = "" if spec.directory is None else f" (trading.strategies_dir = {spec.directory!r})"
            raise SettingsError(f"strategy {spec.use!r}{where} can't be loaded: {error}") from error
        return description

    async def _fill(self, fetcher: MarketFetcher, plan: SymbolPlan) -> None:
        for wait_s in _FILL_RETRY_S:
            try:
                await self._within_budget(lambda: fetcher.candles(plan.key, plan.window))
            except MetronomeError as error:
                log.warning("backfill_failed", symbol=plan.key.instrument_id, error=str(error))
                await asyncio.sleep(wait_s)
            else:
                return

    async def _within_budget(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do it, and wait for the venue's limits as long as they take, within reason."""
        until_s = asyncio.get_running_loop().time() + _BUDGET_PATIENCE_S
        while True:
            try:
                return await step()
            except BudgetSpent as spent:
                wait_s = spent.retry_after_s or 1.0
                if asyncio.get_running_loop().time() + wait_s > until_s:
                    raise
                self.say("starting", f"candles wait for the venue's limits: {spent.message}")
                await asyncio.sleep(wait_s)

    def _check_symbols(self, listed: Iterable[InstrumentId]) -> None:
        known = set(listed)
        of_strategies = (symbol for each in self._trading.strategies for symbol in each.symbols or ())
        unknown = [each for each in dict.fromkeys([*self._trading.symbols, *of_strategies]) if each not in known]
        if unknown:
            venue = self._venue.name
            raise SettingsError(
                "\n".join(f"trading.symbols: {venue} lists no {each}.{_nearest(each, known)}" for each in unknown)
            )


def _nearest(symbol: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(symbol, known, n=3)
    return f" Did you mean {', '.join(close)}?" if close else ""
