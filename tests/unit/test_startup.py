"""The way from an address to a market: what is waited for, what is refused, and in which words."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from core.domain.candles import SeriesKey, Timeframe
from core.domain.errors import (
    DeadlineExceeded,
    LaneBroken,
    RequestRefused,
    SettingsError,
    VenueUnavailable,
    WorkerDied,
)
from core.domain.instruments import InstrumentId
from core.runtime.clocks import VirtualClock
from core.runtime.synced_clock import SyncedClock
from core.settings.trading import StrategySettings, TradingSettings
from core.settings.venue import VenueSettings
from core.startup import Startup
from core.strategies.plans import StrategyPlan, SymbolPlan, plan_symbols
from core.strategies.spec import StrategyDescription, StrategySpec
from tests.unit.instruments import spot

BTC, ETH = InstrumentId("BTC/USDT"), InstrumentId("ETH/USDT")
DESCRIBED = StrategyDescription("any", Timeframe.M1, warmup=2, window=150, parameters={})


class Venue:
    """Raises what `troubles` holds, one a call, before it answers."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = list(troubles)
        self.calls: list[str] = []

    def server_time_ms(self) -> int:
        return self._answer("time", 1_800_000_000_000)

    def clock_speed(self) -> float:
        return 20.0

    def instruments(self) -> dict[InstrumentId, Any]:
        return self._answer("instruments", {each: spot(each) for each in (BTC, ETH)})

    def epoch_id(self) -> str | None:
        return self._answer("epoch", "books-1")

    def _answer(self, call: str, answer: Any) -> Any:
        self.calls.append(call)
        if self.troubles:
            raise self.troubles.pop(0)
        return answer


class Inline:
    """Runs what it is given at once; raises `error` instead of describing a strategy."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def run(self, fn: Callable[..., Any], *args: Any, operation: str = "", **_: Any) -> Any:
        if operation == "describe":
            if self.error is not None:
                raise self.error
            return DESCRIBED
        return fn(*args)


class World:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, **trading: Any) -> None:
        self.monotonic = VirtualClock(5_000_000_000)
        self.clock = SyncedClock(self.monotonic)
        self.computer = Inline()
        self.said: list[tuple[str, str]] = []
        self.slept: list[float] = []
        self.startup = Startup(
            self.computer,
            self.clock,
            self.monotonic,
            trading=TradingSettings(**{"symbols": (BTC, ETH), **trading}),
            venue=VenueSettings(),
            say=lambda state, note: self.said.append((state, note)),
        )
        pause = asyncio.sleep

        async def sleep(delay_s: float) -> None:
            self.slept.append(delay_s)
            await pause(0)

        monkeypatch.setattr("core.startup.asyncio.sleep", sleep)


async def test_a_venue_that_answers_sets_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    world, venue = World(monkeypatch), Venue()
    await world.startup.reach(venue)
    assert world.clock.speed == 20.0
    assert abs(world.clock.now_ns() - 1_800_000_000_000 * 1_000_000) <= 1_000_000
    assert {state for state, _ in world.said} == {"starting"}
    assert world.slept == []


@pytest.mark.parametrize("trouble", [VenueUnavailable("connection refused"), LaneBroken("all threads hang")])
async def test_a_venue_that_is_down_is_waited_for_in_words(monkeypatch: pytest.MonkeyPatch, trouble: Exception) -> None:
    world, venue = World(monkeypatch), Venue(*[trouble] * 7)
    await world.startup.reach(venue)
    assert ("waiting_for_venue", f"sim does not answer (server_time): {trouble}") in world.said
    assert world.said[-1] == ("starting", "")
    assert world.slept == [1.0, 2.0, 5.0, 10.0, 10.0, 10.0, 10.0], "more and more patiently, and for ever"


@pytest.mark.parametrize("step", ["reach", "instruments", "epoch"])
async def test_a_venue_that_says_no_is_not_asked_again(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    world, venue = World(monkeypatch), Venue(RequestRefused("IP banned", code=-1003))
    with pytest.raises(RequestRefused, match="IP banned"):
        await getattr(world.startup, step)(venue)
    assert len(venue.calls) == 1


async def test_each_step_is_as_patient_as_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    trouble = VenueUnavailable("gone again")
    assert await world.startup.epoch(Venue(trouble)) == "books-1"
    listed = await world.startup.instruments(Venue(trouble))
    assert set(listed) == {BTC, ETH}
    assert [note for state, note in world.said if state == "waiting_for_venue"] == [
        "sim does not answer (epoch): gone again",
        "sim does not answer (instruments): gone again",
    ]


async def test_symbols_that_the_venue_does_not_list_are_all_named_with_their_nearest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, symbols=("BTC/USDC", "BTC/USDT", "XYZ/QQQ"))
    with pytest.raises(SettingsError) as refused:
        await world.startup.instruments(Venue())
    assert str(refused.value).splitlines() == [
        "trading.symbols: sim lists no BTC/USDC. Did you mean BTC/USDT, ETH/USDT?",
        "trading.symbols: sim lists no XYZ/QQQ.",
    ]


async def test_strategies_are_described_by_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = (StrategySettings(use="ema_cross"), StrategySettings(use="donchian_breakout", symbols=(BTC,)))
    world = World(monkeypatch, strategies=chosen)
    first, second = await world.startup.strategies()
    assert (first.spec.use, first.spec.symbols) == ("ema_cross", (BTC, ETH))
    assert (second.spec.symbols, second.description) == ((BTC,), DESCRIBED)


@pytest.mark.parametrize(
    "error", [WorkerDied("describe: its worker ended with exit code 3"), DeadlineExceeded("describe still ran")]
)
async def test_a_strategy_that_takes_its_worker_down_is_named(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    world = World(monkeypatch, strategies=(StrategySettings(use="mine"),), strategies_dir="my_strategies")
    world.computer.error = error
    with pytest.raises(SettingsError) as refused:
        await world.startup.strategies()
    assert str(refused.value) == (
        f"strategy 'mine' (trading.strategies_dir = 'my_strategies') can't be loaded: {error}"
    )


async def test_rings_are_filled_and_one_that_cannot_be_is_left_to_its_first_cycle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, filled = World(monkeypatch), []

    async def candles(key: SeriesKey, count: int) -> None:
        if key.instrument_id == ETH:
            raise VenueUnavailable("later")
        filled.append((key.instrument_id, count))

    await world.startup.fill_rings(SimpleNamespace(candles=candles), both(), at_once=1)
    assert filled == [(BTC, 150)]
    assert world.slept == [1.0, 2.0, 0.0], "tried three times"
    assert [note for _, note in world.said] == ["candles of 1 of 2 series", "candles of 2 of 2 series"]


def both() -> tuple[SymbolPlan, ...]:
    return plan_symbols([StrategyPlan(StrategySpec("any", (BTC, ETH)), DESCRIBED)])
