"""What is to be loaded, what came of it, and what is told meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from core.domain.candles import Timeframe
from core.domain.errors import MetronomeError, SettingsError
from core.domain.series import SeriesKind
from core.history.coverage import Span
from core.history.series import Series
from core.ports.history import HistoryAbilities


@dataclass(frozen=True, slots=True)
class LoadRequest:
    symbols: tuple[str, ...]
    """The most urgent first."""
    kinds: tuple[SeriesKind, ...]
    timeframe: Timeframe
    """Of those kinds whose rows have a length."""
    span: Span
    """Rows of which time, UTC ms; of the present at most."""
    contracts: int = 100
    """Option bars: of so many contracts of each symbol, the nearest to the money."""
    contract_days: int = 90
    """Option bars: of contracts that expire within so many days."""


def require_able(request: LoadRequest, abilities: HistoryAbilities) -> None:
    """Raises `SettingsError` for what the source does not have at all."""
    for kind in request.kinds:
        traits = abilities.kinds.get(kind)
        if traits is None:
            has = ", ".join(sorted(abilities.kinds))
            raise SettingsError(f"{abilities.name} has no {kind}; it has {has}")
        if traits.timeframes and request.timeframe not in traits.timeframes:
            has = ", ".join(each.value for each in Timeframe if each in traits.timeframes)
            raise SettingsError(f"{abilities.name} has no {kind} of {request.timeframe.value}; it has {has}")
    if SeriesKind.OPTION_BARS in request.kinds and SeriesKind.OPTION_CHAIN not in abilities.kinds:
        raise SettingsError(f"{abilities.name} has no option chains, which option_bars take their contracts from")


class SymbolState(StrEnum):
    READY = "ready"
    REFUSED = "refused"
    """All there, and of too little quality to be used."""
    EMPTY = "empty"
    """The source has no rows of it, in this time at least."""
    PARTIAL = "partial"
    """Something of it is missing."""
    FAILED = "failed"
    """Nothing of it came."""


@dataclass(frozen=True, slots=True)
class SymbolReport:
    symbol: str
    state: SymbolState
    series: int
    rows: int
    quality: float | None
    """The worst of its series'; `None`: not looked at."""
    seconds: float
    """From the start of the load until it was ready."""
    requests: int
    """Those that it shared with others included."""
    cached: float
    """What part of the time that was asked for was in the cache, 0 to 1."""
    problems: tuple[str, ...] = ()
    """In words for a person: what is missing and why, or why it is refused."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedSymbol:
    report: SymbolReport
    series: tuple[Series, ...]
    """What is there of it, refused or not; contracts of which there is no row are left out."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    symbols: tuple[SymbolReport, ...]
    """In the order in which they were ready."""
    requests: int
    rows_fetched: int
    seconds: float
    stopped_by: MetronomeError | None = None
    """What ended the load before all symbols were done; `None`: nothing."""

    @property
    def is_complete(self) -> bool:
        return self.stopped_by is None and all(each.state is SymbolState.READY for each in self.symbols)


@dataclass(frozen=True, slots=True)
class Planned:
    """More of a symbol was found to be missing."""

    symbol: str
    chunks: int
    """That have it in them; each is a page or a few."""


@dataclass(frozen=True, slots=True)
class ChunkDone:
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PageFetched:
    symbols: tuple[str, ...]
    """Those that the request was about: underlyings, where it was about contracts."""
    rows: int
    requests: int
    """Of the whole load until now."""
    rows_fetched: int
    """The same."""


@dataclass(frozen=True, slots=True)
class HeldUp:
    """A page is asked for again later."""

    wait_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class SymbolDone:
    report: SymbolReport
    done: int
    total: int


LoadEvent = Planned | ChunkDone | PageFetched | HeldUp | SymbolDone
OnLoadEvent = Callable[[LoadEvent], None]
