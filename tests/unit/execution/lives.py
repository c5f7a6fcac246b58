"""Lives of an order as a venue's ledger has them, and every message that the venue would send about them."""

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import strategies as st

from core.domain.facts import OrderState
from core.domain.orders import Fill, OrderStatus
from core.execution.events import Filled, Reported, VenueFact
from core.execution.order import Order
from unit.execution.making import fill, order, report

LOTS = 10
"""Quantity of the order, in whole units."""

_STATE_OF = {
    OrderStatus.NEW: OrderState.ACCEPTED,
    OrderStatus.PARTIALLY_FILLED: OrderState.PARTIALLY_FILLED,
    OrderStatus.FILLED: OrderState.FILLED,
    OrderStatus.CANCELLED: OrderState.CANCELLED,
    OrderStatus.EXPIRED: OrderState.EXPIRED,
    OrderStatus.REJECTED: OrderState.REJECTED,
}


@dataclass(frozen=True, slots=True)
class Life:
    """What the ledger says in the end, and the messages in the order in which things happened."""

    order: Order
    status: OrderStatus
    fills: tuple[Fill, ...]
    messages: tuple[VenueFact, ...]

    @property
    def final_state(self) -> OrderState:
        return _STATE_OF[self.status]

    @property
    def executed(self) -> Decimal:
        return sum((one.quantity for one in self.fills), Decimal(0))


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Accepted (or rejected), filled in steps, then left open, filled, cancelled or expired."""
    placed = order(str(LOTS))
    cid = placed.client_order_id
    if draw(st.integers(0, 9)) == 0:
        rejected = report(placed, OrderStatus.REJECTED, reject_reason="[-2010] no")
        return Life(placed, OrderStatus.REJECTED, (), (Reported(cid, 3, rejected),))
    messages: list[VenueFact] = [Reported(cid, 3, report(placed, OrderStatus.NEW))]
    fills: list[Fill] = []
    left = LOTS
    for size in draw(st.lists(st.integers(1, LOTS), max_size=4)):
        if size > left:
            break
        left -= size
        fills.append(fill(str(size), trade_id=str(len(fills) + 1)))
        status = OrderStatus.PARTIALLY_FILLED if left else OrderStatus.FILLED
        messages += [
            Reported(cid, 4, report(placed, status, str(LOTS - left))),
            Filled(cid, 4, fills[-1]),
        ]
    if left == 0:
        return Life(placed, OrderStatus.FILLED, tuple(fills), tuple(messages))
    ending = draw(st.sampled_from([None, OrderStatus.CANCELLED, OrderStatus.EXPIRED]))
    if ending is None:
        open_status = OrderStatus.PARTIALLY_FILLED if fills else OrderStatus.NEW
        return Life(placed, open_status, tuple(fills), tuple(messages))
    messages.append(Reported(cid, 5, report(placed, ending, str(LOTS - left))))
    return Life(placed, ending, tuple(fills), tuple(messages))
