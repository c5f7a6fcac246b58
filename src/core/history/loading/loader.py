"""The loader: all symbols at once, each handed over when it is ready."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from core.compute.computer import AsyncFeatureComputer, Kind
from core.history.cache.store import HistoryCache
from core.history.loading.checking import Judge
from core.history.loading.chunks import DISK_DEADLINE_S
from core.history.loading.fetching import DISK_LANE, REQUEST_LANE, priority_of
from core.history.loading.load import Load
from core.history.loading.request import LoadedSymbol, LoadReport, LoadRequest, OnLoadEvent, SymbolReport, require_able
from core.ports.history import HistorySource
from core.settings.history import HistorySettings

_DISK_THREADS = 4
PRELOAD = ("core.history.loading.packed", "core.history.quality.judge")
"""What its workers import before they are ready."""


def lanes_for(settings: HistorySettings) -> dict[str, int]:
    """The lanes that the loader's `AsyncFeatureComputer` must have."""
    return {REQUEST_LANE: settings.requests_at_once, DISK_LANE: _DISK_THREADS}


class HistoryLoader:
    """One load at a time."""

    def __init__(
        self,
        source: HistorySource,
        cache: HistoryCache,
        computer: AsyncFeatureComputer,
        settings: HistorySettings,
        *,
        judge: Judge | None = None,
        on_event: OnLoadEvent = lambda event: None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`computer` has `lanes_for(settings)` and is started. `judge` `None`: quality is not looked at."""
        self._source = source
        self._cache = cache
        self._computer = computer
        self._settings = settings
        self._judge = judge
        self._on_event = on_event
        self._now_ms = now_ms
        self._monotonic_s = monotonic_s
        self._load: Load | None = None

    async def stream(self, request: LoadRequest) -> AsyncIterator[LoadedSymbol]:
        """Each symbol with its rows, as soon as it is ready, whether it came, came in part or failed (its report says
        so); the others go on loading meanwhile. Ends when all are done, or early: see `report().stopped_by`.

        Raises `SettingsError` where the source does not have what is asked for, and `CacheError` where the cache can't
        be read. Leaving it early cancels the rest; what was written stays.
        """
        async for report in self.ready(request):
            names = self._require_load().names_of(report.symbol)
            series = await self._computer.run(
                self._cache.read_many,
                names,
                (request.span[0], self._now_ms() + 1),
                kind=Kind.IO,
                lane=DISK_LANE,
                priority=priority_of(request.symbols.index(report.symbol)),
                deadline_s=DISK_DEADLINE_S,
                operation="history read",
            )
            yield LoadedSymbol(report, tuple(each for each in series if len(each)))

    async def ready(self, request: LoadRequest) -> AsyncIterator[SymbolReport]:
        """As `stream`, without the rows."""
        require_able(request, self._source.abilities)
        self._load = load = Load(
            request,
            self._source,
            self._cache,
            self._computer,
            self._settings,
            judge=self._judge,
            on_event=self._on_event,
            now_ms=self._now_ms,
            monotonic_s=self._monotonic_s,
        )
        task = asyncio.create_task(load.run(), name="history load")
        try:
            while (report := await load.next_ready()) is not None:
                yield report
            await task
        finally:
            task.cancel()
            await asyncio.wait([task])

    def report(self) -> LoadReport:
        """Of the load under way, or the last one. Raises `RuntimeError` where there was none."""
        return self._require_load().report()

    def _require_load(self) -> Load:
        if self._load is None:
            raise RuntimeError("nothing was loaded yet")
        return self._load
