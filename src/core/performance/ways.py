"""Three ways to do the same work: in the loop, in threads of the default pool, and through `AsyncFeatureComputer`."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from typing import TypeVar

from core.compute.computer import AsyncFeatureComputer
from core.domain.reasons import Reason
from core.features.rows import FeatureRows, compute_rows
from core.features.standard import STANDARD
from core.features.tickers import TickerFeatures
from core.market.ring_windows import RingRequest
from core.performance.workload import Markets, Workload, block
from core.settings.compute import ComputeSettings
from core.strategies.evaluation import describe
from core.strategies.evaluator import StrategyEvaluator
from core.strategies.plans import StrategyPlan
from core.strategies.ring_worker import evaluate_rings
from core.strategies.spec import StrategySpec
from core.strategies.watchlist import WatchlistSignals

T = TypeVar("T")

STRATEGY = "ema_cross"
_PRELOAD = ("core.strategies.ring_worker", "core.strategies.evaluation", "core.features.rows")


class WayName(Enum):
    INLINE = "in the loop"
    DEFAULT_POOL = "default pool"
    COMPUTER = "AsyncFeatureComputer"


class Way(ABC):
    """Symbols without an answer are counted, not raised."""

    @abstractmethod
    async def operation(self, wait_s: float) -> None:
        """One blocking call. Raises `TimeoutError` or `ComputeError` where it takes too long."""

    @abstractmethod
    async def features(self) -> int:
        """The built-in features at the newest candle of each symbol; how many symbols have them."""

    @abstractmethod
    async def signals(self) -> int:
        """A strategy's answer at the newest candle of each symbol; how many have one."""


class Inline(Way):
    """As a coroutine does that just calls. A call that blocks cannot be timed out."""

    def __init__(self, markets: Markets, plan: StrategyPlan) -> None:
        self._markets = markets
        self._plan = plan

    async def operation(self, wait_s: float) -> None:
        await self._call(block, wait_s)

    async def features(self) -> int:
        rows = [
            await self._call(compute_rows, STANDARD, [each]) for each in _requests(self._markets, self._markets.candles)
        ]
        return _whole(rows)

    async def signals(self) -> int:
        windows = _requests(self._markets, self._plan.description.window)
        answers = [await self._call(evaluate_rings, self._plan.spec, [each]) for each in windows]
        return sum(answer.signal is not None for (answer,) in answers)

    async def _call(self, fn: Callable[..., T], *args: object) -> T:
        await asyncio.sleep(0)
        return fn(*args)


class DefaultPool(Way):
    """`asyncio.to_thread` for each call, timed out by `asyncio.wait_for`."""

    def __init__(self, markets: Markets, plan: StrategyPlan, workload: Workload) -> None:
        self._markets = markets
        self._plan = plan
        self._deadline_s = workload.deadline_s

    async def operation(self, wait_s: float) -> None:
        await asyncio.wait_for(asyncio.to_thread(block, wait_s), self._deadline_s)

    async def features(self) -> int:
        windows = _requests(self._markets, self._markets.candles)
        rows = await asyncio.gather(*(asyncio.to_thread(compute_rows, STANDARD, [each]) for each in windows))
        return _whole(rows)

    async def signals(self) -> int:
        windows = _requests(self._markets, self._plan.description.window)
        calls = (asyncio.to_thread(evaluate_rings, self._plan.spec, [each]) for each in windows)
        return sum(answer.signal is not None for (answer,) in await asyncio.gather(*calls))


class OffLoop(Way):
    """Blocking calls in a lane, features and signals in worker processes, as the daemon does."""

    def __init__(
        self, markets: Markets, plan: StrategyPlan, workload: Workload, computer: AsyncFeatureComputer
    ) -> None:
        self._markets = markets
        self._plan = plan
        self._deadline_s = workload.deadline_s
        self._computer = computer
        self._features = TickerFeatures(computer, markets.store, n_candles=markets.candles)
        evaluator = StrategyEvaluator(computer, markets.store.handle, deadline_s=30.0)
        self._signals = WatchlistSignals(evaluator, markets.store)

    async def operation(self, wait_s: float) -> None:
        await self._computer.execute_blocking_operation(block, wait_s, timeout_s=self._deadline_s)

    async def features(self) -> int:
        return _whole([await self._features.compute_features_async(self._markets.keys)])

    async def signals(self) -> int:
        answers = await self._signals.generate_signals_for_watchlist_async(self._plan, self._plan.spec.symbols)
        return sum(answer.signal is not None for answer in answers.values())


@asynccontextmanager
async def opened(name: WayName, markets: Markets, workload: Workload, settings: ComputeSettings) -> AsyncIterator[Way]:
    """Raises `ComputeError` where workers can't start."""
    spec = StrategySpec(STRATEGY, tuple(key.instrument_id for key in markets.keys))
    plan = StrategyPlan(spec, describe(spec))
    if name is WayName.INLINE:
        yield Inline(markets, plan)
    elif name is WayName.DEFAULT_POOL:
        yield DefaultPool(markets, plan, workload)
    else:
        async with AsyncFeatureComputer(settings, preload=_PRELOAD) as computer:
            yield OffLoop(markets, plan, workload, computer)


def _requests(markets: Markets, count: int) -> list[RingRequest]:
    last_open_ms = markets.newest_open_ms
    return [RingRequest(key.instrument_id, markets.store.handle(key), last_open_ms, count) for key in markets.keys]


def _whole(rows: Sequence[FeatureRows]) -> int:
    faults: list[Reason | None] = [fault for each in rows for fault in each.faults]
    return sum(fault is None for fault in faults)
