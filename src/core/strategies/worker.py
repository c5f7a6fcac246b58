"""What a worker process runs: describe a strategy, evaluate it over candle windows. Loaded ones are kept per spec."""

from collections.abc import Sequence

from core.domain.candles import CandleWindow
from core.domain.instruments import InstrumentId
from core.strategies.spec import Evaluation, StrategyDescription, StrategySpec


def describe(spec: StrategySpec) -> StrategyDescription:
    """Load the strategy and say what it needs. Raises `SettingsError` with the place and the cure."""
    raise NotImplementedError


def evaluate(spec: StrategySpec, windows: Sequence[tuple[InstrumentId, CandleWindow]]) -> list[Evaluation]:
    """Ask the strategy for each symbol, in order. What its code raises or answers wrongly becomes that symbol's
    `error`, never an exception; only loading raises (`SettingsError`)."""
    raise NotImplementedError
