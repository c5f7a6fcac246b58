"""Owns every long-lived task of a daemon: names them, restarts those that may crash, and stops them in stages."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import structlog

from core.domain.errors import MetronomeError
from core.ports.clock import MonotonicClock
from core.runtime.clocks import NS_PER_S
from core.runtime.staged_stop import StagedStop, StageReport, StopStage


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """A child may crash `crashes` times within `window_s`; before the n-th restart it waits
    `first_backoff_s * 2**(n-1)`, at most `max_backoff_s`, half of it random."""

    crashes: int = 5
    window_s: float = 300.0
    first_backoff_s: float = 0.5
    max_backoff_s: float = 30.0

    def delay_s(self, crashes: int, chance: float) -> float:
        """`crashes` in the window, from 1; `chance` in [0, 1)."""
        longest_s = min(self.max_backoff_s, self.first_backoff_s * 2.0 ** min(crashes - 1, 32))
        return longest_s * (0.5 + 0.5 * chance)


@dataclass(frozen=True, slots=True)
class StopReport:
    """How the daemon ended."""

    reason: str
    cause: BaseException | None
    """The error of the child that ended it; `None` where it was asked to stop."""
    stages: tuple[StageReport, ...]
    stragglers: tuple[str, ...]
    """All that would not end. Where there are any, the loop can't be closed: `run_loop` leaves by `os._exit`."""


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
    reason: str = ""
    """Why it stops; empty while nothing does."""
    has_failed: bool = False
    """Whether a child's error is the reason."""


class ChildEnded(Exception):
    """A child that should run until cancelled has returned, or was cancelled by something else than its
    supervisor."""


@dataclass(slots=True)
class _Child:
    name: str
    run: Callable[[], Awaitable[None]]
    restart: RestartPolicy | None
    may_end: bool
    state: str = "waiting"
    crashes: int = 0
    recent_ns: list[int] = field(default_factory=list)
    """When it crashed within the window of its policy."""
    last_error: str = ""
    task: asyncio.Task[None] | None = None

    @property
    def is_alive(self) -> bool:
        return self.task is not None and not self.task.done()


class Supervisor:
    """`add` children and stages, then `await run()`: it returns a `StopReport` after `stop` or a fatal crash.

    A child is a coroutine function that runs until cancelled. One without a restart policy ends the daemon when it
    raises or returns (`may_end` lets it return). One with a policy is called anew after a crash, until its budget is
    used up.

    It owns its tasks itself, as a TaskGroup would, save for one thing: a TaskGroup waits for ever for a child that
    does not end when cancelled, and a daemon must not.
    """

    def __init__(
        self,
        monotonic: MonotonicClock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
        final_timeout_s: float = 5.0,
    ) -> None:
        """`final_timeout_s`: what children of no stage get to end in."""
        self._monotonic = monotonic
        self._sleep = sleep
        self._rng = rng or random.Random()
        self._final_timeout_s = final_timeout_s
        self._children: dict[str, _Child] = {}
        self._stages: list[StopStage] = []
        self._staged_stop = StagedStop()
        self._stopping = asyncio.Event()
        self._is_running = False
        self._was_asked = False
        self._reason = ""
        self._cause: BaseException | None = None
        self._stage_name = ""
        self._log = structlog.get_logger(__name__)

    def add(
        self,
        name: str,
        run: Callable[[], Awaitable[None]],
        *,
        restart: RestartPolicy | None = None,
        may_end: bool = False,
    ) -> None:
        """Add a child before or during `run`; one added during `run` starts at once.

        A name is free again when its child has ended. Raises `ValueError` on a name in use.
        """
        known = self._children.get(name)
        if known is not None and (known.task is None or known.is_alive):
            raise ValueError(f"there is a child {name!r} already")
        child = self._children[name] = _Child(name, run, restart, may_end)
        if self._is_running:
            self._launch(child)

    def add_stage(self, stage: StopStage) -> None:
        """Stages run in the order in which they were added. Children of no stage are cancelled after the last one."""
        self._stages.append(stage)

    def stop(self, reason: str) -> None:
        """Ask for the orderly stop. A second call cuts the stage under way short and skips to the essential ones.

        For signal handlers of the loop; not thread-safe.
        """
        if self._was_asked:
            self._staged_stop.hurry()
        self._was_asked = True
        self._begin_stop(reason)

    async def run(self) -> StopReport:
        """Cancelling it cancels all children and waits `final_timeout_s` for them at most."""
        self._is_running = True
        stages: list[StageReport] = []
        try:
            for child in list(self._children.values()):
                self._launch(child)
            await self._stopping.wait()
            self._log.info("stopping", reason=self._reason)
            for stage in self._stages:
                stages.append(await self._run_stage(stage))
        finally:
            self._stage_name = "children"
            self._is_running = False
            await self._end_all(child for child in self._children.values() if child.is_alive)
            self._stage_name = ""
        alive = [child.name for child in self._children.values() if child.is_alive]
        return StopReport(self._reason, self._cause, tuple(stages), (*alive, *self._staged_stop.left))

    def statistics(self) -> SupervisorStatistics:
        return SupervisorStatistics(
            children=tuple(
                ChildStatistics(child.name, child.state, child.crashes, child.last_error)
                for child in self._children.values()
            ),
            stopping=self._stage_name,
            reason=self._reason,
            has_failed=self._cause is not None,
        )

    def _launch(self, child: _Child) -> None:
        child.task = asyncio.create_task(self._supervise(child), name=child.name)

    async def _supervise(self, child: _Child) -> None:
        try:
            while error := await self._run_once(child):
                crashes = self._count_crash(child, error)
                if child.restart is None or crashes > child.restart.crashes:
                    child.state = "failed"
                    self._cause = self._cause or error
                    self._begin_stop(f"{child.name} failed: {error!r}")
                    return
                child.state = "backing_off"
                delay_s = child.restart.delay_s(crashes, self._rng.random())
                self._log.warning(
                    "child_crashed",
                    child=child.name,
                    error=repr(error),
                    restart_in_s=round(delay_s, 2),
                    exc_info=None if isinstance(error, MetronomeError) else error,
                )
                await self._sleep(delay_s)
            child.state = "ended"
        except asyncio.CancelledError:
            child.state = "cancelled"
            raise

    async def _run_once(self, child: _Child) -> Exception | None:
        """What it crashed with; `None` where it may end and has."""
        child.state = "running"
        try:
            await child.run()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return ChildEnded(f"{child.name} was cancelled from inside")
        except Exception as error:  # the boundary of one child
            return error
        return None if child.may_end else ChildEnded(f"{child.name} returned, but should run until cancelled")

    def _count_crash(self, child: _Child, error: Exception) -> int:
        """How many crashes lie in the window, this one included."""
        now_ns = self._monotonic.now_ns()
        window_ns = int(child.restart.window_s * NS_PER_S) if child.restart else 0
        child.recent_ns = [*(at_ns for at_ns in child.recent_ns if at_ns > now_ns - window_ns), now_ns]
        child.crashes += 1
        child.last_error = repr(error)
        return len(child.recent_ns)

    def _begin_stop(self, reason: str) -> None:
        if not self._stopping.is_set():
            self._reason = reason
            self._stopping.set()

    async def _run_stage(self, stage: StopStage) -> StageReport:
        self._stage_name = stage.name
        children = [self._children[name] for name in stage.children if name in self._children]
        tasks = [child.task for child in children if child.task is not None and not child.task.done()]
        report = await self._staged_stop.run_stage(stage, tasks)
        say = self._log.warning if report.stragglers or report.error else self._log.info
        remarkable = {"skipped": report.skipped, "error": report.error, "stragglers": list(report.stragglers)}
        there_is = {name: value for name, value in remarkable.items() if value}
        say("stop_stage", stage=stage.name, took_s=round(report.took_s, 3), **there_is)
        return report

    async def _end_all(self, children: Iterable[_Child]) -> None:
        tasks = {child.task for child in children if child.task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self._final_timeout_s)
