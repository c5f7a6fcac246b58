"""Breakers before a venue's data requests: one a request (what is asked about which symbol), one an operation.

A symbol whose requests hang must not take a thread of the lane again and again from those whose requests are answered.
Where a venue answers nobody, one probe at a time is enough; as soon as one is answered all may ask again.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import TypeVar

from core.domain.errors import BreakerOpen, BudgetSpent, DeadlineExceeded, RequestRefused, VenueUnavailable
from core.domain.instruments import InstrumentId
from core.ports.clock import MonotonicClock
from core.runtime.breaker import BreakerPolicy, Breakers, BreakerState, Phase

T = TypeVar("T")

REQUEST = BreakerPolicy(failures_to_open=5, first_backoff_s=2.0, max_backoff_s=10.0)
PROBES_AT_ONCE = 2
"""Of requests, together: each may hang, with its thread."""
OPERATION = BreakerPolicy(failures_to_open=1, first_backoff_s=1.0, max_backoff_s=10.0, probe_timeout_s=30.0)
FAILURES_OF_ALL = 3
"""An operation's breaker opens after so many failures at least, with no answer between them, of more than half of the
symbols."""


class FetchBreakers:
    """Belongs to the loop. Only silence counts: a venue that refuses has answered, and where it has told us to stay
    away, or our own share of its limits is spent, nothing was asked."""

    def __init__(
        self,
        n_symbols: int,
        monotonic: MonotonicClock,
        *,
        on_change: Callable[[str, BreakerState, BreakerState], None] | None = None,
    ) -> None:
        self.requests = Breakers(REQUEST, monotonic, on_change=on_change)
        """By `operation symbol`."""
        self.operations = Breakers(OPERATION, monotonic, on_change=on_change)
        self._n_symbols = n_symbols
        self._probes = 0
        """Under way."""
        self._failed_since: defaultdict[str, list[InstrumentId]] = defaultdict(list)
        """Of each operation: who has failed since the last answer, newest last, as many as are worth knowing."""

    async def ask(self, operation: str, symbol: InstrumentId, request: Callable[[], Awaitable[T]]) -> T:
        """What `request` gives or raises; `BreakerOpen` where it is not tried."""
        key = f"{operation} {symbol}"
        self._require(operation, key)
        is_probe = self.requests.phase(key) is not Phase.CLOSED
        self._probes += is_probe
        try:
            answer = await request()
        except (VenueUnavailable, DeadlineExceeded) as error:
            if _is_silence(error):
                self._failed(operation, key, symbol, str(error))
            raise
        except RequestRefused:
            self._answered(operation, key)
            raise
        else:
            self._answered(operation, key)
            return answer
        finally:
            self._probes -= is_probe

    def _require(self, operation: str, key: str) -> None:
        """While nobody is answered the operation's breaker alone decides: any symbol may be its probe."""
        guard, name = (
            (self.requests, key) if self.operations.phase(operation) is Phase.CLOSED else (self.operations, operation)
        )
        state = guard.state(name)
        has_room = state.phase is Phase.CLOSED or self._probes < PROBES_AT_ONCE
        if not has_room or not guard.admits(name):
            raise BreakerOpen(f"{name} is not asked now, it has failed {state.failures} times: {state.reason}")

    def _failed(self, operation: str, key: str, symbol: InstrumentId, reason: str) -> None:
        self.requests.failed(key, reason)
        failed = self._failed_since[operation]
        if len(failed) < max(FAILURES_OF_ALL, self._n_symbols):
            failed.append(symbol)
        of_all = len(failed) >= FAILURES_OF_ALL and 2 * len(set(failed)) > self._n_symbols
        if of_all or self.operations.phase(operation) is Phase.HALF_OPEN:
            self.operations.failed(operation, reason)

    def _answered(self, operation: str, key: str) -> None:
        self._failed_since.pop(operation, None)
        self.requests.succeeded(key)
        was = self.operations.phase(operation)
        self.operations.succeeded(operation)
        if was is not self.operations.phase(operation):
            for name in self.requests.not_closed():
                if name.startswith(f"{operation} "):
                    self.requests.forget(name)


def _is_silence(error: VenueUnavailable | DeadlineExceeded) -> bool:
    if isinstance(error, DeadlineExceeded):
        return error.started
    return error.retry_after_s is None and not isinstance(error, BudgetSpent)
