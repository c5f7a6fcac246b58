"""Matches takers against the book in price-time priority and lets stops trigger on what traded."""

from core.domain.orders import OrderStatus, TimeInForce
from core.simulation.engine.book import BookSide
from core.simulation.engine.checks import cost
from core.simulation.engine.events import OrderChange
from core.simulation.engine.listing import Listing
from core.simulation.engine.resting import RestingOrder
from core.simulation.engine.settlement import Settlement

# Bound once: looking a member up in its enum costs more than comparing it.
_GTC, _FOK = TimeInForce.GTC, TimeInForce.FOK
_ANY_KEY = -(1 << 62)


class Matcher:
    """Works on one listing at a time; the caller logs book and balances afterwards."""

    __slots__ = ("_settlement",)

    def __init__(self, settlement: Settlement) -> None:
        self._settlement = settlement

    def work(self, listing: Listing, order: RestingOrder, now_ns: int) -> None:
        """An order begins to work: match it, then rest or expire what is left."""
        opposite = listing.asks if order.is_buy else listing.bids
        limit_key = order.price * opposite.sign if order.price else _ANY_KEY
        if opposite.keys and opposite.keys[-1] >= limit_key:
            wanted = order.remaining
            if order.time_in_force is not _FOK or opposite.available(limit_key, wanted) == wanted:
                self.take(listing, opposite, wanted, limit_key, now_ns, order)
            if not order.remaining:
                return
        if order.price and order.time_in_force is _GTC:
            own = listing.bids if order.is_buy else listing.asks
            own.add_order(order.price * own.sign, order)
        else:
            self.close(listing, order, OrderChange.EXPIRED, OrderStatus.EXPIRED, now_ns)

    def take(
        self,
        listing: Listing,
        side: BookSide,
        lots: int,
        limit_key: int,
        now_ns: int,
        taker: RestingOrder | None = None,
    ) -> int:
        """Take up to `lots` from `side`, no worse than `limit_key`, for an account's order or (`None`) for the house;
        the lots that found nobody.
        """
        keys, levels, queues, sign = side.keys, side.lots, side.queues, side.sign
        fill, buyer_is_maker = self._settlement.fill, sign > 0
        listing.begin_taker()
        while lots and keys and (key := keys[-1]) >= limit_key:
            price, total = key * sign, levels[key]
            queue = queues.get(key) if queues else None
            if queue is None:
                traded = total if total < lots else lots
                trade_id = listing.print_trade(price, traded, buyer_is_maker, now_ns)
                if taker is not None:
                    fill(listing, taker, price, traded, False, trade_id, now_ns)
                lots -= traded
                total -= traded
            else:
                while lots and queue:
                    entry_id, maker = next(iter(queue.items()))
                    there = maker[0] if isinstance(maker, list) else maker.remaining
                    traded = there if there < lots else lots
                    trade_id = listing.print_trade(price, traded, buyer_is_maker, now_ns)
                    if taker is not None:
                        fill(listing, taker, price, traded, False, trade_id, now_ns)
                    if isinstance(maker, list):
                        maker[0] -= traded
                    else:
                        fill(listing, maker, price, traded, True, trade_id, now_ns)
                    if traded == there:
                        del queue[entry_id]
                    lots -= traded
                    total -= traded
                side.drop_queue_without_orders(key, queue)
            if total:
                levels[key] = side.changed[key] = total
            else:
                side.clear_best()
        return lots

    def fill_resting(self, listing: Listing, side: BookSide, order: RestingOrder, lots: int, now_ns: int) -> None:
        """The house trades up to all that remains of one resting order, at its price and whoever stands before it."""
        listing.begin_taker()
        trade_id = listing.print_trade(order.price, lots, side.sign > 0, now_ns)
        self._settlement.fill(listing, order, order.price, lots, True, trade_id, now_ns)
        side.order_traded(order.price * side.sign, order, lots)

    def close(
        self,
        listing: Listing,
        order: RestingOrder,
        change: OrderChange,
        status: OrderStatus,
        now_ns: int,
        request_id: str | None = None,
    ) -> None:
        """End an order that is not on the book (any more) before it is filled."""
        self._settlement.release(order, listing.spec)
        order.status = status
        order.updated_ns = now_ns
        record = self._settlement.log_order(change, order, now_ns, None, request_id)
        order.account.orders[order.symbol].close(record)

    def run_stops(self, listing: Listing, now_ns: int) -> None:
        """Let every stop work that a trade has reached, and those that their trades reach."""
        while listing.stops_reached():
            order = listing.stops.pop_reached(listing.traded_low, listing.traded_high)
            if order is not None:
                self._trigger(listing, order, now_ns)
        listing.forget_traded_range()

    def _trigger(self, listing: Listing, order: RestingOrder, now_ns: int) -> None:
        order.account.orders[order.symbol].n_stops -= 1
        order.is_working = True
        order.working_ns = order.updated_ns = now_ns
        self._settlement.log_order(OrderChange.TRIGGERED, order, now_ns)
        if not order.price:
            self._settlement.release(order, listing.spec)
            if order.is_buy and cost(listing, order.remaining) > order.account.free.get(listing.spec.quote, 0):
                self.close(listing, order, OrderChange.EXPIRED, OrderStatus.EXPIRED, now_ns)
                return
        self.work(listing, order, now_ns)
