"""Circuit breakers, one a key: closed, open after failures in a row, half-open for one probe, closed again."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from core.ports.clock import MonotonicClock


class Phase(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    failures_to_open: int = 3
    """In a row."""
    first_backoff_s: float = 5.0
    max_backoff_s: float = 300.0
    """The backoff doubles with each failed probe up to here."""
    jitter: float = 0.2
    """Share of the backoff that is random, so that many keys do not probe at once."""
    probe_timeout_s: float = 60.0
    """A probe that never reports back is taken for lost after so long, and the next one let through."""


@dataclass(frozen=True, slots=True)
class BreakerState:
    phase: Phase = Phase.CLOSED
    failures: int = 0
    """In a row."""
    trips: int = 0
    """Backoffs in a row, since it was last closed."""
    since_ns: int = 0
    """Monotonic time at which this phase began."""
    retry_at_ns: int = 0
    """OPEN: when a probe is due. HALF_OPEN: when the probe is taken for lost."""
    reason: str = ""
    """Of the last failure; empty when closed by a success."""


class Breakers:
    """One breaker a key, made at its first failure. Not thread-safe: owned by the loop."""

    def __init__(
        self,
        policy: BreakerPolicy,
        monotonic: MonotonicClock,
        *,
        rng: random.Random | None = None,
        on_change: Callable[[str, BreakerState, BreakerState], None] | None = None,
    ) -> None: ...

    def admits(self, key: str) -> bool:
        """Whether a call may be made now. After `True` on an open breaker the caller *is* the probe: report its outcome."""
        raise NotImplementedError

    def succeeded(self, key: str) -> None:
        raise NotImplementedError

    def failed(self, key: str, reason: str) -> None:
        raise NotImplementedError

    def state(self, key: str) -> BreakerState:
        raise NotImplementedError

    def phase(self, key: str) -> Phase:
        raise NotImplementedError

    def not_closed(self) -> dict[str, BreakerState]:
        """The keys in trouble: open, half-open."""
        raise NotImplementedError

    def forget(self, key: str) -> None:
        """Drop a key that is no longer used."""
        raise NotImplementedError
