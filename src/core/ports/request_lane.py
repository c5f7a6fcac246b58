"""What a request to a venue is for, so that what must get through does not stand in line behind what can wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum


class RequestLane(IntEnum):
    """The higher, the more of the venue's limits it may use."""

    BULK = 0
    """History for research: whatever the others leave."""
    MARKET = 1
    """Candles, books, back-fill of what is traded."""
    ACCOUNT = 2
    """Reconciliation, balances, the venue's time, keys of streams."""
    ENTRY = 3
    """Orders that add risk."""
    ORDERS = 4
    """Cancels, exits, stops, flattening: all that takes risk away."""


_lane: ContextVar[RequestLane | None] = ContextVar("request_lane", default=None)


@contextmanager
def in_lane(lane: RequestLane) -> Iterator[None]:
    """Requests made inside, in threads that take over the context too, are of this lane, whatever they ask for."""
    token = _lane.set(lane)
    try:
        yield
    finally:
        _lane.reset(token)


def chosen_lane() -> RequestLane | None:
    """`None`: nobody has chosen one, and what is asked for decides."""
    return _lane.get()
