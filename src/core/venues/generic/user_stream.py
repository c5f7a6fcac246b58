"""The private stream where none is subscribed: at a steady pace it says that events may be missing."""

import asyncio
from collections.abc import Callable

from core.domain.orders import UserEvent, UserStreamRestored
from core.ports.clock import MonotonicClock

EVERY_S = 5.0
"""Each costs a reconciliation: open orders, trades and balances by REST."""


class PolledUserStream:
    """`core.ports.venue.UserStream` for an exchange whose account is read by REST only: whoever hears of a gap
    reconciles, so fills are known within `every_s`."""

    def __init__(self, monotonic: MonotonicClock, *, every_s: float = EVERY_S) -> None:
        self._now_ns = monotonic.now_ns
        self._every_s = every_s

    async def run(self, publish: Callable[[UserEvent], None]) -> None:
        """See `UserStream.run`."""
        while True:
            publish(UserStreamRestored(self._now_ns()))
            await asyncio.sleep(self._every_s)
