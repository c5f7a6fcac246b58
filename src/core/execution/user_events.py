"""The private stream's events, in the order in which they came, a batch at a time: one commit for all that waits."""

import asyncio
from collections import deque

import structlog

from core.domain.errors import VenueError
from core.domain.orders import ClientOrderId, Fill, FundingAnnounced, OrderReport, UserEvent, UserStreamRestored
from core.execution.client_order_id import is_ours
from core.execution.events import Filled, OrderEvent, Reported
from core.execution.machine import advance
from core.execution.order import Order
from core.execution.parts import Parts

_MAX_WAITING = 10_000
_RETRY_FIRST_S = 0.25
_RETRY_MAX_S = 15.0


class UserEvents:
    """Events of a gap are lost for ever, so every gap ends in a reconciliation; so does a full queue, a message that is
    not believed, and funding, of which the stream tells less than REST does."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._waiting: deque[OrderReport] = deque()
        self._wake = asyncio.Event()
        self._gap = asyncio.Event()
        self._log = structlog.get_logger("execution")

    def put(self, event: UserEvent) -> None:
        match event:
            case OrderReport():
                if len(self._waiting) >= _MAX_WAITING:
                    if not self._gap.is_set():
                        self._log.warning("user_events_dropped", waiting=len(self._waiting))
                    self._gap.set()
                    return
                self._waiting.append(event)
                self._wake.set()
            case UserStreamRestored() | FundingAnnounced():
                self._gap.set()

    async def run(self) -> None:
        """Fold what comes, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), 1_000))]
                await self._take_in(batch)

    async def close_gaps(self) -> None:
        """Reconcile after each gap, trying again until it worked; until cancelled."""
        while True:
            await self._gap.wait()
            self._gap.clear()
            pause_s = _RETRY_FIRST_S
            while True:
                try:
                    await self._parts.reconciler.reconcile()
                    break
                except VenueError as error:
                    self._log.info("reconciliation_postponed", reason=str(error))
                    await asyncio.sleep(max(pause_s, error.retry_after_s or 0.0))
                    pause_s = min(pause_s * 2, _RETRY_MAX_S)

    async def _take_in(self, reports: list[OrderReport]) -> None:
        ours = {report.client_order_id for report in reports if is_ours(report.client_order_id)}
        if not await self._parts.recorder.recall(ours):
            self._gap.set()
            return
        now_ns = self._parts.recorder.now_ns()
        events: list[OrderEvent] = []
        foreign_fills: list[Fill] = []
        books = self._parts.books
        ahead: dict[ClientOrderId, Order] = {}  # as they will be once what comes before is recorded
        for report in reports:
            mine = books.as_ours(report)
            order = ahead.get(mine.client_order_id) or books.get(mine.client_order_id)
            if order is None:
                self._parts.foreign.notice(report)
                foreign_fills += report.fills
                continue
            judged = self._parts.jury.hear(order, mine)
            if judged.doubts:
                self._parts.reconciler.watch(order)
                self._gap.set()
            news: list[OrderEvent] = []
            if judged.report is not None:
                news.append(Reported(order.client_order_id, now_ns, judged.report))
            for fill in judged.fills:
                if order.was_not_ours_at(fill):
                    foreign_fills.append(fill)
                else:
                    news.append(Filled(order.client_order_id, now_ns, fill))
            for event in news:
                order, _ = advance(order, event)
            ahead[order.client_order_id] = order
            events += news
        if events:
            await self._parts.recorder.record(*events)
        if foreign_fills:
            await self._parts.recorder.record_foreign(foreign_fills)
