"""How blocking calls of the venue leave the loop."""

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class RunInLane(Protocol):
    """`core.compute.lanes.Lane.run`: call `fn` in a thread, give back its result or raise what it raised.

    Raises `QueueFull` and `LaneBroken` where `fn` was never taken, and `DeadlineExceeded`, whose `started` says
    whether it had begun.
    """

    async def __call__(self, fn: Callable[..., T], /, *args: object, deadline_s: float, **kwargs: object) -> T: ...
