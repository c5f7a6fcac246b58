"""What happens in an order list when one of its orders trades, triggers, or ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.orders import OrderStatus
from core.simulation.engine.checks import check_turn, cost
from core.simulation.engine.events import ListStatus, OrderChange
from core.simulation.engine.listing import Listing
from core.simulation.engine.order_lists import OrderGroup
from core.simulation.engine.refusals import Refusal, RefusalKind
from core.simulation.engine.resting import RestingOrder
from core.simulation.engine.settlement import Settlement, need, shares
from core.simulation.engine.special import ExpiryReason
from core.simulation.engine.trailing import start_tracking, trigger_price

if TYPE_CHECKING:
    from core.simulation.engine.matching import Matcher


class Contingencies:
    """Called by the matcher for orders whose list is not done (`order.group`)."""

    __slots__ = ("_matcher", "_settlement")

    def __init__(self, matcher: Matcher, settlement: Settlement) -> None:
        self._matcher = matcher
        self._settlement = settlement

    def traded(self, listing: Listing, order: RestingOrder, now_ns: int) -> None:
        """An order of a list has traded: others of a pair expire; a working order that has filled makes the pending
        ones due."""
        group = order.group
        if group is None:
            return
        if group.working is not order:
            self.activated(listing, order, now_ns)
        elif not order.remaining:
            order.group = group.working = None
            listing.due_lists.append(group)

    def activated(self, listing: Listing, order: RestingOrder, now_ns: int) -> None:
        """One order of a pair trades or triggers: the other expires, and the list is done."""
        group = order.group
        if group is None:
            return
        self._end_others(listing, group, order, now_ns, ExpiryReason.OCO_TRIGGER)
        if order.remaining:
            self._settlement.relock(order, listing.spec, need(order, listing.spec))

    def closed(
        self, listing: Listing, order: RestingOrder, change: OrderChange, now_ns: int, request_id: str | None
    ) -> None:
        """An order of a list was cancelled or has expired, and takes the others with it."""
        group = order.group
        if group is None:
            return
        is_first = group.working is order
        reason = ExpiryReason.OTO_PHASE_ONE_EXPIRED if is_first else ExpiryReason.OCO_TRIGGER
        self._end_others(listing, group, order, now_ns, None if change is OrderChange.CANCELED else reason, request_id)

    def take_turn(self, listing: Listing, group: OrderGroup, now_ns: int) -> None:
        """The working order has filled: place what is pending, or let it expire if that can't be."""
        orders, spec, settlement = group.others, listing.spec, self._settlement
        for order in orders:
            if order.special is not None and order.special.reserve_price:
                delta_bips = order.special.trailing_delta_bips
                order.note(reserve_price=trigger_price(listing.last_price, delta_bips, is_buy=order.is_buy))
        locks = shares(orders, spec)
        try:
            self._check(listing, orders, sum(locks))
        except Refusal:
            self._reject(listing, group, now_ns)
            return
        for order, lock in zip(orders, locks, strict=True):
            order.note(is_pending=False)
            order.updated_ns = now_ns
            settlement.relock(order, spec, lock)
            start_tracking(order, listing.last_price, now_ns)
            self._matcher.release(listing, order, now_ns)
        if len(orders) == 1:
            orders[0].group = None
            self._finish(group, now_ns)
        else:
            settlement.log_list(group, ListStatus.EXECUTING, now_ns)
        for order in orders:
            self._matcher.begin(listing, order, now_ns)

    def _check(self, listing: Listing, orders: list[RestingOrder], funds: int) -> None:
        for order in orders:
            check_turn(listing, order)
        first, spec = orders[0], listing.spec
        if first.is_buy and not funds:
            funds = cost(listing, first.remaining, first.account if first.prevention is not None else None)
        if first.account.free.get(spec.quote if first.is_buy else spec.base, 0) < funds:
            raise Refusal(RefusalKind.INSUFFICIENT_BALANCE)

    def _reject(self, listing: Listing, group: OrderGroup, now_ns: int) -> None:
        orders = group.others
        for order in orders:
            order.group = None
        for order in orders:
            self._end(listing, order, now_ns, ExpiryReason.REJECTED, None)
        self._finish(group, now_ns)

    def _end_others(
        self,
        listing: Listing,
        group: OrderGroup,
        order: RestingOrder,
        now_ns: int,
        reason: ExpiryReason | None,
        request_id: str | None = None,
    ) -> None:
        """`reason` `None`: they are cancelled."""
        legs = group.legs
        for leg in legs:
            leg.group = None
        for leg in legs:
            if leg is not order:
                self._end(listing, leg, now_ns, reason, request_id)
        self._finish(group, now_ns)

    def _end(
        self, listing: Listing, order: RestingOrder, now_ns: int, reason: ExpiryReason | None, request_id: str | None
    ) -> None:
        self._matcher.withdraw(listing, order)
        if reason is None:
            self._matcher.close(listing, order, OrderChange.CANCELED, OrderStatus.CANCELLED, now_ns, request_id)
        else:
            self._matcher.expire(listing, order, reason, now_ns)

    def _finish(self, group: OrderGroup, now_ns: int) -> None:
        record = self._settlement.log_list(group, ListStatus.ALL_DONE, now_ns)
        group.account.lists.finish(record)
