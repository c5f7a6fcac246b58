"""Trades on what the live models say."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np
from pydantic import Field

from core.domain.candles import CandleWindow
from core.domain.signals import Direction, Signal
from core.features.schema import Columns, Feature, last_row
from core.features.standard import STANDARD
from core.strategies.base import PRICE_COLUMNS, Strategy
from core.strategies.columnar import ColumnarStrategy
from core.strategies.forecasts import Forecast

PROBABILITY, LONG_ABOVE, SHORT_BELOW = "probability", "long_above", "short_below"
"""Columns of one value that `rule` finds beside the candles' and the features'."""


class ModelStrategy(ColumnarStrategy):
    """Long where the probability of a rise is above the model's own threshold, short where it is below the other, out
    between them: there the model does not know enough to pay the costs.

    Derive from it and override `rule` to do something else with the probability.
    """

    class Parameters(Strategy.Parameters):
        full_probability: float = Field(default=0.65, gt=0.5, le=1.0)
        """Of being right, from which on the size is whole; below it is smaller."""
        atr_period: int = Field(default=14, ge=2, le=500)
        """Candles of the average true range that the stop is measured in."""
        stop_atr: float | None = Field(default=3.0, gt=0, le=100)
        """The stop's distance from the entry, in average true ranges; `None`: no stop."""

    name: ClassVar[str] = "model"
    asks_models: ClassVar[bool] = True

    def __init__(self, parameters: Parameters | None = None) -> None:
        p = parameters or self.Parameters()
        self._atr = Feature.of("atr", period=p.atr_period)
        self._stop_atr, self._full = p.stop_atr, p.full_probability
        super().__init__(p, self._atr)

    @property
    def warmup(self) -> int:
        """Also that of the built-in features, which models are trained on."""
        return max(super().warmup, STANDARD.warmup)

    def rule(self, columns: Columns) -> Signal:
        probability = float(columns[PROBABILITY][-1])
        if probability > float(columns[LONG_ABOVE][-1]):
            return self._position(Direction.LONG, probability, columns)
        if probability < float(columns[SHORT_BELOW][-1]):
            return self._position(Direction.SHORT, 1.0 - probability, columns)
        return Signal(Direction.FLAT, reason=f"abstains at p={probability:.4f}")

    def prepare_with(self, window: CandleWindow, said: Forecast) -> tuple[dict[str, float], Callable[[], Signal]]:
        """As `prepare`, with what a model said of the newest candle. The signal's words name its version."""
        columns = self.schema.compute(window)
        prices = {name: getattr(window, name) for name in PRICE_COLUMNS}
        told = {
            PROBABILITY: np.array([said.probability]),
            LONG_ABOVE: np.array([said.thresholds.long_above]),
            SHORT_BELOW: np.array([said.thresholds.short_below]),
        }
        features = {**last_row(columns), PROBABILITY: said.probability}
        return features, partial(self._named, {**prices, **columns, **told}, said.version)

    def _named(self, columns: Columns, version: str) -> Signal:
        signal = self.rule(columns)
        return replace(signal, reason=f"{signal.reason}, model {version}") if isinstance(signal, Signal) else signal

    def _position(self, direction: Direction, confidence: float, columns: Columns) -> Signal:
        """Of an even bet that is won with probability p, Kelly's share of the capital is 2p - 1 (Kelly 1956): the size
        grows with that, up to `full_probability`."""
        atr = float(columns[self._atr.column][-1])
        return Signal(
            direction,
            strength=min(1.0, max(0.0, (2 * confidence - 1) / (2 * self._full - 1))),
            stop_distance=self._stop_atr * atr if self._stop_atr is not None and atr > 0 else None,
            reason=f"p={confidence:.4f} of being right",
        )
