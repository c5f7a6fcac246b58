"""One order, or one cancel, to the venue; what came of it into the books."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import Enum

from core.domain.errors import OrderRefused, OutcomeUnknown, RequestRefused, StopWouldTrigger, VenueUnavailable
from core.domain.orders import ClientOrderId, OrderReport, OrderRequest, Purpose
from core.domain.reasons import Reason
from core.execution.books import Books
from core.execution.desk import VenueDesk
from core.execution.doubts import Judged
from core.execution.events import (
    CancelAsked,
    CancelRefused,
    Filled,
    OrderEvent,
    OutcomeLost,
    Refused,
    Reported,
    Sent,
    Withdrawn,
)
from core.execution.jury import Jury
from core.execution.order import Order
from core.execution.recorder import Recorder
from core.ports.request_lane import RequestLane, in_lane

_NOT_BELIEVED = "the answer can't be: see venue_not_believed"


class Outcome(Enum):
    """What came of a request."""

    ANSWERED = "answered"
    REFUSED = "refused"
    WOULD_TRIGGER = "would_trigger"
    UNAVAILABLE = "unavailable"
    """It did not reach the venue."""
    LOST = "lost"
    WITHDRAWN = "withdrawn"


class OrderSender:
    """Requests are journalled before they come here, and are never sent twice."""

    def __init__(self, recorder: Recorder, desk: VenueDesk, jury: Jury, books: Books) -> None:
        self._recorder = recorder
        self._desk = desk
        self._jury = jury
        self._books = books

    async def send(self, order: Order, why_not: Callable[[], Reason | None]) -> Outcome:
        """`order` is durable and in the books. `why_not` is asked at the last moment before the request leaves."""
        client_order_id = order.client_order_id
        if reason := why_not():
            await self._recorder.record(Withdrawn(client_order_id, self._recorder.now_ns(), str(reason)))
            return Outcome.WITHDRAWN

        async def place() -> list[OrderReport]:
            with in_lane(_lane(order)):
                return [await self._desk.place(OrderRequest(client_order_id, order.leg))]

        return await self._carry([client_order_id], place)

    async def send_pair(self, stop: Order, target: Order) -> Outcome:
        """As `send`, of two that stand or fall as one order list; both are durable and in the books. What befalls the
        request befalls both: where its answer is lost, each is asked after by its own id."""

        async def place() -> Iterable[OrderReport]:
            with in_lane(_lane(stop)):
                return await self._desk.place_pair(
                    OrderRequest(stop.client_order_id, stop.leg), OrderRequest(target.client_order_id, target.leg)
                )

        return await self._carry([stop.client_order_id, target.client_order_id], place)

    async def _carry(self, ids: list[ClientOrderId], place: Callable[[], Awaitable[Iterable[OrderReport]]]) -> Outcome:
        sent_ns = self._recorder.now_ns()
        await self._recorder.record(*(Sent(each, sent_ns) for each in ids))
        try:
            reports = await place()
        except (OrderRefused, RequestRefused) as error:
            outcome = Outcome.WOULD_TRIGGER if isinstance(error, StopWouldTrigger) else Outcome.REFUSED
            now_ns = self._recorder.now_ns()
            await self._recorder.record(*(Refused(each, now_ns, str(error)) for each in ids))
        except VenueUnavailable as error:
            outcome = Outcome.UNAVAILABLE
            now_ns = self._recorder.now_ns()
            await self._recorder.record(*(Refused(each, now_ns, f"NOT_SENT {error}") for each in ids))
        except OutcomeUnknown as error:
            outcome = Outcome.LOST
            now_ns = self._recorder.now_ns()
            await self._recorder.record(*(OutcomeLost(each, now_ns, str(error)) for each in ids))
        else:
            outcome = Outcome.ANSWERED
            doubted = await self._take_in(dict(zip(ids, reports, strict=True)))
            if doubted:
                outcome, now_ns = Outcome.LOST, self._recorder.now_ns()
                await self._recorder.record(*(OutcomeLost(each, now_ns, _NOT_BELIEVED) for each in doubted))
        return outcome

    async def cancel(self, order: Order, reason: str) -> None:
        """Ask once. Afterwards the books know what the venue said; where it said nothing, they are as before. A cancel
        does no harm twice, so it needs no answer to be asked again. Raises `VenueUnavailable`."""
        client_order_id = order.client_order_id
        await self._recorder.record(CancelAsked(client_order_id, self._recorder.now_ns(), reason))
        try:
            report: OrderReport | None = await self._desk.cancel(order.instrument_id, order.known_as)
        except (OrderRefused, RequestRefused) as error:
            await self._recorder.record(CancelRefused(client_order_id, self._recorder.now_ns(), str(error)))
            report = await self._desk.picture_of(order)
        except OutcomeUnknown:
            report = await self._desk.picture_of(order)
        if report is not None:
            await self.take_in(client_order_id, report)

    async def look(self, order: Order) -> None:
        """Ask for the venue's picture of it. Raises `VenueUnavailable` and `RequestRefused`."""
        report = await self._desk.picture_of(order)
        if report is not None:
            await self.take_in(order.client_order_id, report)

    async def take_in(self, client_order_id: ClientOrderId, report: OrderReport) -> None:
        """The venue's picture, with the fills that came with it, as far as they are believed. What it says is filled,
        and no believable trade explains, is asked after (`core.execution.enquiries`)."""
        await self._take_in({client_order_id: report})

    async def _take_in(self, reports: Mapping[ClientOrderId, OrderReport]) -> list[ClientOrderId]:
        """The orders of which not even the picture is believed."""
        await self._recorder.recall(reports)
        now_ns = self._recorder.now_ns()
        events: list[OrderEvent] = []
        doubted: list[ClientOrderId] = []
        for client_order_id, report in reports.items():
            order = self._books.get(client_order_id)
            judged = Judged.unheard(report) if order is None else self._jury.hear(order, report, is_answer=True)
            if judged.report is None:
                doubted.append(client_order_id)
                continue
            events.append(Reported(client_order_id, now_ns, judged.report))
            events += (Filled(client_order_id, now_ns, fill) for fill in judged.fills)
        await self._recorder.record(*events)
        return doubted


def _lane(order: Order) -> RequestLane:
    """What adds risk gives way to what takes it away."""
    return RequestLane.ENTRY if order.purpose is Purpose.ENTRY else RequestLane.ORDERS
