"""An async token bucket: how often a source is asked."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_SLOWEST_S = 60.0
_FIRST_INTERVAL_S = 0.05
"""Between requests to a source without a documented rate, once it has complained."""
_RECOVERY = 0.98


class TokenBucket:
    """Right under concurrency without a lock: a turn is taken in one step of the loop, and only then slept for.

    Learns: a complaint (429) holds everybody up for as long as the source says and halves the rate; each success brings
    it a little nearer to what is documented.
    """

    def __init__(
        self,
        per_min: float | None,
        burst: int,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`per_min` `None`: no limit until the source complains. `burst`: turns that a rested bucket gives at once."""
        self._documented_s = 60.0 / per_min if per_min else 0.0
        self._interval_s = self._documented_s
        self._burst = burst
        self._monotonic_s = monotonic_s
        self._sleep = sleep
        self._next_s = float("-inf")
        """When the next turn is due if the bucket is empty."""
        self._away_until_s = float("-inf")

    @property
    def per_min(self) -> float | None:
        """As learnt; `None`: no limit."""
        return 60.0 / self._interval_s if self._interval_s else None

    async def take(self) -> None:
        """Wait for a turn. Cancelling is safe; a turn that was waited for is lost."""
        now_s = self._monotonic_s()
        turn_s = max(self._next_s, now_s - (self._burst - 1) * self._interval_s)
        self._next_s = turn_s + self._interval_s
        while (wait_s := max(turn_s, self._away_until_s) - self._monotonic_s()) > 0:
            await self._sleep(wait_s)

    def complained(self, retry_after_s: float) -> None:
        """The source has: nobody asks before that."""
        now_s = self._monotonic_s()
        if now_s >= self._away_until_s:  # those that were under way complain, too, of one and the same haste
            self._interval_s = min(max(2 * self._interval_s, _FIRST_INTERVAL_S), _SLOWEST_S)
        self._away_until_s = max(self._away_until_s, now_s + retry_after_s)
        self._next_s = max(self._next_s, self._away_until_s)

    def succeeded(self) -> None:
        faster_s = self._interval_s * _RECOVERY
        self._interval_s = max(faster_s, self._documented_s) if faster_s > _FIRST_INTERVAL_S / 8 else self._documented_s
