"""Strategies that are a schema of indicators and a rule on their newest values: no frame on the way."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd
from pydantic import BaseModel

from core.domain.candles import CandleWindow
from core.domain.signals import Signal
from core.features.indicator import Column
from core.features.schema import Columns, Feature, FeatureSchema, last_row
from core.strategies.base import PRICE_COLUMNS, Strategy, frame_window


class ColumnarStrategy(Strategy):
    """Hand the features to the constructor and give a `rule`; both faces, arrays and pandas, follow and agree."""

    def __init__(self, parameters: BaseModel, *features: Feature) -> None:
        super().__init__(parameters)
        self.schema = FeatureSchema(features)

    @abstractmethod
    def rule(self, columns: Columns) -> Signal:
        """The signal of the newest candle. `columns` holds the candles' own columns and the schema's, float64."""

    @property
    def warmup(self) -> int:
        """One more than the schema's: a rule may look at the candle before the newest."""
        return self.schema.warmup + 1

    def features(self, candles: pd.DataFrame) -> Mapping[str, Column]:
        return self.schema.compute(frame_window(candles))

    def signal(self, frame: pd.DataFrame) -> Signal:
        return self.rule({str(name): frame[name].to_numpy(np.float64) for name in frame.columns})

    def prepare(self, window: CandleWindow) -> tuple[dict[str, float], Callable[[], Signal]]:
        columns = self.schema.compute(window)
        prices = {name: getattr(window, name) for name in PRICE_COLUMNS}
        return last_row(columns), partial(self.rule, {**prices, **columns})
