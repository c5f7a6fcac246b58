"""An orderly stop in named stages, each with its own time limit, each naming what would not end."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

GRACE_S = 0.5
"""What a cancelled task gets to end even where its stage has used up its time."""


@dataclass(frozen=True, slots=True)
class StopStage:
    """One step of an orderly stop: first `action` is awaited, then the named children are cancelled and awaited."""

    name: str
    timeout_s: float
    """For action and children together; what still runs then is a straggler: named, and left behind."""
    action: Callable[[], Awaitable[None]] | None = None
    children: tuple[str, ...] = ()
    essential: bool = False
    """An essential stage is not skipped by a second signal (the journal's)."""


@dataclass(frozen=True, slots=True)
class StageReport:
    name: str
    took_s: float
    stragglers: tuple[str, ...] = ()
    error: str = ""
    """What its action raised; empty where it did not."""
    skipped: bool = False


class StagedStop:
    """Runs stages one after the other. `hurry()` cuts the stage under way short and skips to the essential ones."""

    def __init__(self) -> None:
        self._hurry = asyncio.Event()
        self._left: set[asyncio.Task[None]] = set()

    def hurry(self) -> None:
        self._hurry.set()

    @property
    def left(self) -> tuple[str, ...]:
        """Actions that did not end when cancelled, and still have not."""
        return tuple(sorted(task.get_name() for task in self._left if not task.done()))

    async def run_stage(self, stage: StopStage, children: Collection[asyncio.Task[None]]) -> StageReport:
        """`children`: the tasks of the stage's children, which are cancelled after the action."""
        if self._hurry.is_set() and not stage.essential:
            return StageReport(stage.name, took_s=0.0, skipped=True)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        stragglers: list[str] = []
        error = ""
        if stage.action is not None:
            action = asyncio.create_task(_awaited(stage.action), name=f"stop {stage.name}")
            await self._wait({action}, stage.timeout_s, stage)
            error = await self._end_action(action, stage)
            stragglers += [action.get_name()] if not action.done() else []
        for task in children:
            task.cancel()
        rest_s = max(GRACE_S, began_s + stage.timeout_s - loop.time())
        await self._wait(children, rest_s, stage)
        stragglers += sorted(task.get_name() for task in children if not task.done())
        return StageReport(stage.name, loop.time() - began_s, tuple(stragglers), error)

    async def _end_action(self, action: asyncio.Task[None], stage: StopStage) -> str:
        """Cancel it where it has not ended, and say what went wrong."""
        if not action.done():
            action.cancel()
            await asyncio.wait({action}, timeout=GRACE_S)
            self._left |= {action} - ({action} if action.done() else set())
            return "cut short" if self._hurry.is_set() else f"took longer than {stage.timeout_s:g} s"
        if action.cancelled():
            return "was cancelled"
        return "" if action.exception() is None else repr(action.exception())

    async def _wait(self, tasks: Collection[asyncio.Task[None]], timeout_s: float, stage: StopStage) -> None:
        """Until all have ended, the time is over, or (unless the stage is essential) somebody is in a hurry."""
        pending = {task for task in tasks if not task.done()}
        if not pending:
            return
        if stage.essential:
            await asyncio.wait(pending, timeout=timeout_s)
            return
        everything = asyncio.ensure_future(asyncio.wait(pending, timeout=timeout_s))
        hurry = asyncio.create_task(self._hurry.wait())
        try:
            await asyncio.wait({everything, hurry}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            everything.cancel()
            hurry.cancel()


async def _awaited(call: Callable[[], Awaitable[None]]) -> None:
    await call()
