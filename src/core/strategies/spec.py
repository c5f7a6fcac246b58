"""What goes to a worker process and what comes back: picklable, and free of pandas, TA-Lib and user code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.domain.candles import Timeframe
from core.domain.errors import SettingsError
from core.domain.instruments import InstrumentId
from core.domain.reasons import Reason
from core.domain.signals import Signal
from core.settings.trading import StrategySettings
from core.strategies.builtin import BUILT_IN


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """Which strategy, on what, with which parameters."""

    use: str
    """A built-in's name, `package.module:Class`, or the name of a strategy in `directory`."""
    symbols: tuple[InstrumentId, ...]
    timeframe: Timeframe | None = None
    """`None`: the strategy's own default."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    directory: str | None = None
    """Folder whose `*.py` files may define strategies; `None`: none."""
    name: str | None = None
    """What decisions call it; `None`: its own name."""

    @property
    def key(self) -> str:
        """Same key, same loaded strategy."""
        return repr((self.use, self.timeframe, sorted(self.parameters.items()), self.directory, self.name))

    @property
    def is_built_in(self) -> bool:
        """Whether it came with the daemon: all others are user code."""
        return self.use in BUILT_IN

    @staticmethod
    def from_settings(
        settings: StrategySettings, all_symbols: tuple[InstrumentId, ...], directory: str | None
    ) -> "StrategySpec":
        """Raises `SettingsError` when the timeframe is none that exists."""
        timeframe = settings.timeframe
        return StrategySpec(
            use=settings.use,
            symbols=all_symbols if settings.symbols is None else tuple(map(InstrumentId, settings.symbols)),
            timeframe=None if timeframe is None else parse_timeframe(timeframe, f"strategy {settings.use}: timeframe"),
            parameters=dict(settings.parameters),
            directory=directory,
            name=settings.name,
        )


@dataclass(frozen=True, slots=True)
class StrategyDescription:
    """A loaded strategy as the daemon needs to know it."""

    name: str
    timeframe: Timeframe
    warmup: int
    """Closed candles without which it gives no signal (`WARMUP_MISSING`)."""
    window: int
    """Closed candles to hand over for each evaluation: the warm-up, and what the analytics take."""
    parameters: dict[str, Any]
    """All of them, defaults included."""
    asks_models: bool = False
    """Whether each question needs the models in use."""


@dataclass(frozen=True, slots=True)
class Analytics:
    """What sizing needs to know of a window."""

    last_close: float
    annualised_volatility: float | None
    """Standard deviation of log returns, scaled to a year of 365.25 days; 0.2 is 20 %. `None`: too few candles."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A strategy's answer for one symbol: a signal, or the error that took its place; exactly one of them is `None`."""

    strategy: str
    instrument_id: InstrumentId
    close_ms: int
    """Close time of the last candle of the window, UTC ms; 0 for an empty window."""
    signal: Signal | None
    error: Reason | None
    analytics: Analytics | None
    """`None` for windows that are empty or invalid."""
    features: dict[str, float] = field(default_factory=dict)
    """The last row of the features that the signal was taken from."""
    features_hash: str = ""
    """Of the features' names and last values; empty where there are none."""
    compute_us: float = 0.0
    model: str = ""
    """Version of the model that was asked; empty: none was."""


def parse_timeframe(text: object, what: str) -> Timeframe:
    """Raises `SettingsError` that lists the timeframes there are."""
    try:
        return Timeframe(str(text))
    except ValueError:
        known = ", ".join(timeframe.value for timeframe in Timeframe)
        raise SettingsError(f"{what} = {text!r}: must be one of {known}") from None
