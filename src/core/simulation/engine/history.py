"""Candles from before the venue's start."""

from collections.abc import Mapping
from typing import Protocol

from core.simulation.engine.intervals import Interval
from core.simulation.engine.series import Rows


class History(Protocol):
    def rows(self, symbol: str) -> Mapping[Interval, Rows]:
        """Closed candles of a symbol by interval, oldest first, that end at or before the venue's start."""
        ...
