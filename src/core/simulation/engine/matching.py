"""Matches takers against the book in price-time priority and lets stops trigger on what traded."""

from core.domain.orders import OrderStatus, TimeInForce
from core.simulation.engine.book import BookSide, Queue
from core.simulation.engine.checks import cost
from core.simulation.engine.contingencies import Contingencies
from core.simulation.engine.events import OrderChange
from core.simulation.engine.iceberg import show_slice, take_shown
from core.simulation.engine.listing import Listing
from core.simulation.engine.resting import RestingOrder
from core.simulation.engine.self_trade import lose, prevented_match
from core.simulation.engine.settlement import Settlement, need
from core.simulation.engine.special import ExpiryReason, PreventedMatch, Special
from core.simulation.engine.stops import STOP_TYPES

# Bound once: looking a member up in its enum costs more than comparing it.
_GTC, _FOK = TimeInForce.GTC, TimeInForce.FOK
_ANY_KEY = -(1 << 62)
_UNFILLED = {
    TimeInForce.IOC: ExpiryReason.UNFILLED_IOC_QUANTITY_EXPIRED,
    TimeInForce.FOK: ExpiryReason.UNFILLED_FOK_ORDER_EXPIRED,
    TimeInForce.GTC: ExpiryReason.INSUFFICIENT_LIQUIDITY,
}
"""By time in force; market orders bear GTC."""

_EXPIRED = {reason: Special(expiry_reason=reason) for reason in ExpiryReason}
"""Made once: most orders that expire are ordinary ones."""


class Matcher:
    """Works on one listing at a time; the caller logs book and balances afterwards."""

    __slots__ = ("_lists", "_settlement")

    def __init__(self, settlement: Settlement) -> None:
        self._settlement = settlement
        self._lists = Contingencies(self, settlement)

    def begin(self, listing: Listing, order: RestingOrder, now_ns: int) -> None:
        """An order that is taken, or whose turn has come, waits for its trigger or works."""
        if order.order_type not in STOP_TYPES:
            self.work(listing, order, now_ns)
        elif order.special is not None and order.special.trailing_delta_bips:
            listing.trailing.add(order)
        else:
            listing.stops.add(order)

    def work(self, listing: Listing, order: RestingOrder, now_ns: int) -> None:
        """An order begins to work: match it, then rest or expire what is left."""
        opposite = listing.asks if order.is_buy else listing.bids
        limit_key = order.price * opposite.sign if order.price else _ANY_KEY
        if opposite.keys and opposite.keys[-1] >= limit_key:
            wanted = order.remaining
            if order.time_in_force is not _FOK or self._can_fill(opposite, limit_key, order):
                self.take(listing, opposite, wanted, limit_key, now_ns, order)
            if not order.remaining:
                if order.group is not None:
                    self._lists.traded(listing, order, now_ns)
                return
        if order.price and order.time_in_force is _GTC:
            if order.iceberg:
                show_slice(order)
            own = listing.bids if order.is_buy else listing.asks
            own.add_order(order.price * own.sign, order)
        else:
            self.expire(listing, order, _UNFILLED[order.time_in_force], now_ns)

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
        owner = taker.account if taker is not None and taker.prevention is not None else None
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
                    fresh = 0
                    if isinstance(maker, list):
                        there = maker[0]
                    elif taker is not None and maker.account is owner:
                        total += self._prevent(listing, queue, taker, maker, price, now_ns)
                        lots = taker.remaining
                        continue
                    else:
                        there = maker.shown if maker.iceberg else maker.remaining
                    traded = there if there < lots else lots
                    trade_id = listing.print_trade(price, traded, buyer_is_maker, now_ns)
                    if taker is not None:
                        fill(listing, taker, price, traded, False, trade_id, now_ns)
                    if isinstance(maker, list):
                        maker[0] -= traded
                    else:
                        if maker.iceberg:
                            fresh = take_shown(maker, traded, now_ns)
                        fill(listing, maker, price, traded, True, trade_id, now_ns)
                        if maker.group is not None:
                            self._lists.traded(listing, maker, now_ns)
                    lots -= traded
                    total += fresh - traded
                    if fresh:
                        queue.move_to_end(entry_id)
                    elif traded == there:
                        del queue[entry_id]
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
        before = order.displayed
        fresh = take_shown(order, lots, now_ns) if order.iceberg else 0
        self._settlement.fill(listing, order, order.price, lots, True, trade_id, now_ns)
        side.order_shrank(order.price * side.sign, order, before, requeue=bool(fresh))
        if order.group is not None:
            self._lists.traded(listing, order, now_ns)

    def withdraw(self, listing: Listing, order: RestingOrder) -> None:
        """Take an open order off the book, or from where it waits; it is to be closed next."""
        if order.is_working:
            side = listing.bids if order.is_buy else listing.asks
            side.remove_order(order.price * side.sign, order)
            return
        if order.order_type not in STOP_TYPES:
            return
        order.account.orders[order.symbol].n_stops -= 1
        special = order.special
        if special is not None and special.trailing_delta_bips:
            if not special.is_pending:
                listing.trailing.remove(order)
        elif not order.is_pending:
            listing.stops.remove(order)

    def expire(self, listing: Listing, order: RestingOrder, reason: ExpiryReason, now_ns: int) -> None:
        """End an order that is not on the book (any more), for the exchange's reason."""
        if order.special is None:
            order.special = _EXPIRED[reason]
        else:
            order.note(expiry_reason=reason)
        self.close(listing, order, OrderChange.EXPIRED, OrderStatus.EXPIRED, now_ns)

    def close(
        self,
        listing: Listing,
        order: RestingOrder,
        change: OrderChange,
        status: OrderStatus,
        now_ns: int,
        request_id: str | None = None,
        detail: PreventedMatch | None = None,
    ) -> None:
        """End an order that is not on the book (any more) before it is filled; others of its list end with it."""
        self._settlement.release(order, listing.spec)
        order.status = status
        order.shown = 0
        order.updated_ns = now_ns
        record = self._settlement.log_order(change, order, now_ns, None, request_id, detail)
        order.account.orders[order.symbol].close(record)
        if order.group is not None:
            self._lists.closed(listing, order, change, now_ns, request_id)

    def release(self, listing: Listing, order: RestingOrder, now_ns: int) -> None:
        """A pending order's turn has come: it works, or waits for its trigger."""
        if order.order_type not in STOP_TYPES:
            order.is_working = True
            order.working_ns = now_ns
        self._settlement.log_order(OrderChange.RELEASED, order, now_ns)

    def run_stops(self, listing: Listing, now_ns: int) -> None:
        """Let every stop work that a trade has reached, and pending orders whose turn has come, and those that their
        trades reach."""
        while True:
            if listing.stops_reached():
                order = listing.stops.pop_reached(listing.traded_low, listing.traded_high)
                if order is not None:
                    self._trigger(listing, order, now_ns)
            elif listing.trailing.reached:
                self._trigger(listing, listing.trailing.pop_reached(), now_ns)
            elif listing.due_lists:
                # What traded before an order's turn came is not its business.
                listing.forget_traded_range()
                self._lists.take_turn(listing, listing.due_lists.pop(0), now_ns)
            else:
                break
        listing.forget_traded_range()
        if listing.trailing.moved:
            for moved in listing.trailing.take_moved():
                self._settlement.log_order(OrderChange.TRACKED, moved, now_ns)

    def trigger(self, listing: Listing, order: RestingOrder, now_ns: int) -> None:
        """Let a stop that waits for its price work now, as if a trade had reached it."""
        is_trailing = order.special is not None and order.special.trailing_delta_bips
        (listing.trailing if is_trailing else listing.stops).remove(order)
        self._trigger(listing, order, now_ns)
        self.run_stops(listing, now_ns)

    def _trigger(self, listing: Listing, order: RestingOrder, now_ns: int) -> None:
        if order.group is not None:
            self._lists.activated(listing, order, now_ns)
        order.account.orders[order.symbol].n_stops -= 1
        order.is_working = True
        order.working_ns = order.updated_ns = now_ns
        self._settlement.log_order(OrderChange.TRIGGERED, order, now_ns)
        if not order.price:
            self._settlement.release(order, listing.spec)
            spared = order.account if order.prevention is not None else None
            if order.is_buy and cost(listing, order.remaining, spared) > order.account.free.get(listing.spec.quote, 0):
                self.expire(listing, order, ExpiryReason.EXCHANGE_CANCELED, now_ns)
                return
        self.work(listing, order, now_ns)

    @staticmethod
    def _can_fill(side: BookSide, limit_key: int, order: RestingOrder) -> bool:
        spared = order.account if order.prevention is not None else None
        return side.available(limit_key, order.remaining, spared) == order.remaining

    def _prevent(
        self, listing: Listing, queue: Queue, taker: RestingOrder, maker: RestingOrder, price: int, now_ns: int
    ) -> int:
        """Keep two orders of one account from trading; how many lots more (less: negative) the maker's level shows."""
        listing.prevented_match_id += 1
        match = prevented_match(taker, maker, price, listing.prevented_match_id, now_ns)
        taker.account.orders[taker.symbol].prevented.append(match)
        displayed = maker.displayed
        if match.maker_prevented:
            fresh = take_shown(maker, match.maker_prevented, now_ns) if maker.iceberg else 0
            self._lose(listing, maker, match.maker_prevented, match, now_ns)
            if not maker.remaining:
                del queue[maker.order_id]
            elif fresh:
                queue.move_to_end(maker.order_id)
        if match.taker_prevented:
            self._lose(listing, taker, match.taker_prevented, match, now_ns)
        return maker.displayed - displayed

    def _lose(self, listing: Listing, order: RestingOrder, lots: int, match: PreventedMatch, now_ns: int) -> None:
        lose(order, lots, match, now_ns)
        if not order.remaining:
            change = OrderChange.TRADE_PREVENTION
            self.close(listing, order, change, OrderStatus.EXPIRED, now_ns, None, match)
            return
        if order.lock:
            self._settlement.relock(order, listing.spec, need(order, listing.spec))
        self._settlement.log_order(OrderChange.TRADE_PREVENTION, order, now_ns, None, None, match)
        if order.group is not None:
            self._lists.traded(listing, order, now_ns)
