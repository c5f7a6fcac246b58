"""Trend following: two moving averages cross."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from core.domain.signals import Direction, Signal
from core.features.schema import Columns, Feature
from core.strategies.base import Strategy
from core.strategies.columnar import ColumnarStrategy


class EmaCross(ColumnarStrategy):
    """Long when the fast average of closes crosses above the slow one, out while it is below, nothing in between.

    The way out is repeated on every candle for as long as it holds, so that a missed cycle costs one candle and not a
    trend; the way in is said once, so that a position stopped out is not bought back in the same trend.
    """

    class Parameters(Strategy.Parameters):
        fast: int = Field(default=5, ge=2, le=1_000)
        """Candles of the fast exponential average."""
        slow: int = Field(default=13, ge=3, le=2_000)
        """Candles of the slow one."""
        atr_period: int = Field(default=14, ge=2, le=500)
        """Candles of the average true range that stop and target are measured in."""
        stop_atr: float = Field(default=3.0, gt=0, le=100)
        """The stop's distance from the entry, in average true ranges."""
        target_atr: float | None = Field(default=None, gt=0, le=1_000)
        """The target's distance, in average true ranges; `None`: no target, the cross ends the trade."""
        trailing_atr: float | None = Field(default=None, gt=0, le=100)
        """How far behind the best price the stop follows, in average true ranges; `None`: it stays where it is."""

        @model_validator(mode="after")
        def _ordered(self) -> Self:
            if self.fast >= self.slow:
                raise ValueError(f"fast ({self.fast}) must be smaller than slow ({self.slow})")
            return self

    name: ClassVar[str] = "ema_cross"

    def __init__(self, parameters: Parameters | None = None) -> None:
        p = parameters or self.Parameters()
        self._fast = Feature.of("ema", period=p.fast)
        self._slow = Feature.of("ema", period=p.slow)
        self._atr = Feature.of("atr", period=p.atr_period)
        self._stop_atr, self._target_atr, self._trailing_atr = p.stop_atr, p.target_atr, p.trailing_atr
        super().__init__(p, self._fast, self._slow, self._atr)

    def rule(self, columns: Columns) -> Signal:
        fast, slow = columns[self._fast.column], columns[self._slow.column]
        atr = float(columns[self._atr.column][-1])
        if fast[-1] < slow[-1]:
            return Signal(Direction.FLAT, reason="fast below slow")
        if fast[-1] > slow[-1] and fast[-2] <= slow[-2] and atr > 0:
            return Signal(
                Direction.LONG,
                stop_distance=self._stop_atr * atr,
                target_distance=None if self._target_atr is None else self._target_atr * atr,
                trailing_distance=None if self._trailing_atr is None else self._trailing_atr * atr,
                reason="fast crossed above slow",
            )
        return Signal(Direction.LONG, hold=True, reason="fast above slow")
