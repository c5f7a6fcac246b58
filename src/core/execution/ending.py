"""Ending an order for certain: cancel, ask, and wait until it is over and all its fills are booked."""

import asyncio

from core.domain.errors import MetronomeError, VenueError
from core.domain.facts import OrderState
from core.domain.orders import ClientOrderId
from core.execution.books import Books
from core.execution.enquiries import Enquiries
from core.execution.order import Order
from core.execution.sending import OrderSender
from core.ports.clock import MonotonicClock

_PAUSE_FIRST_S = 0.02
_PAUSE_MAX_S = 1.0
_STANDS = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)


class OrderStands(MetronomeError):
    """Its end could not be proven in time."""


class OrderEnder:
    """Callers hold the instrument's turn."""

    def __init__(self, books: Books, sender: OrderSender, enquiries: Enquiries, monotonic: MonotonicClock) -> None:
        self._books = books
        self._sender = sender
        self._enquiries = enquiries
        self._monotonic = monotonic

    async def end(
        self, client_order_id: ClientOrderId, reason: str, deadline_ns: int, *, asks_first: bool = False
    ) -> Order | None:
        """The order, over; `None` where it has left memory, so was over long ago. `deadline_ns` is monotonic time.
        Raises `OrderStands` past it. `asks_first`: something else should have ended it, so it is looked at first."""
        pause_s = _PAUSE_FIRST_S
        while True:
            order = self._books.get(client_order_id)
            if order is None or order.is_over:
                return order
            try:
                if order.state not in _STANDS:
                    await self._enquiries.ask(client_order_id)
                elif asks_first:
                    asks_first = False
                    await self._sender.look(order)
                    continue
                else:
                    await self._sender.cancel(order, reason)
            except VenueError as error:
                pause_s = max(pause_s, error.retry_after_s or 0.0)
            known = self._books.get(client_order_id)
            if known is None or known.is_over:
                return known
            if self._monotonic.now_ns() + pause_s * 1e9 > deadline_ns:
                raise OrderStands(f"client_order_id={client_order_id} state={known.state}")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _PAUSE_MAX_S)
