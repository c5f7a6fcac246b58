"""Asking after orders in doubt: for as long as it takes, with backoff, until the venue proves something."""

import asyncio
from dataclasses import dataclass

import structlog

from core.domain.errors import VenueError
from core.domain.facts import OrderState
from core.domain.orders import ClientOrderId
from core.execution import amending
from core.execution.absence import AbsenceCase, VenueRead, after_read, open_case, sighting
from core.execution.books import Books
from core.execution.desk import VenueDesk
from core.execution.doubts import believable
from core.execution.events import AbsenceProven, Amended, AmendEnded, AmendOutcome, Filled
from core.execution.order import Order
from core.execution.recorder import Recorder
from core.execution.sending import OrderSender
from core.ports.clock import MonotonicClock

_LOOKBACK_MS = 60_000
"""How far before our own stamp of an order its traces are looked for: clocks may differ."""
_STREAM_PATIENCE_S = 1.0
"""How long the user stream may take to bring the fills that a report has announced."""


@dataclass(slots=True)
class _Case:
    due_ns: int
    attempts: int = 0
    absence: AbsenceCase | None = None
    unamended: AbsenceCase | None = None
    """Of a lost request to amend."""


class Enquiries:
    """An order is in doubt while it is UNKNOWN, while fills that the venue has announced are not booked, and while
    nobody knows whether it was amended."""

    def __init__(
        self,
        books: Books,
        recorder: Recorder,
        desk: VenueDesk,
        sender: OrderSender,
        monotonic: MonotonicClock,
        *,
        first_s: float,
        max_s: float,
    ) -> None:
        self._books = books
        self._recorder = recorder
        self._desk = desk
        self._sender = sender
        self._monotonic = monotonic
        self._first_s = first_s
        self._max_s = max_s
        self._cases: dict[ClientOrderId, _Case] = {}
        self._wake = asyncio.Event()
        self._log = structlog.get_logger("execution")

    def watch(self, order: Order) -> None:
        """Call it with every change of an order."""
        if not _is_in_doubt(order):
            self._cases.pop(order.client_order_id, None)
        elif order.client_order_id not in self._cases:
            is_waited_for = order.state is not OrderState.UNKNOWN and not order.is_amend_in_doubt
            patience_s = _STREAM_PATIENCE_S if is_waited_for else self._first_s
            self.need(order.client_order_id, patience_s)

    def need(self, client_order_id: ClientOrderId, delay_s: float = 0.0) -> None:
        """Ask after this order in `delay_s`, or sooner where that is due already."""
        due_ns = self._monotonic.now_ns() + int(delay_s * 1e9)
        case = self._cases.setdefault(client_order_id, _Case(due_ns))
        case.due_ns = min(case.due_ns, due_ns)
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._next()

    @property
    def in_doubt(self) -> int:
        """How many orders."""
        return len(self._cases)

    async def settle(self, timeout_s: float) -> None:
        """Ask until nothing is in doubt, for at most so long."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._cases:
                    await self._next()
        except TimeoutError:
            self._log.warning("orders_still_in_doubt", client_order_ids=sorted(self._cases))

    async def ask(self, client_order_id: ClientOrderId) -> None:
        """One round of questions about one order. Raises `VenueError` where the venue can't be asked."""
        order = self._books.get(client_order_id)
        if order is None or not _is_in_doubt(order):
            self._cases.pop(client_order_id, None)
            return
        if order.state is OrderState.UNKNOWN or order.is_only_said_to_be_over:
            await self._look_for(order)
        order = self._books.get(client_order_id)
        if order is not None and order.is_amend_in_doubt:
            await self._look_at_terms(order)
            order = self._books.get(client_order_id)
        if order is not None and order.unbooked_quantity:
            await self._fetch_fills(order)

    async def _next(self) -> None:
        """Wait for what is due next, and ask."""
        self._wake.clear()
        now_ns = self._monotonic.now_ns()
        due = min(self._cases.items(), key=lambda item: item[1].due_ns, default=None)
        if due is None or due[1].due_ns > now_ns:
            pause_s = None if due is None else (due[1].due_ns - now_ns) / 1e9
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
            return
        client_order_id, case = due
        pause_s = min(self._first_s * 2**case.attempts, self._max_s)
        try:
            await self.ask(client_order_id)
        except VenueError as error:
            pause_s = max(pause_s, error.retry_after_s or 0.0)
            self._log.info("enquiry_unanswered", client_order_id=client_order_id, reason=str(error))
        order = self._books.get(client_order_id)
        if order is None or not _is_in_doubt(order):
            self._cases.pop(client_order_id, None)
        else:
            case.attempts = min(case.attempts + 1, 30)
            case.due_ns = self._monotonic.now_ns() + int(pause_s * 1e9)

    async def _look_for(self, order: Order) -> None:
        client_order_id = order.client_order_id
        case = self._cases.setdefault(client_order_id, _Case(self._monotonic.now_ns()))
        server_ms = await self._desk.server_time_ms()
        if case.absence is None:
            case.absence = open_case(order, server_ms, self._desk.capabilities.replica_lag_ms)
        report = await self._desk.picture_of(order)
        if report is not None:
            await self._sender.take_in(client_order_id, report)
        elif case.absence.counts_at(server_ms):
            await self._read_all(order, case, case.absence, server_ms)

    async def _read_all(self, order: Order, case: _Case, absence: AbsenceCase, began_ms: int) -> None:
        since_ms = order.created_ns // 1_000_000 - _LOOKBACK_MS
        read = VenueRead(
            began_ms=began_ms,
            by_id=None,
            orders=await self._desk.orders_since(order.instrument_id, since_ms),
            open_orders=await self._desk.open_orders(),
            fills=await self._desk.fills_since(order.instrument_id, since_ms),
            balances=await self._desk.balances(),
        )
        if (report := sighting(order, read)) is not None:
            await self._sender.take_in(order.client_order_id, report)
            return
        mine = believable(order, (fill for fill in read.fills if order.owns(fill)))
        if mine:
            now_ns = self._recorder.now_ns()
            await self._recorder.record(*(Filled(order.client_order_id, now_ns, fill) for fill in mine))
            return
        case.absence = after_read(absence, order, read)
        known = self._books.get(order.client_order_id)
        if case.absence.is_proven and known is not None and known.state is OrderState.UNKNOWN:
            evidence = (
                f"ABSENT reads={case.absence.complete_reads} server_time_ms={began_ms}"
                f" provable_from_ms={case.absence.provable_from_ms}"
            )
            now_ns = self._recorder.now_ns()
            await self._recorder.record(AbsenceProven(order.client_order_id, now_ns, evidence))

    async def _look_at_terms(self, order: Order) -> None:
        """Whether a lost request has amended it."""
        client_order_id = order.client_order_id
        case = self._cases.setdefault(client_order_id, _Case(self._monotonic.now_ns()))
        server_ms = await self._desk.server_time_ms()
        if case.unamended is None:
            case.unamended = amending.open_case(order, server_ms, self._desk.capabilities.replica_lag_ms)
        report = await self._desk.picture_of(order)
        if report is None:
            if order.operators_word is not None:
                ended = f"OPERATOR {order.operators_word}"
                now_ns = self._recorder.now_ns()
                await self._recorder.record(AmendEnded(client_order_id, now_ns, AmendOutcome.GIVEN_UP, ended))
            return
        await self._sender.take_in(client_order_id, report)
        order = self._books.get(client_order_id) or order
        if not order.is_amend_in_doubt:
            return
        now_ns = self._recorder.now_ns()
        if (terms := amending.proven_terms(order, report)) is not None:
            await self._recorder.record(Amended(client_order_id, now_ns, terms, report.event_ns))
            return
        case.unamended = amending.after_look(case.unamended, report, server_ms)
        if case.unamended.is_proven:
            evidence = f"never arrived: reads={case.unamended.complete_reads} server_time_ms={server_ms}"
            await self._recorder.record(AmendEnded(client_order_id, now_ns, AmendOutcome.REFUSED, evidence))

    async def _fetch_fills(self, order: Order) -> None:
        since_ms = order.created_ns // 1_000_000 - _LOOKBACK_MS
        fills = await self._desk.fills_since(order.instrument_id, since_ms)
        now_ns = self._recorder.now_ns()
        known = self._books.get(order.client_order_id) or order
        mine = believable(known, (fill for fill in fills if order.owns(fill) and not self._books.has_seen(fill)))
        await self._recorder.record(*(Filled(order.client_order_id, now_ns, fill) for fill in mine))


def _is_in_doubt(order: Order) -> bool:
    is_short = order.state.is_terminal and order.unbooked_quantity > 0
    return order.state is OrderState.UNKNOWN or order.is_amend_in_doubt or is_short
