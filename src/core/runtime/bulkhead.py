"""Runs work under a time limit without ever waiting for work that does not end when cancelled.

`asyncio.wait_for` waits for the child it cancels; a child that swallows its cancellation holds the waiter for ever. Here
such a child is abandoned: left to itself, counted, and named.
"""

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Bulkhead:
    """Owns the tasks it starts."""

    def __init__(self, *, grace_s: float = 1.0) -> None:
        """`grace_s`: how long a cancelled task may take to end before it is abandoned."""

    async def run(self, name: str, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """The result of `work`, or what it raised; `TimeoutError`, naming it, where it took longer. Cancelling is safe: it
        cancels `work`, waits for it for `grace_s` at most, and passes on."""
        raise NotImplementedError

    @property
    def abandoned(self) -> tuple[str, ...]:
        """Names of the tasks that still have not ended."""
        raise NotImplementedError

    @property
    def abandoned_total(self) -> int:
        """Ever."""
        raise NotImplementedError
