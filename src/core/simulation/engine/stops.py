"""Orders of one symbol that wait for the last price to reach their stop."""

from bisect import bisect_left, insort

from core.domain.orders import OrderType
from core.simulation.engine.resting import RestingOrder

STOP_TYPES = frozenset(
    (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
)
_LOSS_TYPES = frozenset((OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT))
_NEVER = 1 << 62


def triggers_upward(order_type: OrderType, *, is_buy: bool) -> bool:
    """A buyer's stop loss and a seller's take profit wait for the price to rise, the other two for it to fall."""
    return (order_type in _LOSS_TYPES) == is_buy


class StopOrders:
    """`rising` is the lowest stop that a rising price reaches, `falling` the highest that a falling one does: a trade
    strictly between the two triggers nothing.
    """

    __slots__ = ("_falling", "_rising", "falling", "rising")

    def __init__(self) -> None:
        self._rising: list[tuple[int, int, RestingOrder]] = []
        """(stop price, order id, order), the next to trigger first."""
        self._falling: list[tuple[int, int, RestingOrder]] = []
        """(minus stop price, order id, order), the next to trigger first."""
        self.rising = _NEVER
        self.falling = -_NEVER

    def add(self, order: RestingOrder) -> None:
        if triggers_upward(order.order_type, is_buy=order.is_buy):
            insort(self._rising, (order.stop_price, order.order_id, order))
        else:
            insort(self._falling, (-order.stop_price, order.order_id, order))
        self._mark()

    def remove(self, order: RestingOrder) -> None:
        """Take a waiting order out; it must be there."""
        if triggers_upward(order.order_type, is_buy=order.is_buy):
            del self._rising[bisect_left(self._rising, (order.stop_price, order.order_id))]
        else:
            del self._falling[bisect_left(self._falling, (-order.stop_price, order.order_id))]
        self._mark()

    def pop_reached(self, low: int, high: int) -> RestingOrder | None:
        """Take out one order whose stop lies within the prices that traded; `None`: there is none."""
        reached = None
        if high >= self.rising:
            reached = self._rising.pop(0)[2]
        elif low <= self.falling:
            reached = self._falling.pop(0)[2]
        self._mark()
        return reached

    def _mark(self) -> None:
        self.rising = self._rising[0][0] if self._rising else _NEVER
        self.falling = -self._falling[0][0] if self._falling else -_NEVER
