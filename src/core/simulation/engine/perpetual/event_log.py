"""The spot engine's event log with the events of perpetuals in it."""

from typing import cast

from core.simulation.engine.event_log import EventLog
from core.simulation.engine.perpetual.events import PerpetualEvent


class PerpetualLog(EventLog):
    """Listings write their own events as in spot; the rest of the perpetual exchange writes through `add`."""

    __slots__ = ()

    def add(self, event: PerpetualEvent) -> None:
        cast(list[PerpetualEvent], self.pending).append(event)

    def take_all(self) -> list[PerpetualEvent]:
        """The events since the last call, in order."""
        return cast(list[PerpetualEvent], self.take())
