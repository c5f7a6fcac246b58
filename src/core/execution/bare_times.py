"""How long positions stand without their stop: measured, and said aloud when it takes too long."""

import asyncio

import structlog

from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId
from core.domain.reason_codes import ReasonCode, because
from core.ports.clock import MonotonicClock
from core.runtime.histogram import Histogram

OVERDUE_S = 10.0
"""Real. Ample for every round trip to a venue that answers: what takes longer is told."""


class BareTimes:
    """From the fill, or from the end of the stop, to the venue's word that one stands (or nothing is held any more)."""

    def __init__(self, monotonic: MonotonicClock) -> None:
        self._monotonic = monotonic
        self._since_ns: dict[ClientOrderId, tuple[int, InstrumentId]] = {}
        self._told: set[ClientOrderId] = set()
        self._wake = asyncio.Event()
        self.histogram = Histogram()
        """Of this process; what is bare now is not in it yet."""
        self.overdue = 0
        """How often it took longer than `OVERDUE_S`."""
        self._log = structlog.get_logger("execution")

    @property
    def longest_now_s(self) -> float:
        """Of those that are bare now; 0 where none is."""
        now_ns = self._monotonic.now_ns()
        return max(((now_ns - since_ns) / 1e9 for since_ns, _ in self._since_ns.values()), default=0.0)

    def look(self, duty_id: ClientOrderId, instrument_id: InstrumentId, *, is_bare: bool) -> None:
        """Call it whenever that may have changed."""
        if is_bare and duty_id not in self._since_ns:
            self._since_ns[duty_id] = (self._monotonic.now_ns(), instrument_id)
            self._wake.set()
        elif not is_bare and duty_id in self._since_ns:
            since_ns, _ = self._since_ns.pop(duty_id)
            lasted_ns = self._monotonic.now_ns() - since_ns
            self.histogram.record_ns(lasted_ns)
            if duty_id in self._told:
                self._told.discard(duty_id)
                self._log.info("stop_stands_again", duty_id=duty_id, after_s=round(lasted_ns / 1e9, 3))

    async def run(self) -> None:
        """Say once of each that is overdue that it is, until cancelled."""
        while True:
            self._wake.clear()
            now_ns = self._monotonic.now_ns()
            self._say_overdue(now_ns)
            untold = [since_ns for duty_id, (since_ns, _) in self._since_ns.items() if duty_id not in self._told]
            pause_s = (min(untold) + OVERDUE_S * 1e9 - now_ns) / 1e9 if untold else None
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _say_overdue(self, now_ns: int) -> None:
        for duty_id, (since_ns, instrument_id) in self._since_ns.items():
            bare_s = (now_ns - since_ns) / 1e9
            if bare_s >= OVERDUE_S and duty_id not in self._told:
                self._told.add(duty_id)
                self.overdue += 1
                reason = because(ReasonCode.STOP_OVERDUE, bare_s=bare_s, limit_s=OVERDUE_S)
                self._log.error("position_unprotected", duty_id=duty_id, instrument=instrument_id, reason=str(reason))
