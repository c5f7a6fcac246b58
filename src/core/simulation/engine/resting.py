"""An open order in the exchange's hands: mutable, private to the engine; the outside sees `OrderRecord`s of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from core.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from core.simulation.engine.orders import OrderRecord

if TYPE_CHECKING:
    from core.simulation.engine.accounts import Account


class RestingOrder(msgspec.Struct, eq=False):
    """Prices in ticks, quantities in lots, money in atoms."""

    account: Account
    symbol: str
    order_id: int
    client_order_id: str
    side: Side
    is_buy: bool
    order_type: OrderType
    time_in_force: TimeInForce
    price: int
    stop_price: int
    quantity: int
    quote_quantity: int
    remaining: int
    filled_quote: int
    status: OrderStatus
    is_working: bool
    lock: int
    """Atoms locked for it now: quote of a buyer, base of a seller; 0: it pays from the free balance (market orders)."""
    created_ns: int
    updated_ns: int
    working_ns: int
    record: OrderRecord | None = None
    """The picture that was logged last; `None`: none yet."""

    @property
    def latest(self) -> OrderRecord:
        """The present state, which is always logged, except that of an order just restored."""
        return self.record if self.record is not None else self.picture()

    def picture(self) -> OrderRecord:
        """Take and keep a record of the present state."""
        self.record = record = OrderRecord(
            self.account.key,
            self.symbol,
            self.order_id,
            self.client_order_id,
            self.side,
            self.order_type,
            self.time_in_force,
            self.price,
            self.stop_price,
            self.quantity,
            self.quote_quantity,
            self.quantity - self.remaining,
            self.filled_quote,
            self.status,
            self.is_working,
            self.created_ns,
            self.updated_ns,
            self.working_ns,
        )
        return record
