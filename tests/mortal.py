"""Decorators around the journal and the venue's port in which a process kills itself at an appointed step.

A step is `CALL:SIDE:NTH`: a call of the venue's port (`place`, `open_orders`), or `append-KIND` where KIND is the first
record of the append (`append-IntentRecorded`). Sides: `before`, `after` (it has been answered or is durable, and nobody
has been told), `during` (`delay_s` after it began). With a phase in front (`recovery/open_orders:after:1`) only
passages in that phase count.
"""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from core.execution.events import Withdrawn
from core.execution.journal.journal import Journal
from core.execution.journal.records import Record, RequestRecorded
from core.ports.venue import VenueRest


def _silently(step: str) -> None:
    pass


class Fate:
    """Kills the process with SIGKILL at the appointed moment."""

    def __init__(
        self, appointed: str | None, *, delay_s: float = 0.0, last_words: Callable[[str], None] = _silently
    ) -> None:
        """`appointed` `None`: never. `last_words(step)` is called just before; it must not block."""
        self._appointed = appointed
        self._delay_s = delay_s
        self._last_words = last_words
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.phase = "running"
        self.in_flight: set[str] = set()
        """Client order ids whose requests are durable and whose calls have not been answered."""

    def pass_by(self, call: str, side: str) -> None:
        with self._lock:
            if self._is_due(call, side):
                self.die(self._appointed or "")
            if side == "before" and self._is_due(call, "during"):
                self.die_in(self._delay_s, self._appointed or "")

    def die_in(self, delay_s: float, step: str) -> None:
        timer = threading.Timer(delay_s, self.die, [step])
        timer.daemon = True
        timer.start()

    def die(self, step: str) -> None:
        self._last_words(step)
        os.kill(os.getpid(), signal.SIGKILL)

    def _is_due(self, call: str, side: str) -> bool:
        due = False
        for name in (f"{call}:{side}", f"{self.phase}/{call}:{side}"):
            self._counts[name] += 1
            due = due or self._appointed == f"{name}:{self._counts[name]}"
        return due


class MortalVenue:
    """The venue's port, with fate before, during and after each call."""

    def __init__(self, venue: VenueRest, fate: Fate) -> None:
        self._venue = venue
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._venue, name)
        if not callable(real):
            return real

        def call(*args: Any, **kwargs: Any) -> Any:
            self._fate.pass_by(name, "before")
            try:
                result = real(*args, **kwargs)
            finally:
                if name in ("place", "place_pair"):
                    for request in args:
                        self._fate.in_flight.discard(request.client_order_id)
            self._fate.pass_by(name, "after")
            return result

        return call


class MortalJournal(Journal):
    """The journal, with fate before, during and after each append."""

    fate: Fate

    async def append(self, records: Sequence[Record]) -> None:
        kinds = list(records)
        name = f"append-{type(kinds[0]).__name__}" if kinds else "append"
        self.fate.pass_by(name, "before")
        await super().append(kinds)
        for record in kinds:
            match record:
                case RequestRecorded(order):
                    self.fate.in_flight.add(order.client_order_id)
                case Withdrawn(client_order_id):
                    self.fate.in_flight.discard(client_order_id)
        self.fate.pass_by(name, "after")
