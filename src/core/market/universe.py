"""Which symbols are traded: those that pass a chain of filters, and those that have left but are still held.

A leaver is wound down: nothing is entered any more, exits go on, and it is dropped once nothing is held and no order
works. Pure: who asks the venue, and how often, is somebody else's work.
"""

import itertools
import math
import statistics
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from core.domain.candles import Candle
from core.domain.instruments import InstrumentId
from core.settings.universe import UniverseSettings

_DAY_MS = 86_400_000
_HOURS_A_DAY = 24
HOURS_LOOKED_AT = 7 * _HOURS_A_DAY
"""Closed ones; fewer than a day's say nothing of the volatility."""


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

    daily_volume: float | None = None
    """Of the last 24 hours, in the quote asset."""
    spread_bps: float | None = None
    listed_ms: int | None = None
    volatility_pct: float | None = None
    """Standard deviation of a day's return."""


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
    filters: UniverseSettings,
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


def outs(market: Mapping[InstrumentId, SymbolFacts], filters: UniverseSettings, now_ms: int) -> dict[InstrumentId, Out]:
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
    return sorted(symbols, key=lambda symbol: (-(market[symbol].daily_volume or 0.0), symbol))


def _within(value: float | None, least: float | None, most: float | None) -> bool:
    if least is None and most is None:
        return True
    return value is not None and (least is None or value >= least) and (most is None or value <= most)


def _matches(symbol: InstrumentId, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(symbol, pattern) for pattern in patterns)


def _age_days(facts: SymbolFacts, now_ms: int) -> float | None:
    return None if facts.listed_ms is None else (now_ms - facts.listed_ms) / _DAY_MS


_Passes = Callable[[InstrumentId, SymbolFacts, UniverseSettings, int], bool]

_CHAIN: tuple[tuple[Out, _Passes], ...] = (
    (Out.DENIED, lambda symbol, _, to, __: not _matches(symbol, to.deny)),
    (Out.NOT_ALLOWED, lambda symbol, _, to, __: _matches(symbol, to.allow)),
    (Out.TOO_YOUNG, lambda _, facts, to, now_ms: _within(_age_days(facts, now_ms), to.least_age_days, None)),
    (Out.VOLUME, lambda _, facts, to, __: _within(facts.daily_volume, to.least_daily_volume, None)),
    (Out.SPREAD, lambda _, facts, to, __: _within(facts.spread_bps, None, to.most_spread_bps)),
    (
        Out.VOLATILITY,
        lambda _, facts, to, __: _within(facts.volatility_pct, to.least_volatility_pct, to.most_volatility_pct),
    ),
)


def facts_of(
    hours: Sequence[Candle], *, multiplier: float = 1.0, spread_bps: float | None = None, listed_ms: int | None = None
) -> SymbolFacts:
    """`hours`: closed candles of an hour, oldest first, the last `HOURS_LOOKED_AT` or as many as there are.
    `multiplier`: units of base in one of what their volume counts."""
    if not hours:
        return SymbolFacts(None, spread_bps, listed_ms, None)
    day = hours[-_HOURS_A_DAY:]
    volume = math.fsum(each.quote_volume or each.volume * multiplier * each.close for each in day)
    return SymbolFacts(volume, spread_bps, listed_ms, _daily_volatility_pct(hours))


def _daily_volatility_pct(hours: Sequence[Candle]) -> float | None:
    if len(hours) <= _HOURS_A_DAY or any(each.close <= 0 for each in hours):
        return None
    returns = [math.log(after.close / before.close) for before, after in itertools.pairwise(hours)]
    return statistics.stdev(returns) * math.sqrt(_HOURS_A_DAY) * 100
