"""Training beside trading, with programs that end as trainings may: real processes, a real registry."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.compute.computer import AsyncFeatureComputer
from core.domain.candles import Timeframe
from core.domain.instruments import InstrumentId
from core.domain.pictures import ModelsShown
from core.model_training import ModelTraining, training_for
from core.models.coverage import BlockedTemporary, Coverage, Queued, Trained
from core.models.registry.coverage_store import CoverageStore, market_name
from core.models.roster import Change
from core.settings.compute import ComputeSettings
from core.settings.models import ModelsSettings
from core.settings.storage import StorageSettings
from core.settings.tree import Settings
from core.strategies.plans import StrategyPlan
from core.strategies.spec import StrategyDescription, StrategySpec
from tests.waiting import eventually

pytestmark = [pytest.mark.asyncio, pytest.mark.processes]

BTC = InstrumentId("BTC/USDT")
NOW_MS = 1_800_000_000_000


@pytest_asyncio.fixture
async def computer() -> AsyncIterator[AsyncFeatureComputer]:
    async with AsyncFeatureComputer(ComputeSettings(backend="threads")) as running:
        yield running


class World:
    def __init__(self, folder: Path, computer: AsyncFeatureComputer, program: str, *, limit_s: float = 60.0) -> None:
        models = ModelsSettings(train_beside=True, training_limit_s=limit_s, look_every_s=0.01)
        settings = Settings(models=models, storage=StorageSettings(data_dir=folder))
        description = StrategyDescription("model", Timeframe.M1, warmup=5, window=10, parameters={}, asks_models=True)
        self.plans = [StrategyPlan(StrategySpec("model", (BTC,)), description)]
        self.settings, self.computer, self.now_ms = settings, computer, NOW_MS
        self.store = CoverageStore(folder / "models", market_name(settings.venue.name, Timeframe.M1, "single_symbol"))
        self.training = ModelTraining(
            self.plans, settings, computer, lambda: self.now_ms, program=(sys.executable, "-c", program)
        )

    def write(self, coverage: Coverage) -> None:
        self.store.write([Change(None, coverage, is_news=False)])

    def shown(self) -> ModelsShown:
        return self.training.shown(ModelsShown({}))

    async def until(self, looked: str) -> None:
        running = asyncio.create_task(self.training.run())
        try:
            await eventually(lambda: getattr(self.shown(), looked))
        finally:
            running.cancel()
            await asyncio.wait([running])
        assert running.cancelled()


@pytest.mark.parametrize(
    "program", ["raise SystemExit(2)", "import os; os.kill(os.getpid(), 9)", "print('error: no memory')", "]"]
)
async def test_a_training_that_leaves_its_work_undone_is_not_begun_again_at_once(
    tmp_path: Path, computer: AsyncFeatureComputer, program: str
) -> None:
    world = World(tmp_path, computer, program)
    world.write(Coverage(BTC, Queued(0)))
    await world.until("training_failures")
    for _ in range(3):
        await world.training.look()
    assert (world.shown().trainings, world.shown().training_failures) == (1, 1)
    world.now_ms += 5 * 60_000
    await world.training.look()
    assert (world.shown().trainings, world.shown().training_failures) == (2, 2)


async def test_one_that_takes_too_long_is_ended(tmp_path: Path, computer: AsyncFeatureComputer) -> None:
    world = World(tmp_path, computer, "import time; time.sleep(600)", limit_s=0.2)
    await world.until("training_failures")
    assert world.shown().training == ""


async def test_its_steps_are_shown_and_cancelling_ends_it(tmp_path: Path, computer: AsyncFeatureComputer) -> None:
    world = World(tmp_path, computer, "import time; print('training: fold 1 of 2', flush=True); time.sleep(600)")
    running = asyncio.create_task(world.training.run())
    await eventually(lambda: world.shown().training == "fold 1 of 2")
    running.cancel()
    await asyncio.wait([running])
    assert world.shown().training == ""


async def test_nothing_is_begun_before_its_time(tmp_path: Path, computer: AsyncFeatureComputer) -> None:
    world = World(tmp_path, computer, "")
    for state in (Trained(NOW_MS + 1), BlockedTemporary("too short", NOW_MS + 1)):
        world.write(Coverage(BTC, state, version="v1"))
        await world.training.look()
    [line] = world.shown().coverage
    assert (line.state, line.reason, line.due_at_ms) == ("BLOCKED_TEMPORARY", "too short", NOW_MS + 1)
    assert world.shown().trainings == 0


async def test_whoever_is_not_wanted_is_not_trained(tmp_path: Path, computer: AsyncFeatureComputer) -> None:
    world = World(tmp_path, computer, "")
    world.training = ModelTraining(
        world.plans, world.settings, computer, lambda: NOW_MS, is_wanted=lambda symbol: symbol != BTC
    )
    world.write(Coverage(BTC, Queued(0)))
    await world.training.look()
    assert world.shown().trainings == 0


async def test_nobody_asked_for_it(tmp_path: Path, computer: AsyncFeatureComputer) -> None:
    world = World(tmp_path, computer, "")
    off = world.settings.model_copy(update={"models": ModelsSettings()})
    assert training_for(world.plans, off, computer, lambda: 0, (), is_wanted=lambda _: True) is None
    assert training_for([], world.settings, computer, lambda: 0, (), is_wanted=lambda _: True) is None
    assert training_for(world.plans, world.settings, computer, lambda: 0, (), is_wanted=lambda _: True) is not None
