"""Matching of perpetuals in price-time priority. Orders that may only reduce never exceed the position they reduce.

What the resting orders of an account may take off a position is never more than the position: whenever a trade has made
it smaller, the excess is taken off the orders that are the least likely to trade, amended down or expired.
"""

from collections.abc import Callable, Mapping
from typing import cast

from core.domain.orders import OrderStatus, TimeInForce
from core.simulation.engine.book import BookSide
from core.simulation.engine.events import OrderChange
from core.simulation.engine.listing import Listing
from core.simulation.engine.perpetual.accounts import PerpetualAccount
from core.simulation.engine.perpetual.orders import PositionSide
from core.simulation.engine.perpetual.perpetual import Perpetual
from core.simulation.engine.perpetual.resting import PerpetualOrder
from core.simulation.engine.perpetual.settlement import Settlement
from core.simulation.engine.resting import RestingOrder

_IOC, _FOK = TimeInForce.IOC, TimeInForce.FOK
_ANY_KEY = -(1 << 62)


class PerpetualMatcher:
    """The caller logs books and accounts afterwards. `on_traded` lets conditional orders react to what traded.

    Orders of one account trade with each other: what would prevent that belongs into `take`, where a maker is found.
    """

    __slots__ = ("_perpetuals", "_settlement", "on_traded")

    def __init__(self, perpetuals: Mapping[str, Perpetual], settlement: Settlement) -> None:
        self._perpetuals = perpetuals
        self._settlement = settlement
        self.on_traded: Callable[[Listing, int], None] = _ignore

    def work(self, listing: Listing, order: PerpetualOrder, now_ns: int) -> None:
        """An order begins to work: match it, then rest or expire what is left."""
        opposite = listing.asks if order.is_buy else listing.bids
        limit_key = order.price * opposite.sign if order.price else _ANY_KEY
        if order.time_in_force is not _FOK or opposite.available(limit_key, order.remaining) == order.remaining:
            # Again, since trading with its own account an order that only reduces leaves the position as it was.
            while (wanted := _wanted(order)) and opposite.keys and opposite.keys[-1] >= limit_key:
                self.take(listing, opposite, wanted, limit_key, now_ns, order)
        if not order.remaining:
            return
        if not order.price or order.time_in_force in (_IOC, _FOK):
            self.close(listing, order, OrderChange.EXPIRED, OrderStatus.EXPIRED, now_ns)
            return
        own = listing.bids if order.is_buy else listing.asks
        own.add_order(order.price * own.sign, order)
        if order.reduces:
            order.account.in_symbol(order.symbol).reducing[order.order_id] = order
            self.trim(listing, order.account, order.position_side, now_ns)

    def take(
        self,
        listing: Listing,
        side: BookSide,
        lots: int,
        limit_key: int,
        now_ns: int,
        taker: PerpetualOrder | None = None,
    ) -> int:
        """Take up to `lots` from `side`, no worse than `limit_key`, for an account's order or (`None`) for the house;
        the lots that found nobody.
        """
        keys, levels, queues, sign = side.keys, side.lots, side.queues, side.sign
        fill, buyer_is_maker = self._settlement.fill, sign > 0
        listing.begin_taker()
        while lots and keys and (key := keys[-1]) >= limit_key:
            price, queue = key * sign, queues.get(key) if queues else None
            first_id, first = (0, [levels[key]]) if queue is None else next(iter(queue.items()))
            there = first[0] if isinstance(first, list) else first.remaining
            traded = there if there < lots else lots
            trade_id = listing.print_trade(price, traded, buyer_is_maker, now_ns)
            if taker is not None:
                fill(listing, taker, price, traded, False, trade_id, now_ns)
            lots -= traded
            if not isinstance(first, list):
                self._fill_maker(listing, side, first, traded, trade_id, now_ns)
            elif first_id:
                side.stretch_traded(key, first_id, traded)
            elif traded == there:
                side.clear_best()
            else:
                levels[key] = side.changed[key] = there - traded
        if taker is not None:
            self.trim(listing, taker.account, taker.position_side, now_ns)
        return lots

    def fill_resting(self, listing: Listing, side: BookSide, order: RestingOrder, lots: int, now_ns: int) -> None:
        """The house trades up to all that remains of one resting order, at its price and whoever stands before it."""
        listing.begin_taker()
        trade_id = listing.print_trade(order.price, lots, side.sign > 0, now_ns)
        self._fill_maker(listing, side, order, lots, trade_id, now_ns)

    def withdraw(self, listing: Listing, order: PerpetualOrder) -> None:
        """Take an order off the book; it is to be closed, or to work again, next."""
        side = listing.bids if order.is_buy else listing.asks
        side.remove_order(order.price * side.sign, order)
        order.account.in_symbol(order.symbol).reducing.pop(order.order_id, None)

    def close(
        self,
        listing: Listing,
        order: PerpetualOrder,
        change: OrderChange,
        status: OrderStatus,
        now_ns: int,
        request_id: str | None = None,
    ) -> None:
        """End an order that is not on the book (any more) before it is filled."""
        self._settlement.release(order)
        order.status = status
        order.updated_ns = now_ns
        record = self._settlement.log_order(change, order, now_ns, None, request_id)
        self._settlement.forget(order, record)

    def run_stops(self, listing: Listing, now_ns: int) -> None:
        self.on_traded(listing, now_ns)

    def trim(self, listing: Listing, account: PerpetualAccount, side: PositionSide, now_ns: int) -> None:
        """Take off resting orders what exceeds the position that they may only reduce."""
        reducing = account.in_symbol(listing.spec.name).reducing
        if not reducing:
            return
        position = account.position(listing.spec.name, side)
        for is_buy in (True, False):
            orders = [order for order in reducing.values() if order.is_buy is is_buy and order.position_side is side]
            allowed = -position.lots if is_buy else position.lots
            excess = sum(order.remaining for order in orders) - max(0, allowed)
            if excess <= 0:
                continue
            orders.sort(key=lambda order: (order.price if order.is_buy else -order.price, -order.order_id))
            for order in orders:
                taken = min(excess, order.remaining)
                self._shrink(listing, order, taken, now_ns)
                excess -= taken
                if not excess:
                    break

    def shrink(self, listing: Listing, order: PerpetualOrder, lots: int, now_ns: int) -> None:
        """A resting order loses `lots`, fewer than all that remains, and keeps its place."""
        order.quantity -= lots
        order.remaining -= lots
        order.updated_ns = now_ns
        if order.lock:
            order.account.reserve(order, order.price * order.remaining * listing.spec.notional_num)
        side = listing.bids if order.is_buy else listing.asks
        side.order_traded(order.price * side.sign, order, lots)
        self._settlement.log_order(OrderChange.AMENDED, order, now_ns)

    def _shrink(self, listing: Listing, order: PerpetualOrder, lots: int, now_ns: int) -> None:
        if lots < order.remaining:
            self.shrink(listing, order, lots, now_ns)
            return
        self.withdraw(listing, order)
        self.close(listing, order, OrderChange.EXPIRED, OrderStatus.EXPIRED, now_ns)

    def _fill_maker(
        self, listing: Listing, side: BookSide, maker: RestingOrder, lots: int, trade_id: int, now_ns: int
    ) -> None:
        order = cast(PerpetualOrder, maker)
        self._settlement.fill(listing, order, order.price, lots, True, trade_id, now_ns)
        side.order_traded(order.price * side.sign, order, lots)
        self.trim(listing, order.account, order.position_side, now_ns)


def _wanted(order: PerpetualOrder) -> int:
    """Lots that an order may trade now."""
    if not order.reduces:
        return order.remaining
    held = order.account.position(order.symbol, order.position_side).lots
    return min(order.remaining, max(0, -held if order.is_buy else held))


def _ignore(_listing: Listing, _now_ns: int) -> None:
    """Nothing waits."""
