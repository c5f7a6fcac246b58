"""Jobs that carry all they need, computed on a Dask cluster: the extra `cluster` (`pip install distributed`).

Dask has neither deadlines nor a bounded queue. Here a thread of a lane waits for each job, so both are the lane's. A
job that has begun on a cluster can't be stopped: one whose time is up is forgotten, and its result dropped.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from core.compute.lanes import Lane
from core.compute.priority import Priority
from core.domain.errors import ComputeError, JobRaised, MetronomeError, SettingsError

T = TypeVar("T")

CONNECT_TIMEOUT_S = 5.0


def connect(scheduler: str) -> Any:
    """A `distributed.Client`. Blocks: call it in a lane. Raises `SettingsError` where the extra is missing or the
    address is none, `ComputeError` where nobody answers."""
    try:
        from distributed import Client  # noqa: PLC0415  an extra, and slow to import
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"compute.backend = 'dask' needs the extra 'cluster': pip install distributed ({error})"
        ) from error
    try:
        return Client(scheduler, timeout=CONNECT_TIMEOUT_S, set_as_default=False)  # type: ignore[no-untyped-call]  # untyped upstream
    except ValueError as error:
        raise SettingsError(f"compute.dask_scheduler = {scheduler!r}: {error}") from error
    except (OSError, TimeoutError) as error:
        raise ComputeError(f"no Dask scheduler answers at {scheduler}: {error}") from error


class DaskBackend:
    """As many jobs are with the cluster as the lane has threads; others wait their turn, by priority."""

    def __init__(self, client: Any, lane: Lane) -> None:
        self._client = client
        self._lane = lane

    async def run(
        self,
        fn: Callable[..., T],
        /,
        *args: object,
        deadline_s: float,
        priority: Priority = Priority.NORMAL,
        **kwargs: object,
    ) -> T:
        """As `Backend.run`."""
        job = functools.partial(fn, *args, **kwargs)
        waiting = functools.partial(self._compute, job, deadline_s)
        return await self._lane.run(functools.update_wrapper(waiting, fn), deadline_s=deadline_s, priority=priority)

    def close(self) -> None:
        """Blocks for moments: call it in a lane."""
        self._client.close(timeout=CONNECT_TIMEOUT_S)

    def _compute(self, job: Callable[[], T], deadline_s: float) -> T:
        future = self._client.submit(job, pure=False)
        try:
            result: T = future.result(timeout=deadline_s)
            return result
        except MetronomeError:
            raise
        except Exception as error:  # whatever the job raised on the cluster, and whatever Dask did
            raise JobRaised(type(error).__name__, str(error), "") from error
        finally:
            future.cancel()
