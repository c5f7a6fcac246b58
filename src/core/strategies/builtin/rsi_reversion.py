"""Mean reversion: buy what has fallen too far and begins to turn."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from core.domain.signals import Direction, Signal
from core.features.schema import Columns, Feature
from core.strategies.base import Strategy
from core.strategies.columnar import ColumnarStrategy


class RsiReversion(ColumnarStrategy):
    """Long when Wilder's RSI comes back up through `oversold`, out while it is at or above `exit_above`."""

    class Parameters(Strategy.Parameters):
        period: int = Field(default=14, ge=2, le=500)
        """Candles of the relative strength index."""
        oversold: float = Field(default=30.0, gt=0, lt=100)
        """Rising through this from below is the entry."""
        exit_above: float = Field(default=50.0, gt=0, lt=100)
        """At or above this the reversion is done."""
        atr_period: int = Field(default=14, ge=2, le=500)
        """Candles of the average true range that the stop is measured in."""
        stop_atr: float = Field(default=3.0, gt=0, le=100)
        """The stop's distance from the entry, in average true ranges."""

        @model_validator(mode="after")
        def _ordered(self) -> Self:
            if self.oversold >= self.exit_above:
                raise ValueError(f"oversold ({self.oversold:g}) must be below exit_above ({self.exit_above:g})")
            return self

    name: ClassVar[str] = "rsi_reversion"

    def __init__(self, parameters: Parameters | None = None) -> None:
        p = parameters or self.Parameters()
        self._rsi = Feature.of("rsi", period=p.period)
        self._atr = Feature.of("atr", period=p.atr_period)
        self._oversold, self._exit_above, self._stop_atr = p.oversold, p.exit_above, p.stop_atr
        super().__init__(p, self._rsi, self._atr)

    def rule(self, columns: Columns) -> Signal:
        before, now = (float(value) for value in columns[self._rsi.column][-2:])
        atr = float(columns[self._atr.column][-1])
        if now >= self._exit_above:
            return Signal(Direction.FLAT, reason=f"RSI {now:.1f} at or above {self._exit_above:g}")
        if before < self._oversold <= now and atr > 0:
            return Signal(
                Direction.LONG,
                stop_distance=self._stop_atr * atr,
                reason=f"RSI {now:.1f} back above {self._oversold:g}",
            )
        return Signal(Direction.LONG, hold=True, reason=f"RSI {now:.1f}")
