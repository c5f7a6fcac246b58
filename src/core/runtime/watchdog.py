"""A thread of its own that asks each part of the daemon for proofs of progress, and names the culprit when one is
overdue."""

from collections.abc import Callable
from dataclasses import dataclass

from core.ports.clock import MonotonicClock
from core.runtime.systemd import ServiceNotifier


class Proof:
    """One part's proof of progress, made by `Watchdog.proof`. `beat` and `rest` may be called from any thread."""

    name: str
    limit_s: float

    def beat(self) -> None:
        """Progress was made, or work has been taken up: the next proof is due within `limit_s`."""
        raise NotImplementedError

    def rest(self) -> None:
        """Nothing to do: owes nothing until the next `beat`."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Stall:
    """A part that is overdue."""

    part: str
    silent_s: float
    limit_s: float
    culprit: str
    """What the loop's thread executes, innermost frame first that is not of the standard library: `file:line
    function`."""


@dataclass(frozen=True, slots=True)
class WatchdogStatistics:
    parts: dict[str, float | None]
    """Seconds since the last proof by part; `None`: at rest."""
    stalled: tuple[str, ...]
    stalls: int
    """Ever."""
    pauses: int
    """How often the whole process stood still (suspended, or the GIL held): nobody's fault, everyone gets a fresh
    limit."""


class Watchdog:
    """`async run()` starts the thread and gives the loop's own proof; cancelling it ends both.

    While any part is overdue systemd is not fed, so it restarts the daemon. Backed by
    `faulthandler.dump_traceback_later`, which dumps all stacks even while C code holds the GIL and no Python thread
    can run.
    """

    def __init__(
        self,
        monotonic: MonotonicClock,
        notifier: ServiceNotifier,
        *,
        loop_limit_s: float,
        on_stall: Callable[[Stall], None] | None = None,
        on_recovery: Callable[[str, float], None] | None = None,
        dump_fd: int | None = None,
    ) -> None:
        """`on_stall` and `on_recovery` (part, seconds it was silent) are called in the watchdog's thread; by default
        they log. `dump_fd`: where stacks go, `None`: stderr."""

    def proof(self, name: str, limit_s: float) -> Proof:
        """A new part; it owes nothing before its first `beat`. Raises `ValueError` on a name in use."""
        raise NotImplementedError

    def drop(self, name: str) -> None:
        """Forget a part that has ended on purpose."""
        raise NotImplementedError

    async def run(self) -> None:
        raise NotImplementedError

    def statistics(self) -> WatchdogStatistics:
        raise NotImplementedError
