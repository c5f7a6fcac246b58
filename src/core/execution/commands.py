"""What an operator may have done to single orders: cancelled, or settled by his own word."""

import structlog

from core.domain.commands import CommandRefused, UnknownOrder, Verdict
from core.domain.errors import VenueError
from core.domain.facts import OrderState, OrderView
from core.domain.orders import ClientOrderId, Purpose
from core.execution.events import Resolved
from core.execution.holdings import may_add
from core.execution.order import Order
from core.execution.parts import Parts


class OrderCommands:
    """Each waits for its turn in the instrument. Cancelling the wait does not recall what was asked of the venue."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._log = structlog.get_logger("execution")

    async def cancel(self, client_order_id: ClientOrderId, reason: str) -> OrderView | None:
        """The order as known once the venue was asked (it may have filled first), `None` for an order that is not ours
        or not in memory. Raises `VenueUnavailable` where the venue can't be asked."""
        books = self._parts.books
        order = books.get(client_order_id)
        if order is None:
            return None
        async with self._parts.turns.take([order.instrument_id]):
            order = books.get(client_order_id)
            if order is not None and not order.state.is_terminal:
                await self._parts.sender.cancel(order, reason)
        order = books.get(client_order_id)
        return order.view() if order else None

    async def cancel_working(self, purpose: Purpose, reason: str) -> tuple[OrderView, ...]:
        """`cancel` for every working order of that purpose, and with ENTRY for what was adopted and may add; gives back
        those that still work afterwards. Parents end first."""
        await self._parts.plans.end_all(reason, purpose)
        for order in self._working(purpose):
            try:
                await self.cancel(order.client_order_id, reason)
            except VenueError as error:
                self._log.warning("cancel_failed", client_order_id=order.client_order_id, reason=str(error))
        return tuple(order.view() for order in self._working(purpose))

    async def resolve(self, client_order_id: ClientOrderId, verdict: Verdict, reason: str) -> OrderView:
        """Take an operator's word for how an order in doubt has ended; what the venue says of it later counts all the
        same. Raises `UnknownOrder`, and `CommandRefused` for an order that is in no doubt."""
        books, recorder = self._parts.books, self._parts.recorder
        if not self._parts.journal.is_writable or not await recorder.recall([client_order_id]):
            raise CommandRefused("the journal can't be written now, so nothing can be resolved in it; try again")
        order = books.get(client_order_id)
        if order is None:
            raise UnknownOrder(f"there is no order {client_order_id} of this bot; `live_bot.py orders` lists them")
        async with self._parts.turns.take([order.instrument_id]):
            order = books.get(client_order_id) or order
            if order.state is not OrderState.UNKNOWN and order.operators_word is None:
                raise CommandRefused(
                    f"{client_order_id} is {order.state} by the venue's word: there is nothing to resolve"
                )
            await recorder.record(Resolved(client_order_id, recorder.now_ns(), verdict, reason))
        return (books.get(client_order_id) or order).view()

    def _working(self, purpose: Purpose) -> list[Order]:
        unsettled = self._parts.books.unsettled()
        return [one for one in unsettled if not one.state.is_terminal and self._is_of(one, purpose)]

    def _is_of(self, order: Order, purpose: Purpose) -> bool:
        adds = purpose is Purpose.ENTRY and may_add(order, self._parts.books.held(order.instrument_id))
        return adds or order.purpose is purpose
