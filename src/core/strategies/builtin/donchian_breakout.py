"""Breakout: follow the price out of its channel."""

from typing import ClassVar

from pydantic import Field

from core.domain.signals import Direction, Signal
from core.features.schema import Columns, Feature
from core.strategies.base import Strategy
from core.strategies.columnar import ColumnarStrategy


class DonchianBreakout(ColumnarStrategy):
    """Long on a close above the highest high of the candles before, out on a close below the lowest low of fewer."""

    class Parameters(Strategy.Parameters):
        entry: int = Field(default=20, ge=2, le=2_000)
        """Candles whose highest high is the way in."""
        exit: int = Field(default=10, ge=2, le=2_000)
        """Candles whose lowest low is the way out."""
        atr_period: int = Field(default=20, ge=2, le=500)
        """Candles of the average true range that the stop is measured in."""
        stop_atr: float = Field(default=2.0, gt=0, le=100)
        """The stop's distance from the entry, in average true ranges."""

    name: ClassVar[str] = "donchian_breakout"

    def __init__(self, parameters: Parameters | None = None) -> None:
        p = parameters or self.Parameters()
        self._entry = Feature.of("donchian", period=p.entry)
        self._exit = Feature.of("donchian", period=p.exit)
        self._atr = Feature.of("atr", period=p.atr_period)
        self._stop_atr = p.stop_atr
        super().__init__(p, self._entry, self._exit, self._atr)

    def rule(self, columns: Columns) -> Signal:
        close = float(columns["close"][-1])
        highest = float(columns[self._entry.columns[0]][-1])
        lowest = float(columns[self._exit.columns[1]][-1])
        atr = float(columns[self._atr.column][-1])
        if close > highest and atr > 0:
            return Signal(Direction.LONG, stop_distance=self._stop_atr * atr, reason=f"close above {highest:g}")
        if close < lowest:
            return Signal(Direction.FLAT, reason=f"close below {lowest:g}")
        return Signal(Direction.LONG, hold=True, reason="inside the channel")
