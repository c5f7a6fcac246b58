"""Work that must not be cut off when those who wait for it, or the tasks beside it, are cancelled."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog

from core.runtime.watchdog import Proof

T = TypeVar("T")


class WorkInFlight:
    """Owns its tasks, each until it is over."""

    def __init__(self, on_end: Callable[[], None], proof: Proof) -> None:
        """`on_end` is called after each that is over; the `proof` of progress is owed while any is under way."""
        self._on_end = on_end
        self._proof = proof
        self._tasks: set[asyncio.Task[Any]] = set()
        self._log = structlog.get_logger("execution")

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        if len(self._tasks) == 1:  # beside others it is no progress
            self._proof.beat()
        task.add_done_callback(self._ended)
        return task

    async def drain(self) -> None:
        """Wait for all that is under way. Cancelling ends the waiting only."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def cut_off(self) -> None:
        """What is still out now is asked after at the next start."""
        left = list(self._tasks)
        for task in left:
            self._log.warning("intent_cut_off", task=task.get_name())
            task.cancel()
        if left:
            await asyncio.wait(left)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # who waited for it has it; nobody may wait any more
        self._proof.progressed(left=len(self._tasks))
        self._on_end()
