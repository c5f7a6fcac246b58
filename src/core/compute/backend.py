"""What computes: worker processes of this machine, its threads, or a cluster. One face for all."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from core.compute.priority import Priority

T = TypeVar("T")


class Backend(Protocol):
    """`WorkerPool`, `Lane` and `DaskBackend` are such."""

    async def run(
        self,
        fn: Callable[..., T],
        /,
        *args: object,
        deadline_s: float,
        priority: Priority = Priority.NORMAL,
        **kwargs: object,
    ) -> T:
        """Its result, or a `ComputeError` that says why there is none. `deadline_s` counts from now, queueing
        included. Cancelling is safe and frees the slot."""
        ...
