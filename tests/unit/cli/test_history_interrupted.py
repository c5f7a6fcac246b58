"""What is told of symbols that an interrupted load had not finished."""

from pathlib import Path

from core.cli.history_interrupted import with_unfinished
from core.domain.candles import Timeframe
from core.domain.series import SeriesKind
from core.history.cache.layout import shelf_of
from core.history.cache.store import HistoryCache
from core.history.loading.request import LoadReport, LoadRequest, SymbolReport, SymbolState
from core.ports.history import HistoryAbilities, KindTraits
from unit.history.tables import DAY_MS, JAN_MS, bars, name_of

ABILITIES = HistoryAbilities("alpaca", {SeriesKind.STOCK_BARS: KindTraits(frozenset(Timeframe))})
SPAN = (JAN_MS, JAN_MS + 60 * DAY_MS)


def test_the_rest_is_listed_with_what_the_cache_has_of_it(tmp_path: Path) -> None:
    cache, name = HistoryCache(tmp_path), name_of("QQQ")
    cache.store(shelf_of(name), {"QQQ": bars(range(*SPAN, DAY_MS))}, SPAN, SPAN[1])
    ready = SymbolReport("SPY", SymbolState.READY, 1, 7, 0.9, 1.0, 1, 0.0)
    request = LoadRequest(("SPY", "QQQ", "IWM"), (SeriesKind.STOCK_BARS,), Timeframe.D1, SPAN)
    found = with_unfinished(LoadReport((ready,), 1, 7, 2.0), request, cache, ABILITIES)
    assert [(each.symbol, each.state, each.rows) for each in found.symbols] == [
        ("SPY", SymbolState.READY, 7),
        ("QQQ", SymbolState.PARTIAL, 60),
        ("IWM", SymbolState.FAILED, 0),
    ]
    assert not found.is_complete
