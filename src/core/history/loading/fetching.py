"""All pages of one query: in its turn, under a deadline, asked again where that may help."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from core.compute.computer import AsyncFeatureComputer, Kind
from core.compute.priority import Priority
from core.domain.errors import (
    ComputeError,
    DeadlineExceeded,
    GarbageAnswer,
    JobRaised,
    NotPermitted,
    QueueFull,
    RateLimited,
    SourceUnavailable,
    WorkerDied,
)
from core.domain.series import SeriesKind
from core.history.loading.bucket import TokenBucket
from core.history.loading.gate import PriorityGate
from core.history.loading.packed import PackedPage, Page, read_packed
from core.ports.history import HistoryQuery, HistorySource, UnreadPage

REQUEST_LANE = "history"
"""Threads that wait for the source's answers."""
DISK_LANE = "history-disk"
"""Those that wait for the disk."""
_LANE_MARGIN_S = 20.0
"""Beyond a request's own time limit: it may have waited for its turn in the budget that processes share."""
_READ_DEADLINE_S = 60.0
_LONGEST_BACKOFF_S = 15.0
_COMPLAINTS = 30
"""As many 429s of one page are lived with: each is waited out, but not for ever."""
_EMPTY_PAGES = 100
"""One after another, each with a token for the next."""
_MAX_PAGES = 100_000


def priority_of(urgency: int) -> Priority:
    """The most urgent symbol waits behind nobody of the same load, for a thread or for a worker."""
    return Priority.BACKGROUND if urgency else Priority.NORMAL


@dataclass(slots=True)
class FetchCounts:
    requests: int = 0
    rows: int = 0


class PageFetcher:
    def __init__(
        self,
        source: HistorySource,
        computer: AsyncFeatureComputer,
        *,
        bucket: TokenBucket,
        gate: PriorityGate,
        timeout_s: float,
        attempts: int,
        first_backoff_s: float,
        on_page: Callable[[HistoryQuery, int], None],
        on_held_up: Callable[[float, str], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`timeout_s`: that of a request, which the source keeps. `on_page` hears the query and the rows of each."""
        self._source = source
        self._computer = computer
        self._bucket = bucket
        self._gate = gate
        self._deadline_s = timeout_s + _LANE_MARGIN_S
        self._attempts = attempts
        self._first_backoff_s = first_backoff_s
        self._on_page = on_page
        self._on_held_up = on_held_up
        self._jitter = jitter
        self._forbidden: dict[SeriesKind, NotPermitted] = {}
        """Nobody is asked again for what this account may not read."""
        self.counts = FetchCounts()

    async def pages(self, query: HistoryQuery, urgency: int, counts: FetchCounts) -> list[Page]:
        """In their order; what it took is added to `counts`. Raises `HistoryError`s.
        Cancelling is safe: a request under way is abandoned."""
        found: list[Page] = []
        token, seen, n_empty = None, set[str](), 0
        for _ in range(_MAX_PAGES):
            page = await self._patiently(query, token, urgency, counts)
            found.append(page)
            n_empty = 0 if page.n_rows else n_empty + 1
            token = page.next_token
            if token is None:
                return found
            if token in seen or n_empty > _EMPTY_PAGES:
                break
            seen.add(token)
        raise GarbageAnswer(self._name, f"its pages lead in a circle, the token {str(token)[:40]!r} comes again")

    @property
    def _name(self) -> str:
        return self._source.abilities.name

    async def _patiently(self, query: HistoryQuery, token: str | None, urgency: int, counts: FetchCounts) -> Page:
        """One page, asked for as often as the settings allow; a 429 is no attempt."""
        failures = complaints = 0
        while True:
            counts.requests += 1
            try:
                page = await self._page(query, token, urgency)
                counts.rows += page.n_rows
                return page
            except RateLimited as error:
                complaints += 1
                if complaints > _COMPLAINTS:
                    raise
                wait_s = self._backoff_s(complaints) if error.retry_after_s is None else error.retry_after_s
                self._bucket.complained(wait_s)
                self._on_held_up(wait_s, str(error))
            except (SourceUnavailable, GarbageAnswer) as error:
                failures += 1
                if failures >= self._attempts:
                    raise
                wait_s = self._backoff_s(failures)
                self._on_held_up(wait_s, str(error))
                await asyncio.sleep(wait_s)

    async def _page(self, query: HistoryQuery, token: str | None, urgency: int) -> Page:
        try:
            async with self._gate.slot(urgency):
                await self._bucket.take()
                if (forbidden := self._forbidden.get(query.kind)) is not None:
                    raise forbidden
                self.counts.requests += 1
                got = await self._computer.run(
                    self._source.page,
                    query,
                    token,
                    kind=Kind.IO,
                    lane=REQUEST_LANE,
                    priority=priority_of(urgency),
                    deadline_s=self._deadline_s,
                    operation="history request",
                )
                self._bucket.succeeded()
                # Within the slot: answers that came faster than they are read would pile up.
                page = await self._read(got, urgency) if isinstance(got, UnreadPage) else got
        except NotPermitted as error:
            self._forbidden[query.kind] = error
            raise
        except ComputeError as error:  # a hung thread, a dead worker: as if no answer had come
            raise SourceUnavailable(self._name, str(error)) from error
        self.counts.rows += page.n_rows
        self._on_page(query, page.n_rows)
        return page

    async def _read(self, page: UnreadPage, urgency: int) -> PackedPage:
        """In a worker process; a page whose rows are too many to come back from there (a large file), in a thread."""
        try:
            return await self._off_loop(page, Kind.CPU, urgency)
        except (DeadlineExceeded, WorkerDied, JobRaised, QueueFull):
            raise
        except ComputeError:
            return await self._off_loop(page, Kind.IO, urgency)

    async def _off_loop(self, page: UnreadPage, kind: Kind, urgency: int) -> PackedPage:
        return await self._computer.run(
            read_packed,
            page,
            kind=kind,
            lane=DISK_LANE,
            priority=priority_of(urgency),
            deadline_s=_READ_DEADLINE_S,
            operation="history page",
        )

    def _backoff_s(self, failures: int) -> float:
        return min(self._first_backoff_s * 2.0 ** (failures - 1), _LONGEST_BACKOFF_S) * (0.5 + self._jitter())
