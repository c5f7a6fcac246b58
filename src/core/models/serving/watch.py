"""The one place that loads models: it looks at the registry, has what is new loaded and proved, and swaps it in.

A swap happens with the first question about a later close than any before it: all symbols that close together are
decided with the same models, and none waits for it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from core.compute.computer import AsyncFeatureComputer, Kind
from core.compute.priority import Priority
from core.domain.errors import ArtifactBad, DeadlineExceeded, MetronomeError, QueueFull
from core.domain.pictures import ModelsShown
from core.models.registry.registry import Registry
from core.models.reloads import Load, Reloads
from core.models.serving.in_use import ModelsInUse, Standing
from core.models.serving.shelf import WarmUp, warm

T = TypeVar("T")
log = structlog.get_logger()

_READ_DEADLINE_S = 15.0
_LOAD_DEADLINE_S = 30.0
_CLOSING_MS, _CLOSING_SHARE = 10_000, 0.2
"""Before and after a close, in trading time, but no more than this share of a candle: a worker that loads while candles
close would hold their decisions up."""


class ModelWatch:
    """Belongs to one event loop. `look` is a job of the scheduler; cancelling it is safe."""

    def __init__(
        self,
        folder: Path,
        venue: str,
        computer: AsyncFeatureComputer,
        now_ms: Callable[[], int],
        *,
        candle_ms: int,
        bounds: WarmUp,
        workers: int = 1,
    ) -> None:
        """`now_ms` is trading time; `candle_ms` that of the shortest candles that models are asked about; `workers`
        may be asked."""
        self._registry = Registry(folder)
        self._computer = computer
        self._now_ms = now_ms
        self._candle_ms = candle_ms
        self._bounds = bounds
        self._workers = workers
        self._reloads = Reloads()
        self._known: dict[str, Standing] = {}
        """Of every version that the registry called live while this watch has looked and that is still needed."""
        self._newest = (0, ModelsInUse(folder, venue))
        """The newest close that was asked about, UTC ms, and what it is decided with."""
        self._before = self._newest
        self._expired: dict[str, str] = {}
        self._loads = self._refusals = self._swaps = 0
        self._last_refusal = ""

    def for_close(self, close_ms: int) -> ModelsInUse:
        """What decides about candles that close then: the same for all that ask. Never waits."""
        if close_ms > self._newest[0]:
            self._before, self._newest = self._newest, (close_ms, self._swapped(self._newest[1]))
        return self._before[1] if close_ms <= self._before[0] else self._newest[1]

    async def look(self, *, at_once: bool = False) -> None:
        """Learn what is live, and load what is new: `at_once`, or while no candles close and no decision waits for
        the worker. What fails is said once and leaves the models in use where they are. Raises `MetronomeError` where
        the registry can't be read."""
        live, self._expired = await self._read(self._registry.standings)
        self._known = self._still_needed() | {each.version: each for each in live.values()}
        self._reloads.notice({scope: each.version for scope, each in live.items()})
        while (at_once or self._is_quiet()) and (load := self._reloads.next()) is not None:
            if not await self._load(load):
                return

    def statistics(self) -> ModelsShown:
        models = self._newest[1].models
        in_use = {scope: each.version for scope, each in models.items()}
        return ModelsShown(in_use, self._loads, self._swaps, self._refusals, self._last_refusal)

    async def _load(self, load: Load) -> bool:
        """False where no worker was free: it is tried again with the next look."""
        self._loads += 1
        try:
            took_ms = await self._warm(load.version)
        except ArtifactBad as error:
            self._refuse(load, error)
            await self._reject(load, error)
        except MetronomeError as error:
            if _never_ran(error):
                self._reloads.postponed(load)
                return False
            self._refuse(load, error)
        except BaseException:  # cancelled
            self._reloads.postponed(load)
            raise
        else:
            self._reloads.loaded(load)
            log.info("model_loaded", scope=load.scope, model=load.version, batch_ms=round(took_ms, 2))
        return True

    async def _warm(self, version: str) -> float:
        """In as many jobs at once as there are workers. One that is busy loads it with its first question."""
        keep = frozenset(self._still_needed())
        jobs = [
            self._computer.run(
                warm,
                self._registry.folder,
                self._known[version],
                self._bounds,
                keep,
                kind=Kind.CPU,
                priority=Priority.BACKGROUND,
                deadline_s=_LOAD_DEADLINE_S,
                operation="model:load",
            )
            for _ in range(self._workers)
        ]
        answers = await asyncio.gather(*jobs, return_exceptions=True)  # no job is left behind
        for each in answers:
            if isinstance(each, BaseException):
                raise each
        return max(each for each in answers if isinstance(each, float))

    def _refuse(self, load: Load, error: MetronomeError) -> None:
        self._reloads.refused(load)
        self._refusals += 1
        self._last_refusal = str(error)
        stays = self._reloads.slot(load.scope).in_use
        log.error("model_refused", scope=load.scope, model=load.version, reason=str(error), stays=stays)

    async def _reject(self, load: Load, error: ArtifactBad) -> None:
        """It never comes back, and what was live before it is live again."""
        try:
            restored = await self._read(partial(self._registry.reject, load.version, str(error), self._now_ms()))
        except MetronomeError as failed:
            log.warning("model_not_rejected", model=load.version, reason=str(failed))
        else:
            log.warning("model_rejected", model=load.version, restored=restored)

    async def _read(self, call: Callable[[], T]) -> T:
        return await self._computer.run(call, kind=Kind.IO, deadline_s=_READ_DEADLINE_S, operation="model:registry")

    def _swapped(self, before: ModelsInUse) -> ModelsInUse:
        """With every model that has become ready, and with what is known of their ages now."""
        ready = self._reloads.swap()
        for scope, version in ready.items():
            self._swaps += 1
            log.info("model_in_use", scope=scope, model=version)
        wanted = {scope: each.version for scope, each in before.models.items()} | ready
        models = {scope: self._known[version] for scope, version in wanted.items() if version is not None}
        if models == before.models and self._expired == before.expired:
            return before
        return replace(before, models=models, expired=self._expired)

    def _still_needed(self) -> dict[str, Standing]:
        """What decides, has just decided, or is ready to."""
        needed = {
            each.version: self._known.get(each.version, each)
            for _, in_use in (self._before, self._newest)
            for each in in_use.models.values()
        }
        return needed | {version: self._known[version] for version in self._reloads.ready() if version in self._known}

    def _is_quiet(self) -> bool:
        closing_ms = min(_CLOSING_MS, _CLOSING_SHARE * self._candle_ms)
        return closing_ms <= self._now_ms() % self._candle_ms <= self._candle_ms - closing_ms


def _never_ran(error: MetronomeError) -> bool:
    return isinstance(error, QueueFull) or (isinstance(error, DeadlineExceeded) and not error.started)
