"""What a user writes: a strategy. `docs/strategies.md` shows one in ten lines."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from core.domain.candles import CandleWindow
from core.domain.errors import StrategyError
from core.domain.signals import Signal

PRICE_COLUMNS = ("open", "high", "low", "close", "volume")


class InvalidAnswer(StrategyError):
    """User code answered something that cannot be used; `field` names what, `must` what it should be."""

    def __init__(self, field: str, value: object, must: str) -> None:
        super().__init__(f"{field} = {value!r}: {must}")
        self.field = field
        self.value = value
        self.must = must


class Strategy(ABC):
    """Looks at closed candles of one symbol, says which position it wants. Knows nothing of venues, orders or money.

    Instances are shared by all symbols and live as long as their worker process: keep no state between calls. What
    `features` and `signal` raise costs that symbol one cycle, with `STRATEGY_RAISED` and the line as the reason.
    """

    class Parameters(BaseModel):
        """Override with your own fields; unknown keys in the settings are errors."""

        model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]
    """The word in settings, logs and reasons; letters, digits, `_` and `-`."""
    timeframe: ClassVar[str] = "1m"
    """Default candle length; the settings may choose another."""
    allow_nan: ClassVar[bool] = False
    """Whether the newest row of the features may hold NaN. If not, such a candle gives `STRATEGY_NAN`, no signal."""
    asks_models: ClassVar[bool] = False
    """Whether it is asked with what the live models say: derive such a strategy from `builtin.model.ModelStrategy`."""

    def __init__(self, parameters: BaseModel | None = None) -> None:
        self.parameters = self.Parameters() if parameters is None else parameters

    @property
    @abstractmethod
    def warmup(self) -> int:
        """Closed candles without which there is no sense in asking. A class attribute `warmup = 50` will do."""

    def features(self, candles: pd.DataFrame) -> pd.DataFrame | Mapping[str, Any]:
        """Columns to add to `candles`, each as long as it is. `candles` is a private copy: open, high, low, close,
        volume (float64) over a UTC index of open times, oldest first, closed candles only."""
        return {}

    @abstractmethod
    def signal(self, frame: pd.DataFrame) -> Signal:
        """What to hold from the newest candle (`frame.iloc[-1]`) on. `frame` is the candles with the features."""

    def prepare(self, window: CandleWindow) -> tuple[dict[str, float], Callable[[], Signal]]:
        """The newest row of the features, and the question that takes the signal from them. Raises `InvalidAnswer` for
        features of the wrong shape. Overridden by strategies that need no frame."""
        candles = candles_frame(window)
        frame, added = _with_features(candles, self.features(candles.copy()))
        return _newest(frame, added), partial(self.signal, frame)


def candles_frame(window: CandleWindow) -> pd.DataFrame:
    """A private copy of the window as a frame with a UTC index of open times."""
    index = pd.DatetimeIndex(window.open_ms.astype("datetime64[ms]"), tz="UTC", name="open_time")
    columns = {name: getattr(window, name).copy() for name in PRICE_COLUMNS}
    return pd.DataFrame(columns, index=index)


def frame_window(frame: pd.DataFrame) -> CandleWindow:
    """The way back: the candles in a frame as columns of arrays."""
    index = frame.index
    if not isinstance(index, pd.DatetimeIndex):
        raise TypeError(f"candles need an index of open times, not {type(index).__name__}")
    open_ms = index.as_unit("ms").asi8
    prices = {name: np.ascontiguousarray(frame[name], dtype=np.float64) for name in PRICE_COLUMNS}
    return CandleWindow(open_ms=open_ms, **prices)


def _with_features(candles: pd.DataFrame, answer: object) -> tuple[pd.DataFrame, list[str]]:
    if not isinstance(answer, (Mapping, pd.DataFrame)):
        raise InvalidAnswer("features", type(answer).__name__, "must be a DataFrame or a dict of columns")
    columns = {str(name): column for name, column in answer.items()}
    for name, column in columns.items():
        if np.ndim(column) != 0 and len(column) != len(candles):
            raise InvalidAnswer(f"features[{name}]", f"{len(column)} rows", f"must have {len(candles)}, one a candle")
    return candles.assign(**columns), list(columns)


def _newest(frame: pd.DataFrame, names: list[str]) -> dict[str, float]:
    """The last row of the numeric columns; what is missing there is NaN."""
    row: dict[str, float] = {}
    for name in names:
        value = frame[name].iloc[-1]
        if isinstance(value, Real):
            row[name] = float(value)
        elif pd.api.types.is_scalar(value) and pd.isna(value):
            row[name] = float("nan")
    return row
