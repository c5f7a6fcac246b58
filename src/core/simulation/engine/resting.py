"""An open order in the exchange's hands: mutable, private to the engine; the outside sees `OrderRecord`s of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from core.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from core.simulation.engine.orders import OrderRecord
from core.simulation.engine.special import NOTHING_SPECIAL, SelfTradePrevention, Special

if TYPE_CHECKING:
    from core.simulation.engine.accounts import Account
    from core.simulation.engine.order_lists import OrderGroup


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
    special: Special | None = None
    """`None`: an ordinary order."""
    iceberg: int = 0
    """The largest part shown at a time; 0: all of it. Kept here as well as in `special` for those who match."""
    shown: int = 0
    """Of an iceberg on the book: what is left of its slice."""
    prevention: SelfTradePrevention | None = None
    """How it avoids orders of its own account as a taker; `None`: it trades with them."""
    group: OrderGroup | None = None
    """The list whose other orders depend on it; `None`: none do (any more)."""
    record: OrderRecord | None = None
    """The picture that was logged last; `None`: none yet."""

    @property
    def displayed(self) -> int:
        """What the book shows of it."""
        return self.shown if self.iceberg else self.remaining

    @property
    def is_pending(self) -> bool:
        """Waits for the working order of its list."""
        return self.special is not None and self.special.is_pending

    def take_special(self) -> None:
        """Take over what `special` says about matching."""
        special = self.special
        if special is not None:
            self.iceberg = special.iceberg
            self.prevention = special.prevention if special.prevention is not SelfTradePrevention.NONE else None

    def note(self, **changes: object) -> None:
        """Change what is special about it."""
        self.special = msgspec.structs.replace(self.special or NOTHING_SPECIAL, **changes)

    @property
    def latest(self) -> OrderRecord:
        """The present state, which is always logged, except that of an order just restored."""
        return self.record if self.record is not None else self.picture()

    def picture(self) -> OrderRecord:
        """Take and keep a record of the present state."""
        filled, special = self.quantity - self.remaining, self.special
        if special is not None:
            filled -= special.prevented
            if special.shown != self.shown:
                self.note(shown=self.shown)
                special = self.special
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
            filled,
            self.filled_quote,
            self.status,
            self.is_working,
            self.created_ns,
            self.updated_ns,
            self.working_ns,
            special,
        )
        return record
