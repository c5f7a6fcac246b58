"""One chunk's life: fetched, with what the source does not know left out, and written."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from core.compute.computer import AsyncFeatureComputer, Kind
from core.compute.priority import Priority
from core.domain.errors import CacheError, ComputeError, HistoryError, KeysRefused, QueryRefused
from core.domain.errors import UnknownSymbols as Unknown
from core.domain.series import SeriesName
from core.history.cache.layout import Shelf, shelf_of
from core.history.cache.store import HistoryCache
from core.history.loading.fetching import FetchCounts, PageFetcher
from core.history.loading.plan import Chunk
from core.history.series import SCHEMAS
from core.ports.history import HistoryAbilities

DISK_LANE = "history-disk"
DISK_DEADLINE_S = 60.0


@dataclass(slots=True)
class ChunkOutcome:
    requests: int = 0
    failed: dict[str, HistoryError] = field(default_factory=dict)
    """By symbol; what is not here is in the cache."""


class ChunkRunner:
    def __init__(
        self,
        fetcher: PageFetcher,
        cache: HistoryCache,
        computer: AsyncFeatureComputer,
        abilities: HistoryAbilities,
        now_ms: Callable[[], int],
    ) -> None:
        self._fetcher = fetcher
        self._cache = cache
        self._computer = computer
        self._abilities = abilities
        self._now_ms = now_ms

    async def run(self, chunk: Chunk) -> ChunkOutcome:
        """Raises `KeysRefused` and `CacheError`, which end a load; other failures are the outcome. Cancelling is safe:
        nothing of the chunk is in the cache then, or all of it."""
        query = chunk.query
        counts = FetchCounts()
        asked_ms = self._now_ms()
        try:
            rows = await self._fetcher.pages(query, chunk.urgency, counts)
        except KeysRefused:
            raise
        except Unknown as error:
            outcome = await self._without(chunk, error)
        except QueryRefused as error:
            outcome = await self._halved(chunk, error)
        except HistoryError as error:
            outcome = ChunkOutcome(failed=dict.fromkeys(query.symbols, error))
        else:
            await self._store(chunk, rows, asked_ms)
            outcome = ChunkOutcome()
        outcome.requests += counts.requests
        return outcome

    async def _without(self, chunk: Chunk, error: Unknown) -> ChunkOutcome:
        named = [symbol for symbol in chunk.query.symbols if symbol in error.symbols] or list(chunk.query.symbols)
        others = [symbol for symbol in chunk.query.symbols if symbol not in named]
        found = await self.run(_of(chunk, others)) if others else ChunkOutcome()
        reasons = {symbol: Unknown(error.source, [symbol]) for symbol in named}
        return ChunkOutcome(found.requests, {**found.failed, **reasons})

    async def _halved(self, chunk: Chunk, error: QueryRefused) -> ChunkOutcome:
        """A refusal that names nobody: whose fault it was is found by asking for fewer."""
        symbols = chunk.query.symbols
        if len(symbols) == 1:
            return ChunkOutcome(failed={symbols[0]: error})
        middle = len(symbols) // 2
        halves = [await self.run(_of(chunk, part)) for part in (symbols[:middle], symbols[middle:])]
        requests = sum(half.requests for half in halves)
        return ChunkOutcome(requests, {**halves[0].failed, **halves[1].failed})

    async def _store(self, chunk: Chunk, rows: Mapping[str, pa.Table], asked_ms: int) -> None:
        query = chunk.query
        empty = SCHEMAS[query.kind].empty_table()
        shelves: dict[Shelf, dict[str, pa.Table]] = {}
        for symbol in query.symbols:
            name = SeriesName(self._abilities.name, query.kind, symbol, query.timeframe)
            shelves.setdefault(shelf_of(name), {})[symbol] = rows.get(symbol, empty)
        revised_ms = 0
        if query.timeframe is not None:
            revised_ms = self._abilities.kinds[query.kind].revised_rows * query.timeframe.ms
        span = (query.start_ms, query.end_ms)
        settled_ms = max(asked_ms - revised_ms, 0) if revised_ms else query.end_ms
        for shelf, tables in shelves.items():
            try:
                await self._computer.run(
                    self._cache.store,
                    shelf,
                    tables,
                    span,
                    settled_ms,
                    kind=Kind.IO,
                    lane=DISK_LANE,
                    priority=Priority.BACKGROUND,
                    deadline_s=DISK_DEADLINE_S,
                    operation="history write",
                )
            except ComputeError as error:
                raise CacheError(f"{self._cache.root}: writing took too long: {error}") from error


async def all_outcomes(tasks: Sequence[asyncio.Task[ChunkOutcome]]) -> list[ChunkOutcome]:
    """Tasks may be shared: cancelling this leaves them alone."""
    if tasks:
        await asyncio.wait(tasks)
    return [task.result() for task in tasks]


def _of(chunk: Chunk, symbols: Sequence[str]) -> Chunk:
    return replace(chunk, query=replace(chunk.query, symbols=tuple(symbols)))
