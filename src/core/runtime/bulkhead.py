"""Runs work under a time limit without ever waiting for work that does not end when cancelled.

`asyncio.wait_for` waits for the child it cancels; a child that swallows its cancellation holds the waiter for ever.
Here such a child is abandoned: left to itself, counted, and named.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class CancelledFromInside(Exception):
    """The work ended by a cancellation that its waiter did not ask for."""


class Bulkhead:
    """Owns the tasks it starts."""

    def __init__(self, *, grace_s: float = 1.0) -> None:
        """`grace_s`: how long a cancelled task may take to end before it is abandoned."""
        self._grace_s = grace_s
        self._abandoned: set[asyncio.Task[Any]] = set()
        self._abandoned_total = 0

    async def run(self, name: str, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """The result of `work`, or what it raised; `TimeoutError`, naming it, where it took longer;
        `CancelledFromInside` where it was cancelled, but not by the waiter, who must not take that for a cancellation
        of its own.

        Cancelling is safe: it cancels `work`, waits for it for `grace_s` at most, and passes on.
        """
        task = asyncio.create_task(work, name=name)
        try:
            await asyncio.wait({task}, timeout=timeout_s)
            if task.cancelled():
                raise CancelledFromInside(f"{name} was cancelled from inside")
            if task.done():
                return task.result()
        finally:
            if not task.done():
                await self._end(task)
        left = ", and does not end" if task in self._abandoned else ""
        raise TimeoutError(f"{name} took longer than {timeout_s:g} s{left}")

    @property
    def abandoned(self) -> tuple[str, ...]:
        """Names of the tasks that still have not ended."""
        return tuple(sorted(task.get_name() for task in self._abandoned))

    @property
    def abandoned_total(self) -> int:
        """Ever."""
        return self._abandoned_total

    async def _end(self, task: asyncio.Task[Any]) -> None:
        task.cancel()
        try:
            await asyncio.wait({task}, timeout=self._grace_s)
        finally:
            if not task.done():
                self._abandoned.add(task)
                self._abandoned_total += 1
            task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()  # seen: nobody awaits it any more
