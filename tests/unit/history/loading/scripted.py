"""A source in memory that can be made to fail, and a loader around it."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from core.compute.computer import AsyncFeatureComputer
from core.domain.candles import Timeframe
from core.domain.series import SeriesKind, SeriesName
from core.history.cache.store import HistoryCache
from core.history.loading.loader import HistoryLoader, lanes_for
from core.history.loading.request import LoadEvent, LoadRequest
from core.ports.history import HistoryAbilities, HistoryPage, HistoryQuery, KindTraits
from core.settings.compute import ComputeSettings
from core.settings.history import HistorySettings
from unit.history.tables import DAY_MS, JAN_MS, bars

YEAR = (JAN_MS, JAN_MS + 366 * DAY_MS)
NOW_MS = YEAR[1] + 10 * DAY_MS
Answer = Callable[[HistoryQuery, str | None], HistoryPage | None]
"""Raises, or answers; `None`: as if there were no script."""


class ScriptedSource:
    """A bar a day of every symbol, but for those in `empty`; pages of `page_rows`."""

    def __init__(self, script: Answer | None = None, *, batch: int = 50, page_rows: int = 10_000) -> None:
        self.script = script
        self.asked: list[tuple[HistoryQuery, str | None]] = []
        self.empty: set[str] = set()
        self.price = 1.0
        self._lock = threading.Lock()
        traits = KindTraits(frozenset(Timeframe), batch, revised_rows=2)
        self._abilities = HistoryAbilities("scripted", {SeriesKind.STOCK_BARS: traits}, page_rows=page_rows)

    @property
    def abilities(self) -> HistoryAbilities:
        return self._abilities

    def page(self, query: HistoryQuery, token: str | None) -> HistoryPage:
        with self._lock:
            self.asked.append((query, token))
        if self.script is not None and (answer := self.script(query, token)) is not None:
            return answer
        first = -(-query.start_ms // DAY_MS) * DAY_MS
        rows = bars(range(first, query.end_ms, DAY_MS), self.price)
        return HistoryPage({symbol: rows for symbol in query.symbols if symbol not in self.empty}, None)

    def listing(self) -> list[SeriesName] | None:
        return None

    def close(self) -> None:
        pass


def request(*symbols: str, span: tuple[int, int] = YEAR) -> LoadRequest:
    return LoadRequest(symbols, (SeriesKind.STOCK_BARS,), Timeframe.D1, span)


@asynccontextmanager
async def loader_of(
    source: ScriptedSource, root: Path, *, on_event: Callable[[LoadEvent], None] = lambda event: None, attempts: int = 3
) -> AsyncIterator[HistoryLoader]:
    """Whose computing is done by threads."""
    settings = HistorySettings(requests_at_once=4, attempts=attempts, first_backoff_s=0.001)
    computer = AsyncFeatureComputer(ComputeSettings(backend="threads"), lanes=lanes_for(settings))
    async with computer:
        yield HistoryLoader(source, HistoryCache(root), computer, settings, on_event=on_event, now_ms=lambda: NOW_MS)
