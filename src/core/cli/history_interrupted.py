"""What there is of the symbols that a load did not get to the end of."""

from dataclasses import replace

from core.history.cache.layout import Shelf
from core.history.cache.store import HistoryCache
from core.history.loading.request import LoadReport, LoadRequest, SymbolReport, SymbolState
from core.ports.history import HistoryAbilities


def with_unfinished(
    report: LoadReport, request: LoadRequest, cache: HistoryCache, abilities: HistoryAbilities
) -> LoadReport:
    """`report`, and a row for each symbol of `request` that it lacks, with what the cache has of it now, of whatever
    time. Blocking. Raises `CacheError`."""
    done = {each.symbol for each in report.symbols}
    rest = [
        _unfinished(symbol, request, cache, abilities, report.seconds)
        for symbol in request.symbols
        if symbol not in done
    ]
    return replace(report, symbols=(*report.symbols, *rest))


def _unfinished(
    symbol: str, request: LoadRequest, cache: HistoryCache, abilities: HistoryAbilities, seconds: float
) -> SymbolReport:
    rows = []
    for kind in request.kinds:
        timeframe = request.timeframe if abilities.kinds[kind].timeframes else None
        parts = cache.manifest(Shelf(abilities.name, kind, symbol, timeframe)).parts
        rows.append(sum(part.rows for part in parts.values()))
    return SymbolReport(
        symbol=symbol,
        state=SymbolState.PARTIAL if sum(rows) else SymbolState.FAILED,
        series=sum(1 for each in rows if each),
        rows=sum(rows),
        quality=None,
        seconds=seconds,
        requests=0,
        cached=0.0,
        problems=("interrupted",),
    )
