"""Numbers events and hands them out."""

from core.simulation.engine.events import Event


class EventLog:
    """`sequence` is the last number given. Whoever makes an event takes the next number and appends to `pending`."""

    __slots__ = ("pending", "sequence")

    def __init__(self, sequence: int = 0) -> None:
        self.sequence = sequence
        self.pending: list[Event] = []

    def next(self) -> int:
        self.sequence += 1
        return self.sequence

    def take(self) -> list[Event]:
        """The events since the last call, in order."""
        events, self.pending = self.pending, []
        return events
