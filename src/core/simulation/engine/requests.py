"""What is asked about open orders, and what the exchange answers. Ids: where both are given, both must fit."""

from decimal import Decimal

import msgspec

from core.domain.orders import OrderStatus
from core.simulation.engine.events import ListRecord
from core.simulation.engine.orders import OrderRecord
from core.simulation.engine.refusals import Refusal
from core.simulation.engine.special import Amendment


class Cancel(msgspec.Struct, frozen=True, gc=False):
    """Cancel one open order."""

    symbol: str
    order_id: int | None = None
    client_order_id: str | None = None
    request_id: str | None = None
    """The request's own client id; `None`: it has none."""
    only_in: OrderStatus | None = None
    """Only while the order has this status; `None`: in any."""


class Amend(msgspec.Struct, frozen=True, gc=False):
    """Make one open order smaller."""

    symbol: str
    quantity: Decimal
    """The new whole quantity, what has filled included."""
    order_id: int | None = None
    client_order_id: str | None = None
    new_client_order_id: str | None = None
    """May be the present one; `None`: the exchange makes one."""


class Replaced(msgspec.Struct, frozen=True):
    """What became of a cancellation and of the order that was to follow; `placed` `None`: it was not tried."""

    cancelled: OrderRecord | Refusal
    placed: OrderRecord | Refusal | None


class Amended(msgspec.Struct, frozen=True):
    """`order_list`: where its list stands; `None`: it depends on no list."""

    order: OrderRecord
    amendment: Amendment
    order_list: ListRecord | None


class PlacedList(msgspec.Struct, frozen=True):
    """A list that was placed or cancelled, with its orders in the list's order, as they were then."""

    order_list: ListRecord
    orders: list[OrderRecord]
