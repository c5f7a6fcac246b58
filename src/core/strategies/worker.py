"""What a worker process runs: describe a strategy, evaluate it over candle windows.

The daemon names these functions and never calls them. What they need (TA-Lib, which brings pandas: half a second and
80 MB) is imported where they run.
"""

from collections.abc import Sequence

from core.domain.candles import CandleWindow
from core.domain.instruments import InstrumentId
from core.models.serving.in_use import ModelsInUse
from core.strategies.spec import Evaluation, StrategyDescription, StrategySpec


def describe(spec: StrategySpec) -> StrategyDescription:
    """Load the strategy and say what it needs. Raises `SettingsError` with the place and the cure."""
    from core.strategies import evaluation  # noqa: PLC0415  the daemon imports this module, and must not pay for TA-Lib

    return evaluation.describe(spec)


def evaluate(
    spec: StrategySpec, windows: Sequence[tuple[InstrumentId, CandleWindow]], models: ModelsInUse | None = None
) -> list[Evaluation]:
    """Ask the strategy for each symbol, in order; `models` is for strategies that ask them. What its code raises or
    answers wrongly becomes that symbol's `error`, never an exception; only loading raises (`SettingsError`)."""
    from core.strategies import evaluation  # noqa: PLC0415  the daemon imports this module, and must not pay for TA-Lib

    return evaluation.evaluate(spec, windows, models)
