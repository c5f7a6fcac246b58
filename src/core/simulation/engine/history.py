"""Candles from before the venue's start."""

from collections.abc import Sequence
from typing import Protocol

from core.simulation.engine.events import Candle
from core.simulation.engine.intervals import Interval


class History(Protocol):
    """Closed candles that end at the venue's start, oldest first; empty where none are known."""

    def candles(self, symbol: str, interval: Interval) -> Sequence[Candle]: ...
