"""Which requests fetch what is missing: how much time and how many symbols each. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.domain.candles import Timeframe
from core.domain.series import SeriesKind, SeriesName
from core.history.cache.layout import by_month
from core.history.coverage import Span, Spans
from core.ports.history import HistoryAbilities, HistoryQuery

DAY_MS = 86_400_000
_OPEN_SHARE = 0.3
"""Of all minutes, those in which US stocks trade, extended hours mostly included."""
_OPEN_DAYS = 0.7
_BY_EXCHANGE_HOURS = (SeriesKind.STOCK_BARS, SeriesKind.OPTION_BARS)
_BY_DAY = (SeriesKind.TRADES, SeriesKind.QUOTES)
"""Kinds of which nobody knows how many rows a month has."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is fetched beside each other and written at once."""

    query: HistoryQuery
    """Of all its symbols; more than a request may have where they are kept together."""
    batch: int
    """Symbols a request."""
    urgency: int
    """Of the most urgent symbol in it; the smaller, the sooner."""


@dataclass(frozen=True, slots=True)
class Wanted:
    name: SeriesName
    missing: Spans
    urgency: int


def plan(wanted: Sequence[Wanted], abilities: HistoryAbilities, *, at_once: int) -> list[Chunk]:
    """The most urgent first. All of `wanted` are of one kind and timeframe.

    A chunk has about a page of rows. The most urgent symbol is alone in its chunks, so that nobody's rows hold it up;
    the others share. Where the source's rate does not matter they are spread over `at_once` requests, else they make as
    few as may be.
    """
    if not wanted:
        return []
    first = min(wanted, key=lambda each: each.urgency)
    chunks = []
    for span, members in _by_span(wanted, abilities).items():
        urgent = [each for each in members if each.urgency == first.urgency]
        others = sorted((each for each in members if each.urgency != first.urgency), key=lambda each: each.urgency)
        for group in (urgent, others):
            most = _batch(first.name, span, len(group), abilities, at_once=at_once)
            size = max(len(group), 1) if first.name.kind is SeriesKind.OPTION_BARS else most
            for part in (group[start : start + size] for start in range(0, len(group), size)):
                symbols = tuple(each.name.symbol for each in part)
                query = HistoryQuery(first.name.kind, symbols, first.name.timeframe, *span)
                chunks.append(Chunk(query, most, part[0].urgency))
    return sorted(chunks, key=lambda chunk: (chunk.urgency, chunk.query.start_ms))


def expected_rows(kind: SeriesKind, timeframe: Timeframe | None, span: Span) -> float:
    """Of one symbol; a guess, for sizes of requests only."""
    length_ms = span[1] - span[0]
    if timeframe is None:
        return length_ms / (DAY_MS / 3)  # funding comes every eight hours
    share = 1.0
    if kind in _BY_EXCHANGE_HOURS:
        share = _OPEN_DAYS if timeframe.ms >= DAY_MS else _OPEN_SHARE
    return share * length_ms / timeframe.ms


def _batch(name: SeriesName, span: Span, n_symbols: int, abilities: HistoryAbilities, *, at_once: int) -> int:
    """Symbols a request."""
    rows = max(expected_rows(name.kind, name.timeframe, span), 1.0)
    fitting = max(1, min(abilities.kinds[name.kind].symbols_per_request, int(abilities.page_rows / rows)))
    is_free = abilities.requests_per_min is None or abilities.requests_per_min >= 60 * at_once
    return min(fitting, max(1, -(-n_symbols // at_once))) if is_free else fitting


def _by_span(wanted: Sequence[Wanted], abilities: HistoryAbilities) -> Mapping[Span, list[Wanted]]:
    """Those that lack the same stretch of time, which is cut to about a page each."""
    by_gap: dict[Span, list[Wanted]] = {}
    for each in wanted:
        for gap in each.missing:
            by_gap.setdefault(gap, []).append(each)
    found: dict[Span, list[Wanted]] = {}
    for gap, members in by_gap.items():
        for piece in _pieces(members[0].name, gap, abilities.page_rows):
            found.setdefault(piece, []).extend(members)
    return found


def _pieces(name: SeriesName, span: Span, page_rows: int) -> Iterator[Span]:
    """Whole months where possible: they are what is written."""
    if name.kind in _BY_DAY:
        for start in range(span[0], span[1], DAY_MS):
            yield start, min(start + DAY_MS, span[1])
        return
    start, end = span[0], span[0]
    for _, month in by_month(span):
        if end > start and expected_rows(name.kind, name.timeframe, (start, month[1])) > page_rows:
            yield start, end
            start = end
        end = month[1]
    if end > start:
        yield start, end
