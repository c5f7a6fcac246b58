"""Notices when a recording has come to its end: its symbol stands still from then on, and looks like a quiet market."""

from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from core.simulation.server.clock import NS_PER_S

_log = structlog.get_logger(__name__)


class Recordings:
    """`ends_ns`: when each symbol's market ends (UTC ns of venue time); those that never do are not in it."""

    def __init__(self, ends_ns: Mapping[str, int]) -> None:
        self._ends_ns = ends_ns
        self._told: set[str] = set()

    def ended(self, now_ns: int) -> list[str]:
        return [symbol for symbol, end_ns in self._ends_ns.items() if end_ns <= now_ns]

    def tell(self, now_ns: int) -> None:
        """Log those that have ended, each once."""
        for symbol in self.ended(now_ns):
            if symbol not in self._told:
                self._told.add(symbol)
                end = datetime.fromtimestamp(self._ends_ns[symbol] / NS_PER_S, UTC)
                _log.warning("recording_ended", symbol=symbol, end=end.isoformat())
