"""Which symbols are traded: those that pass a chain of filters, and those that have left but are still held.

A leaver is wound down: nothing is entered any more, exits go on, and it is dropped once nothing is held and no order
works. Pure: who asks the venue, and how often, is somebody else's work.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from core.domain.instruments import InstrumentId

_DAY_MS = 86_400_000


class Out(StrEnum):
    """Why a symbol is not, or no longer, traded. In the order of the chain."""

    UNLISTED = "unlisted"
    DENIED = "denied"
    NOT_ALLOWED = "not_allowed"
    TOO_YOUNG = "too_young"
    VOLUME = "volume"
    SPREAD = "spread"
    VOLATILITY = "volatility"
    CROWDED_OUT = "crowded_out"
    """It passed, and `most_symbols` with more volume did as well."""


@dataclass(frozen=True, slots=True)
class SymbolFacts:
    """What the venue says of a symbol. `None`: it says nothing, and a filter that needs it keeps the symbol out."""

    volume_usd: float | None = None
    """Of 24 hours."""
    spread_bps: float | None = None
    listed_ms: int | None = None
    volatility_pct: float | None = None
    """Of a day."""


@dataclass(frozen=True, slots=True)
class UniverseFilters:
    """`None`: not filtered. Patterns are those of a shell: `*/USDT`."""

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    least_age_days: float | None = None
    least_volume_usd: float | None = None
    most_spread_bps: float | None = None
    least_volatility_pct: float | None = None
    most_volatility_pct: float | None = None
    most_symbols: int | None = None


@dataclass(frozen=True, slots=True)
class Universe:
    """No symbol is in both."""

    traded: frozenset[InstrumentId] = frozenset()
    leaving: frozenset[InstrumentId] = frozenset()


@dataclass(frozen=True, slots=True)
class UniverseChanges:
    after: Universe
    joined: frozenset[InstrumentId]
    """Newcomers, and leavers that are back."""
    left: Mapping[InstrumentId, Out]
    """Traded until now: no entries from here on."""
    dropped: frozenset[InstrumentId]
    """Gone from the universe; flat."""


def refresh(
    universe: Universe,
    market: Mapping[InstrumentId, SymbolFacts],
    held: Collection[InstrumentId],
    filters: UniverseFilters,
    now_ms: int,
) -> UniverseChanges:
    """`held`: symbols with a position or a working order. A `market` without any symbol is a venue that could not
    answer: nobody leaves for that, and leavers that are flat are dropped all the same."""
    out = outs(market, filters, now_ms)
    wanted = frozenset(symbol for symbol in market if symbol not in out) if market else universe.traded
    left = {symbol: out.get(symbol, Out.UNLISTED) for symbol in sorted(universe.traded - wanted)}
    going = (universe.leaving | left.keys()) - wanted
    dropped = frozenset(symbol for symbol in going if symbol not in held)
    return UniverseChanges(Universe(wanted, going - dropped), wanted - universe.traded, left, dropped)


def outs(market: Mapping[InstrumentId, SymbolFacts], filters: UniverseFilters, now_ms: int) -> dict[InstrumentId, Out]:
    """Whom of the market the filters keep out, with the first of them that did."""
    out: dict[InstrumentId, Out] = {}
    for symbol, facts in market.items():
        why = next((why for why, passes in _CHAIN if not passes(symbol, facts, filters, now_ms)), None)
        if why is not None:
            out[symbol] = why
    if filters.most_symbols is not None:
        crowded = _by_volume(market, (symbol for symbol in market if symbol not in out))[filters.most_symbols :]
        out |= dict.fromkeys(crowded, Out.CROWDED_OUT)
    return out


def _by_volume(market: Mapping[InstrumentId, SymbolFacts], symbols: Iterable[InstrumentId]) -> list[InstrumentId]:
    return sorted(symbols, key=lambda symbol: (-(market[symbol].volume_usd or 0.0), symbol))


def _within(value: float | None, least: float | None, most: float | None) -> bool:
    if least is None and most is None:
        return True
    return value is not None and (least is None or value >= least) and (most is None or value <= most)


def _matches(symbol: InstrumentId, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(symbol, pattern) for pattern in patterns)


def _age_days(facts: SymbolFacts, now_ms: int) -> float | None:
    return None if facts.listed_ms is None else (now_ms - facts.listed_ms) / _DAY_MS


_Passes = Callable[[InstrumentId, SymbolFacts, UniverseFilters, int], bool]

_CHAIN: tuple[tuple[Out, _Passes], ...] = (
    (Out.DENIED, lambda symbol, _, to, __: not _matches(symbol, to.deny)),
    (Out.NOT_ALLOWED, lambda symbol, _, to, __: _matches(symbol, to.allow)),
    (Out.TOO_YOUNG, lambda _, facts, to, now_ms: _within(_age_days(facts, now_ms), to.least_age_days, None)),
    (Out.VOLUME, lambda _, facts, to, __: _within(facts.volume_usd, to.least_volume_usd, None)),
    (Out.SPREAD, lambda _, facts, to, __: _within(facts.spread_bps, None, to.most_spread_bps)),
    (
        Out.VOLATILITY,
        lambda _, facts, to, __: _within(facts.volatility_pct, to.least_volatility_pct, to.most_volatility_pct),
    ),
)
