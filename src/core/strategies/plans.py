"""What is to be evaluated when: the configured strategies, grouped by the series that they trade."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.domain.candles import SeriesKey
from core.domain.instruments import InstrumentId
from core.strategies.spec import StrategyDescription, StrategySpec


@dataclass(frozen=True, slots=True)
class StrategyPlan:
    """One configured strategy: what to load, and what it said of itself."""

    spec: StrategySpec
    description: StrategyDescription

    @property
    def name(self) -> str:
        return self.description.name


@dataclass(frozen=True, slots=True)
class SymbolPlan:
    """The strategies that speak together when this series closes."""

    key: SeriesKey
    strategies: tuple[StrategyPlan, ...]

    @property
    def window(self) -> int:
        """Closed candles that the strategies want."""
        return max(plan.description.window for plan in self.strategies)

    @property
    def names(self) -> str:
        return "+".join(plan.name for plan in self.strategies)


def plan_symbols(plans: Sequence[StrategyPlan]) -> tuple[SymbolPlan, ...]:
    """One plan a series, in the order in which the settings name them."""
    grouped: dict[SeriesKey, list[StrategyPlan]] = {}
    for plan in plans:
        for symbol in plan.spec.symbols:
            grouped.setdefault(SeriesKey(symbol, plan.description.timeframe), []).append(plan)
    return tuple(SymbolPlan(key, tuple(strategies)) for key, strategies in grouped.items())


def strategies_by_symbol(plans: Sequence[SymbolPlan]) -> dict[InstrumentId, tuple[str, ...]]:
    """All strategies that trade a symbol, over all timeframes."""
    names: dict[InstrumentId, tuple[str, ...]] = {}
    for plan in plans:
        symbol = plan.key.instrument_id
        names[symbol] = (*names.get(symbol, ()), *(each.name for each in plan.strategies))
    return names
