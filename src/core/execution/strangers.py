"""What is done about orders that somebody else has on the account: `[execution] foreign_orders`.

An order is dealt with once it has been open and unclaimed for a while, in an instrument that this daemon trades and in
which no order of its own is still to be named: until then it may be one of ours. What is adopted becomes an order like
any other, under an id of its own (others use theirs again): journalled, asked after, cancelled by a flattening, and
what it fills from then on is ours. What it had filled before stays somebody else's.
"""

import asyncio
from collections.abc import Collection
from typing import Literal

import structlog

from core.domain.errors import OutcomeUnknown, VenueError
from core.domain.facts import OrderState
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, IntentId, Leg, OrderReport, Proposal, Purpose
from core.execution.books import Books
from core.execution.client_order_id import client_order_id
from core.execution.desk import VenueDesk
from core.execution.foreign import ForeignOrders, Key, key_of
from core.execution.order import ZERO, Order
from core.execution.recorder import Recorder

ADOPTED_BY = "foreign_orders"
"""Whose strategy an adopted order is."""
_ROLE = "adopted"
_PATIENCE_S = 1.0
"""How long an order may be one of ours whose name is still to come."""
_AGAIN_S = 5.0
_NAMELESS = (OrderState.INTENDED, OrderState.SUBMITTING, OrderState.UNKNOWN)


class Strangers:
    """Give `run` to the executor's group."""

    def __init__(
        self,
        foreign: ForeignOrders,
        *,
        policy: Literal["ignore", "adopt", "cancel"],
        traded: Collection[InstrumentId],
        books: Books,
        recorder: Recorder,
        desk: VenueDesk,
    ) -> None:
        """`traded`: by this daemon; orders elsewhere are left alone."""
        self._foreign = foreign
        self._policy = policy
        self._traded = frozenset(traded)
        self._books = books
        self._recorder = recorder
        self._desk = desk
        self._refused: set[Key] = set()
        self._log = structlog.get_logger("execution")

    async def run(self) -> None:
        """Until cancelled; returns at once where they are left alone."""
        while self._policy != "ignore":
            await self._foreign.news.wait()
            self._foreign.news.clear()
            await asyncio.sleep(_PATIENCE_S)
            if not await self._deal_with_all():
                await asyncio.sleep(_AGAIN_S)
                self._foreign.news.set()

    async def _deal_with_all(self) -> bool:
        """Whether nothing is left to do."""
        self._refused &= self._foreign.keys
        done = [await self._deal_with(key_of(each)) for each in self._foreign.open_orders]
        return all(done)

    async def _deal_with(self, key: Key) -> bool:
        instrument_id = key[0]
        if instrument_id not in self._traded:
            return True
        if any(order.state in _NAMELESS for order in self._books.unsettled(instrument_id)):
            return False
        if not await self._recorder.recall([adopted_id(key)], [key]):
            return False
        report = self._foreign.get(key)
        if report is None:
            return True
        if self._books.as_ours(report).client_order_id != report.client_order_id:
            self._foreign.forget(key)  # it was one of ours after all
            return True
        return await (self._adopt(key, report) if self._policy == "adopt" else self._cancel(key, report))

    async def _adopt(self, key: Key, report: OrderReport) -> bool:
        order = adopted(report, self._desk.capabilities.request_window_ms)
        self._foreign.forget(key)
        self._log.warning(
            "foreign_order_adopted",
            instrument=report.instrument_id,
            client_order_id=order.client_order_id,
            theirs=report.client_order_id,
            venue_order_id=report.venue_order_id,
        )
        await self._recorder.adopt(intent_of(order, report), order, report)
        return True

    async def _cancel(self, key: Key, report: OrderReport) -> bool:
        """Its end is told by the stream, or by the next reconciliation."""
        try:
            answer = await self._desk.cancel(report.instrument_id, report.client_order_id)
        except OutcomeUnknown as error:
            self._log.info("foreign_order_cancel_unanswered", venue_order_id=report.venue_order_id, reason=str(error))
            return False
        except VenueError as error:
            if key not in self._refused:
                self._refused.add(key)
                self._log.warning(
                    "foreign_order_not_cancelled",
                    instrument=report.instrument_id,
                    client_order_id=report.client_order_id,
                    reason=str(error),
                )
            return False
        self._log.warning(
            "foreign_order_cancelled",
            instrument=report.instrument_id,
            client_order_id=report.client_order_id,
            venue_order_id=report.venue_order_id,
            reason='execution.foreign_orders is "cancel"',
        )
        if answer.venue_order_id == report.venue_order_id:
            self._foreign.notice(answer)
        return True


def intent_of(order: Order, report: OrderReport) -> Proposal:
    """What an adoption is journalled as; nobody has judged it."""
    return Proposal(
        intent_id=order.intent_id,
        purpose=order.purpose,
        legs=(order.leg,),
        strategies=order.strategies,
        cycle=str(order.intent_id),
        created_ns=order.created_ns,
        reference_price=report.price or report.stop_price or ZERO,
        reason=order.sent_because,
    )


def adopted(report: OrderReport, window_ms: int | None) -> Order:
    """The order that is ours from this picture of it on, which is still to be told to it."""
    return Order(
        client_order_id=adopted_id(key_of(report)),
        intent_id=_intent_id(key_of(report)),
        role=_ROLE,
        purpose=Purpose.MANUAL,
        strategies=(ADOPTED_BY,),
        leg=Leg(
            report.instrument_id,
            report.side,
            report.quantity - report.filled_quantity,
            report.order_type,
            report.price,
            report.stop_price,
        ),
        sent_because=f"ADOPTED {report.client_order_id}",
        created_ns=report.event_ns,
        changed_ns=report.event_ns,
        window_ms=window_ms,
        theirs=report.client_order_id,
        filled_before=report.filled_quantity,
        state=OrderState.SUBMITTING,
    )


def adopted_id(key: Key) -> ClientOrderId:
    """Under which it is ours; the same each time."""
    return client_order_id(_intent_id(key), _ROLE)


def _intent_id(key: Key) -> IntentId:
    return IntentId(f"adopted|{key[0]}|{key[1]}")
