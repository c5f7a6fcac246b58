"""A thread of its own that asks each part of the daemon for proofs of progress, and names the culprit when one is
overdue."""

import asyncio
import faulthandler
import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from core.ports.clock import MonotonicClock
from core.runtime.clocks import NS_PER_S
from core.runtime.stacks import culprit
from core.runtime.systemd import ServiceNotifier

LOOP = "loop"
STDERR_FD = 2


class Proof:
    """One part's proof of progress, made by `Watchdog.proof`. `beat` and `rest` may be called from any thread."""

    def __init__(
        self, name: str, limit_s: float, monotonic: MonotonicClock, *, restart_cures: bool = True, waits_for: str = ""
    ) -> None:
        self.name = name
        self.limit_s = limit_s
        self.restart_cures = restart_cures
        self.waits_for = waits_for
        """What is named as the culprit; empty: what the thread of the last beat executes."""
        self.thread_id = 0
        """Of the last beat: where to look for the culprit."""
        self._monotonic = monotonic
        self._beat_ns: int | None = None
        self._excused_ns = 0

    def beat(self) -> None:
        """Progress was made, or work has been taken up: the next proof is due within `limit_s`."""
        self.thread_id = threading.get_ident()
        self._beat_ns = self._monotonic.now_ns()
        self._excused_ns = 0

    def rest(self) -> None:
        """Nothing to do: owes nothing until the next `beat`."""
        self._beat_ns = None

    def progressed(self, left: int) -> None:
        """One of several works is done: the next is due where any are left."""
        if left:
            self.beat()
        else:
            self.rest()

    def excuse(self, pause_ns: int) -> None:
        """The whole process stood still: forgiven once between two beats, so that a part that makes others stand
        still again and again is found all the same."""
        self._excused_ns = self._excused_ns or pause_ns

    def silent_s(self, now_ns: int) -> float | None:
        """Since the last beat, less what was excused; `None`: at rest."""
        beat_ns = self._beat_ns
        return None if beat_ns is None else (now_ns - beat_ns - self._excused_ns) / NS_PER_S


@dataclass(frozen=True, slots=True)
class Stall:
    """A part that is overdue."""

    part: str
    silent_s: float
    limit_s: float
    culprit: str
    """What the thread that gave the last proof executes: `file:line function` of its innermost frame that is not a
    library's; empty where it runs no Python code. What the part waits for, where it has said so."""
    restart_cures: bool = True


@dataclass(frozen=True, slots=True)
class WatchdogStatistics:
    parts: dict[str, float | None]
    """Seconds since the last proof by part; `None`: at rest."""
    stalled: tuple[str, ...]
    """Those that a restart cures."""
    waiting: tuple[str, ...]
    """Those that it does not."""
    stalls: int
    """Ever."""
    pauses: int
    """How often the whole process stood still (stopped, or the GIL held): nobody's fault, each part is excused
    once."""


class Watchdog:
    """`async run()` starts the thread and gives the loop's own proof; cancelling it ends both.

    While a part is overdue that a restart cures (the loop, the journal) systemd is not fed, so it restarts the daemon.
    What depends on a venue (a feed) is named, and nothing else. Backed by `faulthandler.dump_traceback_later`, which
    dumps all stacks even while C code holds the GIL and no Python thread can run.
    """

    def __init__(
        self,
        monotonic: MonotonicClock,
        notifier: ServiceNotifier,
        *,
        loop_limit_s: float,
        on_stall: Callable[[Stall], None] | None = None,
        on_recovery: Callable[[Stall], None] | None = None,
        dump_fd: int = STDERR_FD,
    ) -> None:
        """`on_stall` and `on_recovery` (part, seconds it was silent) are called in the watchdog's thread, after it
        has logged. `dump_fd`: where stacks go."""
        self._monotonic = monotonic
        self._notifier = notifier
        self._loop_limit_s = loop_limit_s
        self._on_stall = on_stall
        self._on_recovery = on_recovery
        self._dump_fd = dump_fd
        self._check_s = min(1.0, loop_limit_s / 4, (notifier.watchdog_interval_s or 60.0) / 2)
        self._pause_s = self._check_s + max(0.5, loop_limit_s / 4)
        self._proofs: dict[str, Proof] = {}
        self._overdue: dict[str, Stall] = {}
        self._stalls = 0
        self._pauses = 0
        self._checked_ns = 0
        self._fed_ns: int | None = None
        self._log = structlog.get_logger(__name__)

    def proof(self, name: str, limit_s: float, *, restart_cures: bool = True, waits_for: str = "") -> Proof:
        """A new part; it owes nothing before its first `beat`. Where no restart cures it, it is only named, with what
        it `waits_for`. Raises `ValueError` on a name in use."""
        if name in self._proofs:
            raise ValueError(f"there is a part {name!r} already")
        proof = Proof(name, limit_s, self._monotonic, restart_cures=restart_cures, waits_for=waits_for)
        self._proofs[name] = proof
        return proof

    def drop(self, name: str) -> None:
        """Forget a part that has ended on purpose."""
        self._proofs.pop(name, None)

    async def run(self) -> None:
        proof = self.proof(LOOP, self._loop_limit_s)
        proof.beat()
        ended = threading.Event()
        threading.Thread(target=self._watch, args=(ended,), name="watchdog", daemon=True).start()
        try:
            while True:
                await asyncio.sleep(min(0.5, self._loop_limit_s / 10))
                proof.beat()
        finally:
            ended.set()
            self.drop(LOOP)

    def check(self) -> None:
        """One look at all proofs. The thread calls it; so may a test with a clock of its own."""
        now_ns = self._monotonic.now_ns()
        self._excuse_pause(now_ns)
        overdue = self._look(now_ns)
        for name in self._overdue.keys() - overdue.keys():
            self._recovered(name, self._overdue[name])
        for name in overdue.keys() - self._overdue.keys():
            self._stalled(overdue[name])
        self._overdue = overdue
        if not any(stall.restart_cures for stall in overdue.values()):
            self._feed(now_ns)

    def statistics(self) -> WatchdogStatistics:
        now_ns = self._monotonic.now_ns()
        return WatchdogStatistics(
            parts={name: proof.silent_s(now_ns) for name, proof in self._all()},
            stalled=tuple(sorted(name for name, stall in self._overdue.items() if stall.restart_cures)),
            waiting=tuple(sorted(name for name, stall in self._overdue.items() if not stall.restart_cures)),
            stalls=self._stalls,
            pauses=self._pauses,
        )

    def _watch(self, ended: threading.Event) -> None:
        try:
            while not ended.wait(self._check_s):
                self.check()
                # Armed anew at each look; fires where this thread can't look because C code holds the GIL.
                faulthandler.dump_traceback_later(self._loop_limit_s + 2 * self._check_s, file=self._dump_fd)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _look(self, now_ns: int) -> dict[str, Stall]:
        """The parts that are overdue."""
        stalls = {}
        for name, proof in self._all():
            silent_s = proof.silent_s(now_ns)
            if silent_s is not None and silent_s > proof.limit_s:
                to_blame = proof.waits_for or culprit(proof.thread_id)
                stalls[name] = Stall(name, silent_s, proof.limit_s, to_blame, proof.restart_cures)
        return stalls

    def _all(self) -> tuple[tuple[str, Proof], ...]:
        """Copied at one stroke: other threads add and drop parts."""
        return tuple(self._proofs.items())

    def _excuse_pause(self, now_ns: int) -> None:
        gap_ns = now_ns - self._checked_ns if self._checked_ns else 0
        self._checked_ns = now_ns
        if gap_ns <= self._pause_s * NS_PER_S:
            return
        self._pauses += 1
        for _, proof in self._all():
            proof.excuse(gap_ns)
        loop = self._proofs.get(LOOP)
        at = culprit(loop.thread_id) if loop else ""
        self._log.warning("process_paused", pause_s=round(gap_ns / NS_PER_S, 3), loop_at=at)

    def _stalled(self, stall: Stall) -> None:
        self._stalls += 1
        say = self._log.error if stall.restart_cures else self._log.warning
        say(
            "part_stalled",
            part=stall.part,
            silent_s=round(stall.silent_s, 3),
            limit_s=stall.limit_s,
            culprit=stall.culprit,
        )
        self._notifier.status(f"{stall.part} is stuck: {stall.culprit}")
        if stall.restart_cures:
            faulthandler.dump_traceback(file=self._dump_fd, all_threads=True)
        self._call(self._on_stall, stall)

    def _recovered(self, name: str, stall: Stall) -> None:
        self._log.warning("part_recovered", part=name, silent_s=round(stall.silent_s, 3))
        self._notifier.status(f"{name} is back after {stall.silent_s:.1f} s")
        self._call(self._on_recovery, stall)

    def _call(self, hook: Callable[..., None] | None, *args: object) -> None:
        if hook is None:
            return
        try:
            hook(*args)
        except Exception:  # the boundary of a caller's hook: the watchdog must go on looking
            self._log.exception("watchdog_hook_failed")

    def _feed(self, now_ns: int) -> None:
        interval_s = self._notifier.watchdog_interval_s
        if interval_s is None:
            return
        if self._fed_ns is None or now_ns - self._fed_ns >= (interval_s - self._check_s) * NS_PER_S:
            self._notifier.feed()
            self._fed_ns = now_ns
