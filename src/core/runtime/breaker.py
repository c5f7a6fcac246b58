"""Circuit breakers, one a key: closed, open after failures in a row, half-open for one probe, closed again.

`step` is the whole machine, a pure function over a table; `Breakers` keeps the states by key and brings time and
chance.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from core.ports.clock import MonotonicClock
from core.runtime.clocks import NS_PER_S


class Phase(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Event(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PROBED = "probed"
    """Its backoff is over and a probe was let through."""


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    failures_to_open: int = 3
    """In a row."""
    first_backoff_s: float = 5.0
    max_backoff_s: float = 300.0
    """The backoff doubles with each failed probe, up to here."""
    jitter: float = 0.2
    """Share of the backoff (0 to 1) that chance may take off, so that many keys do not probe at once."""
    probe_timeout_s: float = 60.0
    """A probe that never reports back is taken for lost after so long, and the next one let through."""

    def backoff_ns(self, trips: int, chance: float) -> int:
        """`trips` from 1; `chance` in [0, 1)."""
        doubled_s = self.first_backoff_s * 2.0 ** min(trips - 1, 32)
        return int(min(self.max_backoff_s, doubled_s) * (1.0 - self.jitter * chance) * NS_PER_S)


@dataclass(frozen=True, slots=True)
class BreakerState:
    phase: Phase = Phase.CLOSED
    failures: int = 0
    """In a row."""
    trips: int = 0
    """Backoffs in a row, since it was last closed."""
    since_ns: int = 0
    """Monotonic time at which this phase began; 0 where it never was anything but closed."""
    retry_at_ns: int = 0
    """OPEN: when a probe is due. HALF_OPEN: when the probe is taken for lost. CLOSED: 0."""
    reason: str = ""
    """Of the last failure; empty after a success."""

    def admits(self, now_ns: int) -> bool:
        return self.phase is Phase.CLOSED or now_ns >= self.retry_at_ns


CLOSED = BreakerState()

_Step = Callable[[BreakerState, BreakerPolicy, int, float, str], BreakerState]


def step(
    state: BreakerState, event: Event, policy: BreakerPolicy, *, now_ns: int, chance: float = 0.0, reason: str = ""
) -> BreakerState:
    """The state after `event`. Raises `ValueError` where the table has no such move."""
    move = _TABLE.get((state.phase, event))
    if move is None:
        raise ValueError(f"a breaker that is {state.phase} can't take {event}")
    return move(state, policy, now_ns, chance, reason)


def _close(state: BreakerState, policy: BreakerPolicy, now_ns: int, chance: float, reason: str) -> BreakerState:
    return BreakerState(since_ns=now_ns)


def _stay_closed(state: BreakerState, policy: BreakerPolicy, now_ns: int, chance: float, reason: str) -> BreakerState:
    return BreakerState(since_ns=state.since_ns)


def _stay(state: BreakerState, policy: BreakerPolicy, now_ns: int, chance: float, reason: str) -> BreakerState:
    return state


def _count(state: BreakerState, policy: BreakerPolicy, now_ns: int, chance: float, reason: str) -> BreakerState:
    if state.failures + 1 < policy.failures_to_open:
        return replace(state, failures=state.failures + 1, reason=reason)
    return _open(state, policy, now_ns, chance, reason)


def _open(state: BreakerState, policy: BreakerPolicy, now_ns: int, chance: float, reason: str) -> BreakerState:
    return BreakerState(
        phase=Phase.OPEN,
        failures=state.failures + 1,
        trips=state.trips + 1,
        since_ns=now_ns,
        retry_at_ns=now_ns + policy.backoff_ns(state.trips + 1, chance),
        reason=reason,
    )


def _probe(state: BreakerState, policy: BreakerPolicy, now_ns: int, chance: float, reason: str) -> BreakerState:
    lost_at_ns = now_ns + int(policy.probe_timeout_s * NS_PER_S)
    return replace(state, phase=Phase.HALF_OPEN, since_ns=now_ns, retry_at_ns=lost_at_ns)


_TABLE: dict[tuple[Phase, Event], _Step] = {
    (Phase.CLOSED, Event.SUCCEEDED): _stay_closed,
    (Phase.CLOSED, Event.FAILED): _count,
    # Calls let through before it opened report late: they neither close it nor prolong its backoff.
    (Phase.OPEN, Event.SUCCEEDED): _stay,
    (Phase.OPEN, Event.FAILED): _stay,
    (Phase.OPEN, Event.PROBED): _probe,
    (Phase.HALF_OPEN, Event.SUCCEEDED): _close,
    (Phase.HALF_OPEN, Event.FAILED): _open,
    # The last probe was lost.
    (Phase.HALF_OPEN, Event.PROBED): _probe,
}


class Breakers:
    """One breaker a key, made at its first failure. Not thread-safe: owned by the loop."""

    def __init__(
        self,
        policy: BreakerPolicy,
        monotonic: MonotonicClock,
        *,
        rng: random.Random | None = None,
        on_change: Callable[[str, BreakerState, BreakerState], None] | None = None,
    ) -> None:
        """`on_change` (key, before, after) is called on each change of phase."""
        self._policy = policy
        self._monotonic = monotonic
        self._rng = rng or random.Random()
        self._on_change = on_change
        self._states: dict[str, BreakerState] = {}

    def admits(self, key: str) -> bool:
        """Whether a call may be made now. After `True` on an open breaker the caller *is* the probe: report its
        outcome."""
        state = self.state(key)
        if state.phase is Phase.CLOSED:
            return True
        now_ns = self._monotonic.now_ns()
        if not state.admits(now_ns):
            return False
        self._put(key, step(state, Event.PROBED, self._policy, now_ns=now_ns))
        return True

    def succeeded(self, key: str) -> None:
        if key in self._states:
            self._put(key, step(self._states[key], Event.SUCCEEDED, self._policy, now_ns=self._monotonic.now_ns()))

    def failed(self, key: str, reason: str) -> None:
        now_ns, chance = self._monotonic.now_ns(), self._rng.random()
        self._put(key, step(self.state(key), Event.FAILED, self._policy, now_ns=now_ns, chance=chance, reason=reason))

    def state(self, key: str) -> BreakerState:
        return self._states.get(key, CLOSED)

    def phase(self, key: str) -> Phase:
        return self.state(key).phase

    def not_closed(self) -> dict[str, BreakerState]:
        """The keys in trouble: open, half-open."""
        return {key: state for key, state in self._states.items() if state.phase is not Phase.CLOSED}

    def forget(self, key: str) -> None:
        """Drop a key that is no longer used."""
        self._states.pop(key, None)

    def _put(self, key: str, after: BreakerState) -> None:
        before = self.state(key)
        self._states[key] = after
        if self._on_change is not None and before.phase is not after.phase:
            self._on_change(key, before, after)
