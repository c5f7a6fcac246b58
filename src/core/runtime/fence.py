"""Until when requests that change an account may reach its venue: what a lease on the account comes to at the wire."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from core.domain.errors import VenueUnavailable
from core.ports.clock import MonotonicClock
from core.runtime.clocks import NS_PER_MS, SystemBootClock

_SHUT_NS = -(2**63)


class RequestFence:
    """Open to everything until somebody says until when. Thread-safe, and never blocks.

    A process may be stopped between any two of its instructions and go on minutes later. So an adapter asks
    `left_ms` while it stamps a request, *after* it has read the time for the stamp: whatever pause follows makes the
    request too old for the venue, and a pause between the two readings makes it so sooner.
    """

    def __init__(self, clock: MonotonicClock | None = None) -> None:
        """`clock` must go on while the machine sleeps; `None`: the kernel's."""
        self._clock = clock or SystemBootClock()
        self._bound: tuple[int | None, str] = (None, "")
        self._lock = threading.Lock()
        self._out = 0

    def open_until(self, until_ns: int) -> None:
        """By the fence's clock; a later call replaces it."""
        self._bound = (until_ns, "")

    def shut(self, reason: str) -> None:
        """From now on nothing leaves, because of `reason`."""
        self._bound = (_SHUT_NS, reason)

    @property
    def out(self) -> int:
        """Requests that have been let out and have not come back."""
        return self._out

    def left_ms(self) -> int | None:
        """Real time in which a request that is stamped now may still reach the venue, above 0; `None`: nothing bounds
        it. Raises `VenueUnavailable` where there is none."""
        until_ns, reason = self._bound
        if until_ns is None:
            return None
        left_ms = (until_ns - self._clock.now_ns()) // NS_PER_MS
        if left_ms <= 0:
            raise VenueUnavailable(
                "no time is left in which this request may reach the venue: "
                + (reason or "the lease on the account has not been renewed in time")
            )
        return left_ms

    @contextmanager
    def let_out(self) -> Iterator[None]:
        """Around a request, from before it is stamped until its answer. Raises `VenueUnavailable` as `left_ms`."""
        with self._lock:
            self._out += 1
        try:
            self.left_ms()
            yield
        finally:
            with self._lock:
                self._out -= 1
