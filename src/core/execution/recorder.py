"""The one way of a fact into the house: fold it, journal it, publish it. In that order, always."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

import structlog

from core.domain.errors import JournalError
from core.domain.facts import ExecutionFact
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Fill, FundingPayment, OrderReport, Proposal, VenueOrderId
from core.execution.books import Books, Change
from core.execution.events import OrderEvent
from core.execution.journal.journal import Journal
from core.execution.journal.records import Record
from core.execution.order import Order
from core.ports.clock import TradingClock

_MAX_UNWRITTEN = 50_000


class NotInTime(JournalError):
    """No durable commit until the deadline; the records may still reach the journal."""


class Recorder:
    """Facts of the venue can't be refused: those that the journal does not take now are kept, in order, and written as
    soon as it takes them again. Should they be lost with the process, reconciliation finds them at the venue."""

    def __init__(
        self,
        books: Books,
        journal: Journal,
        publish: Callable[[ExecutionFact], None],
        clock: TradingClock,
        journal_deadline_s: float,
    ) -> None:
        self._books = books
        self._journal = journal
        self._publish = publish
        self._clock = clock
        self._journal_deadline_s = journal_deadline_s
        self._unwritten: deque[Record] = deque(maxlen=_MAX_UNWRITTEN)
        self._is_flushing = False
        self._under_way: set[asyncio.Task[None]] = set()
        self._listeners: list[Callable[[Order], None]] = []
        self._log = structlog.get_logger("execution")

    @property
    def unwritten(self) -> int:
        return len(self._unwritten)

    def now_ns(self) -> int:
        """Trading time."""
        return self._clock.now_ns()

    def listen(self, listener: Callable[[Order], None]) -> None:
        """`listener(order)` is called after each change of an order, once it is durable and published."""
        self._listeners.append(listener)

    async def require_durable(self, records: list[Record]) -> None:
        """For what must not happen without its record. Raises `JournalError`: `NotInTime` where the disk takes too
        long."""
        try:
            async with asyncio.timeout(self._journal_deadline_s):
                await self._journal.append(records)
        except TimeoutError:
            raise NotInTime(f"no durable commit within {self._journal_deadline_s:g} s") from None

    async def record(self, *events: OrderEvent) -> None:
        """Orders that have left memory are fetched back first; events of orders that nobody knows are dropped and
        logged. Cancelling is safe: what has been folded is journalled and published all the same."""
        known = await self._known(events)
        changes = [self._books.apply(event) for event in known]
        for oddity in (change.oddity for change in changes if change.oddity is not None):
            if not oddity.is_race:
                self._log.warning(
                    "order_oddity", code=oddity.code, client_order_id=oddity.client_order_id, detail=oddity.detail
                )
        await self._see_through(changes, dict.fromkeys(event.client_order_id for event in known))

    async def adopt(self, proposal: Proposal, order: Order, report: OrderReport) -> None:
        """As `Books.adopt`; in the books before the first await. The journal must not know the order."""
        await self._see_through([self._books.adopt(proposal, order, report)], [order.client_order_id])

    async def fold(self, event: OrderEvent) -> None:
        """`record` for an event that is in the journal already, since nothing might happen before it was there."""
        change = self._books.apply(event)
        beyond = tuple(record for record in change.records if record is not event)
        await self._see_through([replace(change, records=beyond)], [event.client_order_id])

    async def record_foreign(self, fills: Iterable[Fill]) -> None:
        """Listeners hear of the orders that what the venue did to a position leaves too large."""
        now_ns = self.now_ns()
        told = list(fills)
        changes = [self._books.book_foreign(fill, now_ns) for fill in told]
        hit = {fill.instrument_id for fill in told if fill.is_forced}
        concerned = (order.client_order_id for each in sorted(hit) for order in self._books.unsettled(each))
        await self._see_through(changes, list(concerned))

    async def record_funding(self, payments: Iterable[FundingPayment]) -> None:
        now_ns = self.now_ns()
        await self._see_through([self._books.book_funding(payment, now_ns) for payment in payments], ())

    async def drain(self) -> None:
        """Wait for everything that was folded to be journalled and published."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def write(self, *records: Record) -> None:
        """Journal now, or as soon as the journal takes it."""
        if not records:
            return
        if self._unwritten:
            self._unwritten.extend(records)
            await self.flush()
            return
        try:
            await self.require_durable(list(records))
        except JournalError as error:
            self._log.warning("facts_unwritten", records=len(records), reason=str(error))
            self._unwritten.extend(records)

    async def flush(self) -> None:
        """Try to write what could not be written before."""
        waiting = list(self._unwritten)
        if not waiting or self._is_flushing or not self._journal.is_writable:
            return
        self._is_flushing = True
        try:
            await self.require_durable(waiting)
        except JournalError:
            return
        finally:
            self._is_flushing = False
        for _ in waiting:
            self._unwritten.popleft()
        self._log.info("facts_written_late", records=len(waiting))

    def publish(self, fact: ExecutionFact) -> None:
        try:
            self._publish(fact)
        except Exception:  # a subscriber's fault must not cost an order
            self._log.exception("subscriber_raised", fact=type(fact).__name__)

    async def recall(
        self,
        client_order_ids: Iterable[ClientOrderId],
        venue_order_ids: Iterable[tuple[InstrumentId, VenueOrderId]] = (),
    ) -> bool:
        """Fetch orders that have left memory back from the journal. False where it can't be read now."""
        missing = {each for each in client_order_ids if self._books.get(each) is None}
        nameless = {each for each in venue_order_ids if self._books.named(*each) is None}
        if missing or nameless:
            try:
                for order in await self._journal.find(missing, nameless):
                    self._books.recall(order)
            except JournalError as error:
                self._log.warning("orders_not_recalled", reason=str(error))
                return False
        return True

    async def _known(self, events: tuple[OrderEvent, ...]) -> list[OrderEvent]:
        await self.recall(event.client_order_id for event in events)
        known = [event for event in events if self._books.get(event.client_order_id) is not None]
        if len(known) < len(events):
            self._log.error("events_of_unknown_orders", events=len(events) - len(known))
        return known

    async def _see_through(self, changes: list[Change], concerned: Iterable[ClientOrderId]) -> None:
        task = asyncio.create_task(self._write_and_publish(changes, concerned), name="record-facts")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        await asyncio.shield(task)

    async def _write_and_publish(self, changes: list[Change], concerned: Iterable[ClientOrderId]) -> None:
        await self.write(*(record for change in changes for record in change.records))
        for change in changes:
            for fact in change.facts:
                self.publish(fact)
        for client_order_id in concerned:
            if (order := self._books.get(client_order_id)) is not None:
                for listener in self._listeners:
                    listener(order)
