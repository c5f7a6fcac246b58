"""One load: from what is missing to the last symbol's report."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from core.compute.computer import AsyncFeatureComputer, Kind
from core.domain.errors import CacheError, ComputeError, HistoryError, MetronomeError
from core.domain.series import SeriesKind, SeriesName
from core.history.cache.store import HistoryCache
from core.history.coverage import Span, Spans, length_ms, missing
from core.history.loading.bucket import TokenBucket
from core.history.loading.checking import Checked, Judge, check
from core.history.loading.chunks import DISK_DEADLINE_S, ChunkOutcome, ChunkRunner, all_outcomes
from core.history.loading.fetching import DISK_LANE, PageFetcher, priority_of
from core.history.loading.gate import PriorityGate
from core.history.loading.nearest import cached_contracts
from core.history.loading.plan import Chunk, Wanted, plan
from core.history.loading.request import (
    ChunkDone,
    HeldUp,
    LoadReport,
    LoadRequest,
    OnLoadEvent,
    PageFetched,
    Planned,
    SymbolDone,
    SymbolReport,
)
from core.history.loading.symbol_load import SymbolLoad
from core.ports.history import HistoryQuery, HistorySource
from core.runtime.allocator import release_memory
from core.settings.history import HistorySettings

T = TypeVar("T")
_CHECK_DEADLINE_S = 300.0
_GIVE_BACK_EVERY_S = 2.0


class Load:
    """`run` once, `next_ready` meanwhile."""

    def __init__(
        self,
        request: LoadRequest,
        source: HistorySource,
        cache: HistoryCache,
        computer: AsyncFeatureComputer,
        settings: HistorySettings,
        *,
        judge: Judge | None,
        on_event: OnLoadEvent,
        now_ms: Callable[[], int],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._request = request
        self._abilities = source.abilities
        self._cache = cache
        self._computer = computer
        self._settings = settings
        self._judge = judge
        self._on_event = on_event
        self._now_ms = now_ms
        self._monotonic_s = monotonic_s
        self._began_s = monotonic_s()
        self._fetcher = PageFetcher(
            source,
            computer,
            bucket=TokenBucket(source.abilities.requests_per_min, source.abilities.burst, monotonic_s=monotonic_s),
            gate=PriorityGate(settings.requests_at_once),
            timeout_s=settings.request_timeout_s,
            attempts=settings.attempts,
            first_backoff_s=settings.first_backoff_s,
            on_page=self._page_came,
            on_held_up=lambda wait_s, reason: on_event(HeldUp(wait_s, reason)),
        )
        self._runner = ChunkRunner(
            self._fetcher, cache, computer, source.abilities, now_ms, at_once=settings.requests_at_once
        )
        self._symbols = {symbol: SymbolLoad(symbol, n) for n, symbol in enumerate(request.symbols)}
        self._owners: dict[str, SymbolLoad] = dict(self._symbols)
        """By what requests are about: symbols, and their contracts."""
        self._reports: list[SymbolReport] = []
        self._ready: asyncio.Queue[SymbolReport | None] = asyncio.Queue()
        self._stopped_by: MetronomeError | None = None
        self._gave_back_s = 0.0

    async def run(self) -> None:
        """Returns when all symbols are done, or none can be any more. Cancelling is safe."""
        try:
            async with asyncio.TaskGroup() as group:
                for kind in self._request.kinds:
                    if kind is not SeriesKind.OPTION_BARS:
                        await self._begin(group, kind, self._symbols)
                for each in self._symbols.values():
                    group.create_task(self._finish(group, each), name=f"history {each.symbol}")
        except* (HistoryError, CacheError) as failures:
            self._stopped_by = _first(failures)
            self._give_up(str(self._stopped_by))
        finally:
            self._ready.put_nowait(None)

    async def next_ready(self) -> SymbolReport | None:
        """`None`: there are no more."""
        return await self._ready.get()

    def names_of(self, symbol: str) -> list[SeriesName]:
        return list(self._symbols[symbol].names)

    def report(self) -> LoadReport:
        counts = self._fetcher.counts
        return LoadReport(tuple(self._reports), counts.requests, counts.rows, self._took_s(), self._stopped_by)

    async def _begin(
        self, group: asyncio.TaskGroup, kind: SeriesKind, members: Mapping[str, SymbolLoad], *, again: bool = False
    ) -> None:
        """Start to fetch what is missing of these symbols (or contracts, which belong to symbols)."""
        names = {symbol: self._name(kind, symbol) for symbol in members}
        urgency = min((owner.urgency for owner in members.values()), default=0)
        covered = await self._on_disk(self._cache.covered, list(names.values()), urgency=urgency)
        span, wanted = self._span(kind), []
        for symbol, owner in members.items():
            gaps = self._missing(kind, span, covered[names[symbol]])
            if not again:
                owner.names.append(names[symbol])
                owner.asked_ms += span[1] - span[0]
                owner.missing_ms += length_ms(gaps)
            wanted.append(Wanted(names[symbol], gaps, owner.urgency))
        for chunk in plan(wanted, self._abilities, at_once=self._share(kind)):
            task = group.create_task(self._run(chunk), name=f"history {kind} {chunk.query.symbols[0]}")
            for owner in {id(each): each for each in map(members.__getitem__, chunk.query.symbols)}.values():
                owner.chunks.append(task)
        for owner in {id(each): each for each in members.values()}.values():
            self._on_event(Planned(owner.symbol, len(owner.chunks)))

    async def _run(self, chunk: Chunk) -> ChunkOutcome:
        outcome = await self._runner.run(chunk)
        self._on_event(ChunkDone(self._owners_of(chunk.query)))
        return outcome

    async def _finish(self, group: asyncio.TaskGroup, mine: SymbolLoad) -> None:
        """From the first chunks on their way to the symbol's report."""
        outcomes = await all_outcomes(mine.chunks)
        if SeriesKind.OPTION_BARS in self._request.kinds:
            contracts = dict.fromkeys(await self._contracts(mine), mine)
            self._owners.update(contracts)
            await self._begin(group, SeriesKind.OPTION_BARS, contracts)
            outcomes = await all_outcomes(mine.chunks)
        before = await self._on_disk(self._cache.covered, mine.names, urgency=mine.urgency)
        checked = await self._check(mine)
        after = await self._on_disk(self._cache.covered, mine.names, urgency=mine.urgency)
        if torn := [name for name in mine.names if before[name] != after[name]]:
            for kind in {name.kind for name in torn}:
                members = {name.symbol: mine for name in torn if name.kind is kind}
                await self._begin(group, kind, members, again=True)
            outcomes = await all_outcomes(mine.chunks)
            checked = await self._check(mine)
        for each in checked:
            if not each.rows and each.name.kind is not SeriesKind.OPTION_BARS:
                # Perhaps there is no such symbol, which some sources do not say: not taken for the truth for ever.
                await self._on_disk(self._cache.forget, each.name, self._read_span())
        self._hand_over(mine.report(outcomes, checked, self._took_s()))
        await self._give_back_memory()

    async def _give_back_memory(self) -> None:
        """Now and then only: whoever allocates waits meanwhile, the loop too."""
        if self._took_s() - self._gave_back_s >= _GIVE_BACK_EVERY_S:
            self._gave_back_s = self._took_s()
            await self._on_disk(release_memory)

    async def _contracts(self, mine: SymbolLoad) -> list[str]:
        """By the newest chain in the cache."""
        request = self._request
        has_bars = SeriesKind.STOCK_BARS in request.kinds
        ask = partial(
            cached_contracts,
            self._cache,
            self._name(SeriesKind.OPTION_CHAIN, mine.symbol),
            self._name(SeriesKind.STOCK_BARS, mine.symbol) if has_bars else None,
            until_ms=request.span[1],
            most=request.contracts,
            within_days=request.contract_days,
        )
        found = await self._on_disk(ask, urgency=mine.urgency)
        if found is None:
            mine.problems.append("no option chain, so no contracts to have bars of")
        return found or []

    async def _check(self, mine: SymbolLoad) -> list[Checked]:
        try:
            return await self._computer.run(
                check,
                self._cache.root,
                mine.names,
                self._read_span(),
                self._judge,
                kind=Kind.CPU,
                priority=priority_of(mine.urgency),
                deadline_s=_CHECK_DEADLINE_S,
                operation="history check",
            )
        except ComputeError as error:
            raise CacheError(f"{self._cache.root}: {mine.symbol} can't be checked: {error}") from error

    async def _on_disk(self, fn: Callable[..., T], *args: object, urgency: int = 1) -> T:
        try:
            return await self._computer.run(
                fn,
                *args,
                kind=Kind.IO,
                lane=DISK_LANE,
                priority=priority_of(urgency),
                deadline_s=DISK_DEADLINE_S,
                operation="history read",
            )
        except ComputeError as error:
            raise CacheError(f"{self._cache.root}: reading took too long: {error}") from error

    def _name(self, kind: SeriesKind, symbol: str) -> SeriesName:
        timeframe = self._request.timeframe if self._abilities.kinds[kind].timeframes else None
        return SeriesName(self._abilities.name, kind, symbol, timeframe)

    def _span(self, kind: SeriesKind) -> Span:
        """Of a snapshot, the present."""
        now_ms = self._now_ms()
        return (now_ms, now_ms + 1) if self._abilities.kinds[kind].is_snapshot else self._request.span

    def _read_span(self) -> Span:
        """What was asked for, and snapshots of the present."""
        return self._request.span[0], self._now_ms() + 1

    def _missing(self, kind: SeriesKind, span: Span, covered: Spans) -> Spans:
        if self._abilities.kinds[kind].is_snapshot:
            newest_ms = covered[-1][1] if covered else 0
            return () if span[0] - newest_ms < self._settings.chain_max_age_s * 1_000 else (span,)
        return missing(span, covered)

    def _share(self, kind: SeriesKind) -> int:
        """Of the requests at once: contracts are asked for by each symbol for itself."""
        at_once = self._settings.requests_at_once
        return max(2, at_once // len(self._symbols)) if kind is SeriesKind.OPTION_BARS else at_once

    def _owners_of(self, query: HistoryQuery) -> tuple[str, ...]:
        return tuple({self._owners[symbol].symbol: None for symbol in query.symbols})

    def _page_came(self, query: HistoryQuery, n_rows: int) -> None:
        counts = self._fetcher.counts
        self._on_event(PageFetched(self._owners_of(query), n_rows, counts.requests, counts.rows))

    def _hand_over(self, report: SymbolReport) -> None:
        self._reports.append(report)
        self._on_event(SymbolDone(report, len(self._reports), len(self._symbols)))
        self._ready.put_nowait(report)

    def _give_up(self, reason: str) -> None:
        done = {each.symbol for each in self._reports}
        for symbol, each in self._symbols.items():
            if symbol not in done:
                self._hand_over(each.undone(reason, self._took_s()))

    def _took_s(self) -> float:
        return self._monotonic_s() - self._began_s


def _first(failures: BaseExceptionGroup[BaseException]) -> MetronomeError:
    """Of a group of those that end a load; groups may be nested."""
    error = failures.exceptions[0]
    if isinstance(error, BaseExceptionGroup):
        return _first(error)
    if not isinstance(error, MetronomeError):
        raise error
    return error
