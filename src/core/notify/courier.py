"""Takes notices to one service: in a thread of its own, one message at a time, however long that fails."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from core.compute.lanes import Lane
from core.domain.errors import ComputeError, NotifyError
from core.domain.notices import Notice
from core.domain.status import CourierStatus
from core.notify.delivery import Delivery, Instant, Message, Rules, offer, take
from core.notify.services import Service
from core.ports.clock import MonotonicClock
from core.runtime.breaker import BreakerPolicy, Breakers

_LOOK_S = 1.0
"""How late a digest, or the first message after a quiet night, may be."""
_POLICY = BreakerPolicy(failures_to_open=1, first_backoff_s=5.0, max_backoff_s=900.0, jitter=0.3, probe_timeout_s=120.0)
"""Each failed attempt is followed by a longer pause."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CourierPace:
    look_s: float = _LOOK_S
    retries: BreakerPolicy = _POLICY


class Courier:
    """`tell` never waits; `run` is a task. A message that was not taken is tried again until it is, and everything
    that comes meanwhile waits behind it, bounded: once the service is back it gets a digest, not a flood."""

    def __init__(
        self,
        service: Service,
        rules: Rules,
        *,
        timeout_s: float,
        monotonic: MonotonicClock,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        pace: CourierPace | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """`timeout_s`: of one attempt."""
        self._service = service
        self._rules = rules
        self._timeout_s = timeout_s
        self._monotonic = monotonic
        self._wall = wall
        self._pace = pace or CourierPace()
        self._lane = Lane(f"notify {service.name}", 1, queue_size=2, monotonic=monotonic)
        self._breaker = Breakers(self._pace.retries, monotonic, rng=rng)
        self._state = Delivery()
        self._outgoing: Message | None = None
        """Taken, and not delivered yet."""
        self._news = asyncio.Event()
        self._sending = asyncio.Lock()
        self._sent = self._failed = self._dropped = 0
        self._failure = ""

    def use(self, rules: Rules, timeout_s: float) -> None:
        """From the next message on."""
        self._rules = rules
        self._timeout_s = timeout_s
        self._news.set()

    def tell(self, notice: Notice) -> None:
        before = self._state.dropped
        self._state = offer(self._state, notice, self._rules, self._now())
        self._dropped += max(0, self._state.dropped - before)
        self._news.set()

    async def run(self) -> None:
        """Until cancelled; a message that is being sent then may or may not arrive."""
        while True:
            self._news.clear()
            await self._deliver_what_may_go()
            try:
                async with asyncio.timeout(self._pace.look_s if self._has_work else None):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def flush(self, timeout_s: float) -> bool:
        """At the end: give what may go one more chance, whatever failed before; whether nothing waits any more."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._next(is_last=True) is not None and await self._sends():
                    pass
        return not self._has_work

    def statistics(self) -> CourierStatus:
        return CourierStatus(
            service=self._service.name,
            waiting=len(self._state.waiting) + (len(self._outgoing.notices) if self._outgoing else 0),
            sent=self._sent,
            failed=self._failed,
            dropped=self._dropped,
            failure=self._failure,
        )

    @property
    def _has_work(self) -> bool:
        return bool(self._state.waiting) or self._outgoing is not None

    async def _deliver_what_may_go(self) -> None:
        name = self._service.name
        while self._next() is not None and self._breaker.admits(name):
            if not await self._sends():
                return

    def _next(self, *, is_last: bool = False) -> Message | None:
        if self._outgoing is None:
            self._state, self._outgoing = take(self._state, self._rules, self._now(), is_last=is_last)
        return self._outgoing

    async def _sends(self) -> bool:
        """What is outgoing, unless somebody else has just sent it."""
        name = self._service.name
        async with self._sending:
            if self._outgoing is None:
                return True
            try:
                await self._lane.run(self._service.send, self._outgoing, deadline_s=self._timeout_s)
            except (NotifyError, ComputeError) as error:
                self._failed += 1
                self._note_failure(str(error))
                self._breaker.failed(name, str(error))
                return False
            self._outgoing = None
            self._sent += 1
            self._breaker.succeeded(name)
            self._note_success()
            return True

    def _note_failure(self, reason: str) -> None:
        if not self._failure:
            _log.warning("messages_fail", service=self._service.name, reason=reason)
        self._failure = reason

    def _note_success(self) -> None:
        if self._failure:
            _log.info("messages_work_again", service=self._service.name, was=self._failure)
        self._failure = ""

    def _now(self) -> Instant:
        return Instant(self._monotonic.now_ns(), self._wall())
