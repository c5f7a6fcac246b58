"""The watch over a real registry; what computes is this process's own thread."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from core.compute.computer import AsyncFeatureComputer, Kind
from core.domain.candles import Timeframe
from core.domain.errors import DeadlineExceeded, QueueFull, WorkerDied
from core.domain.instruments import InstrumentId
from core.models import artifacts
from core.models.registry.registry import Registry
from core.models.serving import shelf
from core.models.serving.in_use import Standing
from core.models.serving.shelf import WarmUp
from core.models.serving.watch import ModelWatch
from core.models.stages import Stage, StageEvent
from core.settings.compute import ComputeSettings
from tests.unit.models.trained import CREATED_MS, HOUR_MS, manifest, trained

pytestmark = pytest.mark.asyncio

BTC, SCOPE = InstrumentId("BTC/USDT"), "sim 1m BTC/USDT"
MINUTE_MS = 60_000
MIDDLE_MS = CREATED_MS - CREATED_MS % MINUTE_MS + MINUTE_MS // 2
CLOSES_MS = [MIDDLE_MS + MINUTE_MS // 2 + n * MINUTE_MS for n in range(4)]


class World:
    def __init__(self, folder: Path, computer: AsyncFeatureComputer) -> None:
        self.registry, self.folder, self.now_ms = Registry(folder), folder, MIDDLE_MS
        for number, version in enumerate(("v1", "v2", "v3")):
            self.registry.publish(manifest(number, version=version), trained().fitted.trees.text, "trained")
        self.watch = ModelWatch(
            folder,
            "sim",
            computer,
            lambda: self.now_ms,
            candle_ms=MINUTE_MS,
            bounds=WarmUp(symbols=2, window=100, limit_ms=10_000.0),
        )

    async def promote(self, version: str, *, damaged: bool = False) -> None:
        self.registry.promote(version, "by hand", self.now_ms)
        if damaged:
            (self.folder / version / artifacts.TREES).write_text("tree\n")
        await self.watch.look()

    def decides(self, close_ms: int) -> str:
        chosen = self.watch.for_close(close_ms).of(BTC, Timeframe.M1, close_ms)
        return chosen.version if isinstance(chosen, Standing) else str(chosen)

    def stages(self) -> dict[str, Stage]:
        return {each.version: each.stage for each in self.registry.models()}


@pytest_asyncio.fixture
async def computer() -> AsyncIterator[AsyncFeatureComputer]:
    async with AsyncFeatureComputer(ComputeSettings(backend="threads")) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, computer: AsyncFeatureComputer, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(shelf, "_shelf", {})
    return World(tmp_path / "models", computer)


async def test_a_swap_happens_between_two_closes_and_for_all_that_ask(world: World):
    assert world.decides(CLOSES_MS[0]).startswith("MODEL_MISSING")
    await world.promote("v1")
    assert world.decides(CLOSES_MS[0]).startswith("MODEL_MISSING"), "this close has begun without"
    assert world.decides(CLOSES_MS[1]) == "v1"
    await world.promote("v2")
    assert [world.decides(CLOSES_MS[1]) for _ in range(2)] == ["v1", "v1"]
    assert world.decides(CLOSES_MS[2]) == "v2"
    assert world.decides(CLOSES_MS[1]) == "v1", "who is late is decided with what its neighbours were"
    seen = world.watch.statistics()
    assert (seen.loads, seen.swaps, seen.refusals, seen.in_use) == (2, 2, 0, {SCOPE: "v2"})


async def test_each_new_live_version_is_loaded_once(world: World):
    await world.promote("v1")
    for close_ms in CLOSES_MS:
        await world.watch.look()
        assert world.decides(close_ms) == "v1"
    assert world.watch.statistics().loads == 1


async def test_a_bad_artifact_is_rejected_and_the_old_one_stays(world: World):
    await world.promote("v1")
    assert world.decides(CLOSES_MS[0]) == "v1"
    await world.promote("v2", damaged=True)
    assert world.decides(CLOSES_MS[1]) == "v1"
    assert world.stages() == {"v1": Stage.LIVE, "v2": Stage.REJECTED, "v3": Stage.CANDIDATE}
    await world.watch.look()
    seen = world.watch.statistics()
    assert (seen.loads, seen.refusals, seen.in_use) == (2, 1, {SCOPE: "v1"})
    assert "v2: model.txt has 5 bytes" in seen.last_refusal


async def test_where_nothing_was_live_before_nothing_is(world: World):
    await world.promote("v1", damaged=True)
    assert world.decides(CLOSES_MS[0]).startswith("MODEL_MISSING")
    assert world.stages()["v1"] is Stage.REJECTED


async def test_what_is_taken_out_of_use_decides_nothing_more(world: World):
    await world.promote("v1")
    assert world.decides(CLOSES_MS[0]) == "v1"
    world.registry.move("v1", StageEvent.BREACHED, "drift", world.now_ms)
    await world.watch.look()
    assert world.decides(CLOSES_MS[0]) == "v1"
    assert world.decides(CLOSES_MS[1]).startswith("MODEL_MISSING")


async def test_what_expired_is_called_so_whoever_noticed_it(world: World):
    await world.promote("v1")
    long_after_ms = CREATED_MS + 1_000 * HOUR_MS
    assert world.decides(long_after_ms) == "MODEL_EXPIRED model=v1"
    world.registry.expire(long_after_ms)
    await world.watch.look()
    assert world.decides(long_after_ms + MINUTE_MS) == "MODEL_EXPIRED model=v1"


async def test_a_pin_counts_from_the_next_close(world: World):
    await world.promote("v1")
    long_after_ms = CREATED_MS + 1_000 * HOUR_MS
    assert world.decides(long_after_ms) == "MODEL_EXPIRED model=v1"
    world.registry.pin("v1", is_pinned=True, now_ms=world.now_ms)
    await world.watch.look()
    assert world.decides(long_after_ms + MINUTE_MS) == "v1"


async def test_nothing_is_loaded_while_candles_close_but_at_the_start(world: World):
    world.now_ms = CLOSES_MS[0] + 1_000
    await world.promote("v1")
    assert world.watch.statistics().loads == 0
    await world.watch.look(at_once=True)
    assert world.decides(CLOSES_MS[0]) == "v1"


class Troubled:
    """The computer, whose next load fails."""

    def __init__(self, inner: AsyncFeatureComputer, error: Exception) -> None:
        self._inner, self._errors = inner, [error]

    async def run(self, fn: Callable[..., Any], /, *args: Any, kind: Kind, **kwargs: Any) -> Any:
        if kind is Kind.CPU and self._errors:
            raise self._errors.pop()
        return await self._inner.run(fn, *args, kind=kind, **kwargs)


@pytest.mark.parametrize("error", [QueueFull("full"), DeadlineExceeded("stood in line", started=False)])
async def test_a_load_that_never_ran_is_tried_again(
    world: World, computer: AsyncFeatureComputer, error: Exception, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(world.watch, "_computer", Troubled(computer, error))
    await world.promote("v1")
    assert world.decides(CLOSES_MS[0]).startswith("MODEL_MISSING")
    await world.watch.look()
    assert world.decides(CLOSES_MS[1]) == "v1"
    assert world.watch.statistics().refusals == 0


@pytest.mark.parametrize("error", [WorkerDied("killed by signal 9"), DeadlineExceeded("still ran", started=True)])
async def test_what_takes_its_worker_down_is_not_tried_again_and_keeps_its_stage(
    world: World, computer: AsyncFeatureComputer, error: Exception, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(world.watch, "_computer", Troubled(computer, error))
    await world.promote("v1")
    await world.watch.look()
    assert world.decides(CLOSES_MS[0]).startswith("MODEL_MISSING")
    assert (world.watch.statistics().refusals, world.stages()["v1"]) == (1, Stage.LIVE)
