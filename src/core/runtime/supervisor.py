"""Owns every long-lived task of a daemon: names them, restarts those that may crash, and stops them in stages."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from core.ports.clock import MonotonicClock


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """A child may crash `crashes` times within `window_s`; before the n-th restart it waits `first_backoff_s * 2**(n-1)`, at
    most `max_backoff_s`, half of it random."""

    crashes: int = 5
    window_s: float = 300.0
    first_backoff_s: float = 0.5
    max_backoff_s: float = 30.0


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


@dataclass(frozen=True, slots=True)
class StopReport:
    """How the daemon ended. `cause` is the error of the child that ended it, `None` where it was asked to stop."""

    reason: str
    cause: BaseException | None
    stages: tuple[StageReport, ...]
    stragglers: tuple[str, ...]
    """All that would not end. Where there are any, leave by `os._exit` after flushing: the loop can't be closed."""


@dataclass(frozen=True, slots=True)
class ChildStatistics:
    name: str
    state: str
    """`waiting`, `running`, `backing_off`, `ended`, `failed`, `cancelled`."""
    crashes: int
    last_error: str


@dataclass(frozen=True, slots=True)
class SupervisorStatistics:
    children: tuple[ChildStatistics, ...]
    stopping: str
    """Name of the stage under way; empty while nothing stops."""


class Supervisor:
    """`add` children and stages, then `await run()`: it returns a `StopReport` after `stop` or a fatal crash.

    A child is a coroutine function that runs until cancelled. One without a restart policy ends the daemon when it raises
    or returns (`may_end` lets it return). One with a policy is called anew after a crash, until its budget is used up.
    """

    def __init__(
        self,
        monotonic: MonotonicClock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
        final_timeout_s: float = 5.0,
    ) -> None: ...

    def add(
        self,
        name: str,
        run: Callable[[], Awaitable[None]],
        *,
        restart: RestartPolicy | None = None,
        may_end: bool = False,
    ) -> None:
        """Add a child before or during `run`; one added during `run` starts at once. Raises `ValueError` on a name in use."""
        raise NotImplementedError

    def add_stage(self, stage: StopStage) -> None:
        """Stages run in the order in which they were added. Children of no stage are cancelled after the last one."""
        raise NotImplementedError

    def stop(self, reason: str) -> None:
        """Ask for the orderly stop. A second call cuts the stage under way short and skips to the essential ones.
        For signal handlers of the loop; not thread-safe."""
        raise NotImplementedError

    async def run(self) -> StopReport:
        """Cancelling it cancels all children and waits `final_timeout_s` for them at most."""
        raise NotImplementedError

    def statistics(self) -> SupervisorStatistics:
        raise NotImplementedError
