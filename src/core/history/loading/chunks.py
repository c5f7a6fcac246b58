"""One chunk's life: fetched, with what the source does not know left out, and written."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from core.compute.computer import AsyncFeatureComputer, Kind
from core.domain.errors import CacheError, ComputeError, HistoryError, KeysRefused, QueryRefused
from core.domain.errors import UnknownSymbols as Unknown
from core.domain.series import SeriesName
from core.history.cache.layout import Shelf, shelf_of
from core.history.cache.store import HistoryCache
from core.history.loading.fetching import DISK_LANE, FetchCounts, PageFetcher, priority_of
from core.history.loading.gate import PriorityGate
from core.history.loading.packed import Page, rows_by_symbol
from core.history.loading.plan import Chunk
from core.history.series import SCHEMAS
from core.ports.history import HistoryAbilities, HistoryQuery

DISK_DEADLINE_S = 60.0


@dataclass(slots=True)
class ChunkOutcome:
    requests: int = 0
    failed: dict[str, HistoryError] = field(default_factory=dict)
    """By symbol; what is not here is in the cache."""


@dataclass(slots=True)
class _Fetched:
    requests: int = 0
    failed: dict[str, HistoryError] = field(default_factory=dict)
    pages: list[Page] = field(default_factory=list)


class ChunkRunner:
    def __init__(
        self,
        fetcher: PageFetcher,
        cache: HistoryCache,
        computer: AsyncFeatureComputer,
        abilities: HistoryAbilities,
        now_ms: Callable[[], int],
        *,
        at_once: int,
    ) -> None:
        """`at_once`: so many chunks are in memory, from their first request until they are written."""
        self._gate = PriorityGate(at_once)
        self._fetcher = fetcher
        self._cache = cache
        self._computer = computer
        self._abilities = abilities
        self._now_ms = now_ms

    async def run(self, chunk: Chunk) -> ChunkOutcome:
        """Raises `KeysRefused` and `CacheError`, which end a load; other failures are the outcome. Cancelling is safe:
        nothing of the chunk is in the cache then, or all of it."""
        async with self._gate.slot(chunk.urgency):
            return await self._run(chunk)

    async def _run(self, chunk: Chunk) -> ChunkOutcome:
        asked_ms, symbols = self._now_ms(), chunk.query.symbols
        batches = [symbols[start : start + chunk.batch] for start in range(0, len(symbols), chunk.batch)]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._fetch(replace(chunk.query, symbols=batch), chunk.urgency), name="history batch")
                for batch in batches
            ]
        fetched = [task.result() for task in tasks]
        outcome = ChunkOutcome(sum(each.requests for each in fetched))
        pages: list[Page] = []
        for each in fetched:
            outcome.failed |= each.failed
            pages += each.pages
        came = [symbol for symbol in symbols if symbol not in outcome.failed]
        if came:
            await self._store(replace(chunk.query, symbols=tuple(came)), pages, asked_ms, chunk.urgency)
        return outcome

    async def _fetch(self, query: HistoryQuery, urgency: int) -> _Fetched:
        """Of one request's symbols, or of fewer where some of them spoil it."""
        counts = FetchCounts()
        try:
            pages = await self._fetcher.pages(query, urgency, counts)
        except KeysRefused:
            raise
        except Unknown as error:
            found = await self._without(query, urgency, error)
        except QueryRefused as error:
            found = await self._halved(query, urgency, error)
        except HistoryError as error:
            found = _Fetched(failed=dict.fromkeys(query.symbols, error))
        else:
            found = _Fetched(pages=pages)
        found.requests += counts.requests
        return found

    async def _without(self, query: HistoryQuery, urgency: int, error: Unknown) -> _Fetched:
        named = [symbol for symbol in query.symbols if symbol in error.symbols] or list(query.symbols)
        others = tuple(symbol for symbol in query.symbols if symbol not in named)
        found = await self._fetch(replace(query, symbols=others), urgency) if others else _Fetched()
        found.failed |= {symbol: Unknown(error.source, [symbol]) for symbol in named}
        return found

    async def _halved(self, query: HistoryQuery, urgency: int, error: QueryRefused) -> _Fetched:
        """A refusal that names nobody: whose fault it was is found by asking for fewer."""
        symbols = query.symbols
        if len(symbols) == 1:
            return _Fetched(failed={symbols[0]: error})
        middle = len(symbols) // 2
        first, second = [
            await self._fetch(replace(query, symbols=part), urgency) for part in (symbols[:middle], symbols[middle:])
        ]
        return _Fetched(
            first.requests + second.requests, {**first.failed, **second.failed}, [*first.pages, *second.pages]
        )

    async def _store(self, query: HistoryQuery, pages: Sequence[Page], asked_ms: int, urgency: int) -> None:
        revised_ms = 0
        if query.timeframe is not None:
            revised_ms = self._abilities.kinds[query.kind].revised_rows * query.timeframe.ms
        settled_ms = max(asked_ms - revised_ms, 0) if revised_ms else query.end_ms
        try:
            await self._computer.run(
                _write,
                self._cache,
                self._abilities.name,
                query,
                pages,
                settled_ms,
                kind=Kind.IO,
                lane=DISK_LANE,
                priority=priority_of(urgency),
                deadline_s=DISK_DEADLINE_S,
                operation="history write",
            )
        except ComputeError as error:
            raise CacheError(f"{self._cache.root}: writing took too long: {error}") from error


def _write(cache: HistoryCache, source: str, query: HistoryQuery, pages: Sequence[Page], settled_ms: int) -> None:
    """All symbols of the query, those without rows as well. Blocking."""
    rows, empty = rows_by_symbol(pages), SCHEMAS[query.kind].empty_table()
    shelves: dict[Shelf, dict[str, pa.Table]] = {}
    for symbol in query.symbols:
        name = SeriesName(source, query.kind, symbol, query.timeframe)
        shelves.setdefault(shelf_of(name), {})[symbol] = rows.get(symbol, empty)
    for shelf, tables in shelves.items():
        cache.store(shelf, tables, (query.start_ms, query.end_ms), settled_ms)


async def all_outcomes(tasks: Sequence[asyncio.Task[ChunkOutcome]]) -> list[ChunkOutcome]:
    """Tasks may be shared: cancelling this leaves them alone."""
    if tasks:
        await asyncio.wait(tasks)
    return [task.result() for task in tasks]
