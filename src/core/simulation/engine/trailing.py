"""Trailing stops of one symbol: each follows the best price for its owner and triggers when the price turns from it.

A seller's stop follows the highest price and triggers `trailing_delta_bips` below it, a buyer's the lowest and triggers
above it; whether it is a stop loss or a take profit decides only on which side of the market its stop price may be. It
follows the price from the trade that reaches its stop price on, or at once where it has none (Binance's trailing stop
FAQ).
"""

from core.simulation.engine.resting import RestingOrder
from core.simulation.engine.stops import triggers_upward

MIN_DELTA_BIPS, MAX_DELTA_BIPS = 10, 2_000
"""What the TRAILING_DELTA filter allows, above and below alike."""
_WHOLE_BIPS = 10_000


def trigger_price(extreme: int, delta_bips: int, *, is_buy: bool) -> int:
    """The first whole tick at which a stop triggers that follows from `extreme`."""
    if is_buy:
        return -(-extreme * (_WHOLE_BIPS + delta_bips) // _WHOLE_BIPS)
    return extreme * (_WHOLE_BIPS - delta_bips) // _WHOLE_BIPS


def start_tracking(order: RestingOrder, last_price: int, now_ns: int) -> None:
    """A stop without a stop price follows from the last price on, if anything has ever traded (`last_price` > 0)."""
    if order.special is not None and order.special.trailing_delta_bips and not order.stop_price and last_price:
        order.note(tracking_ns=now_ns, extreme=last_price)


class TrailingStops:
    """Sees every trade while it has orders."""

    __slots__ = ("moved", "orders", "reached")

    def __init__(self) -> None:
        self.orders: dict[int, RestingOrder] = {}
        """By order id, oldest first; those that wait."""
        self.reached: list[RestingOrder] = []
        """Those whose turn has come, in the order of the trades that did it."""
        self.moved: dict[int, RestingOrder] = {}
        """Those that began to follow, or whose best price moved, since this was last emptied."""

    def add(self, order: RestingOrder) -> None:
        self.orders[order.order_id] = order

    def remove(self, order: RestingOrder) -> None:
        """Take a waiting order out; it must be there."""
        if self.orders.pop(order.order_id, None) is None:
            self.reached.remove(order)
        self.moved.pop(order.order_id, None)

    def see(self, price: int, now_ns: int) -> None:
        """A trade at `price`."""
        for order in list(self.orders.values()):
            special, is_buy = order.special, order.is_buy
            assert special is not None  # noqa: S101 a trailing stop has its delta there
            if not special.tracking_ns:
                if self._activates(order, price):
                    order.note(tracking_ns=now_ns, extreme=price)
                    self.moved[order.order_id] = order
            elif price < special.extreme if is_buy else price > special.extreme:
                order.note(extreme=price)
                self.moved[order.order_id] = order
            elif self._turned(price, special.extreme, special.trailing_delta_bips, is_buy=is_buy):
                del self.orders[order.order_id]
                self.reached.append(order)

    def pop_reached(self) -> RestingOrder:
        """Take out the first order whose turn has come."""
        order = self.reached.pop(0)
        self.moved.pop(order.order_id, None)
        return order

    def take_moved(self) -> list[RestingOrder]:
        moved = list(self.moved.values())
        self.moved.clear()
        return moved

    @staticmethod
    def _activates(order: RestingOrder, price: int) -> bool:
        if not order.stop_price:
            return True
        if triggers_upward(order.order_type, is_buy=order.is_buy):
            return price >= order.stop_price
        return price <= order.stop_price

    @staticmethod
    def _turned(price: int, extreme: int, delta_bips: int, *, is_buy: bool) -> bool:
        if is_buy:
            return price * _WHOLE_BIPS >= extreme * (_WHOLE_BIPS + delta_bips)
        return price * _WHOLE_BIPS <= extreme * (_WHOLE_BIPS - delta_bips)
