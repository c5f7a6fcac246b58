"""What clients ask for of long histories: a span of time, and a page of what is in it."""

from dataclasses import dataclass
from typing import TypeVar

from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.parameters import Parameters

_FAR_MS = 1 << 62
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """UTC ms, both ends inclusive; `None`: none was named, and a named end of 0 bounds nothing either."""

    start_ms: int | None
    end_ms: int | None

    @classmethod
    def read(cls, params: Parameters) -> "TimeSpan":
        """`startTime` and `endTime`."""
        return cls(params.integer("startTime"), params.integer("endTime"))

    @property
    def is_named(self) -> bool:
        """By one end at least."""
        return self.start_ms is not None or self.end_ms is not None

    @property
    def width_ms(self) -> int | None:
        """Negative when it is turned round; `None`: an end was not named."""
        if self.start_ms is None or self.end_ms is None:
            return None
        return self.end_ms - self.start_ms

    def holds(self, time_ns: int) -> bool:
        return (self.start_ms or 0) <= time_ns // NS_PER_MS <= (self.end_ms or _FAR_MS)


def page(found: list[_T], limit: int, *, from_start: bool) -> list[_T]:
    """The first `limit`, or the last."""
    return found[:limit] if from_start else found[-limit:]
