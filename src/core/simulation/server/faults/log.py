"""What faults did, for judges: a bounded list, and lines in the venue's own log."""

from collections import deque
from collections.abc import Sequence

import msgspec
import structlog

KEPT = 10_000
_HITS_TOLD = 3
"""Of each fault, as lines of the log; all are in the list while it lasts."""

_log = structlog.get_logger(__name__)


class FaultEntry(msgspec.Struct, frozen=True):
    number: int
    """From 1, without gaps."""
    time_ms: int
    """Of the venue."""
    event: str
    """`armed`, `hit` or `ended`."""
    fault: str
    """The fault's id."""
    kind: str
    detail: str = ""


class FaultLog:
    def __init__(self) -> None:
        self._entries: deque[FaultEntry] = deque(maxlen=KEPT)
        self._number = 0

    def armed(self, time_ms: int, fault: str, kind: str, detail: str) -> None:
        self._add(time_ms, "armed", fault, kind, detail)
        _log.warning("fault_armed", fault=fault, kind=kind, venue_ms=time_ms, detail=detail)

    def hit(self, time_ms: int, fault: str, kind: str, detail: str, n_hits: int) -> None:
        self._add(time_ms, "hit", fault, kind, detail)
        if n_hits <= _HITS_TOLD:
            _log.warning("fault_hit", fault=fault, kind=kind, venue_ms=time_ms, target=detail, hit=n_hits)

    def ended(self, time_ms: int, fault: str, kind: str, n_hits: int) -> None:
        self._add(time_ms, "ended", fault, kind, f"{n_hits} hits")
        _log.warning("fault_ended", fault=fault, kind=kind, venue_ms=time_ms, hits=n_hits)

    def entries(self, after: int = 0) -> Sequence[FaultEntry]:
        """Those with a number above `after`, oldest first; the oldest are dropped when there are `KEPT`."""
        return [entry for entry in self._entries if entry.number > after]

    def _add(self, time_ms: int, event: str, fault: str, kind: str, detail: str) -> None:
        self._number += 1
        self._entries.append(FaultEntry(self._number, time_ms, event, fault, kind, detail))
