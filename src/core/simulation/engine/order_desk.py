"""Where orders are handed in: taken, cancelled, replaced, amended, one by one or as lists."""

from core.domain.instruments import InstrumentStatus
from core.domain.orders import OrderStatus
from core.simulation.engine.accounts import Account
from core.simulation.engine.amending import check_amendment, shrink
from core.simulation.engine.checks import Ticket, check_owner, read_order
from core.simulation.engine.events import ListRecord, ListStatus, OrderChange
from core.simulation.engine.listing import Listing
from core.simulation.engine.matching import Matcher
from core.simulation.engine.order_lists import NewOrderList, OrderGroup, check_list
from core.simulation.engine.orders import NewOrder, OrderRecord
from core.simulation.engine.refusals import Refusal, RefusalKind
from core.simulation.engine.requests import Amend, Amended, Cancel, PlacedList, Replaced
from core.simulation.engine.resting import RestingOrder
from core.simulation.engine.settlement import Settlement, need, shares
from core.simulation.engine.special import Amendment
from core.simulation.engine.stops import STOP_TYPES
from core.simulation.engine.trailing import start_tracking

# Bound once: looking a member up in its enum costs more than comparing it.
_TRADING, _NEW_ORDER, _NEW = InstrumentStatus.TRADING, OrderStatus.NEW, OrderChange.NEW
_MAY_CHANGE = frozenset(
    (
        RefusalKind.WOULD_MATCH,
        RefusalKind.WOULD_TRIGGER,
        RefusalKind.DUPLICATE_ORDER,
        RefusalKind.INSUFFICIENT_BALANCE,
    )
)
"""What another order's cancellation may put right, or may come to be by the time."""
MOST_LISTS = 20
"""What the MAX_NUM_ORDER_LISTS filter allows an account in one symbol."""


class OrderDesk:
    """Changes one listing's book at a time; the exchange logs book and balances afterwards. All raise `Refusal`."""

    def __init__(self, settlement: Settlement, matcher: Matcher) -> None:
        self._settlement = settlement
        self._matcher = matcher
        self.last_order_id = 0
        self.last_list_id = 0

    def check(self, owner: Account, listing: Listing, order: NewOrder) -> Ticket:
        """All that `submit` checks, changing nothing."""
        spec = listing.spec
        if spec.instrument.status is not _TRADING:
            raise Refusal(RefusalKind.SYMBOL_NOT_TRADING, order.symbol)
        ticket = read_order(listing, order, owner)
        paid_in = spec.quote if ticket.is_buy else spec.base
        check_owner(spec, owner.in_symbol(order.symbol), order, ticket.funds, owner.free.get(paid_in, 0))
        return ticket

    def submit(self, owner: Account, listing: Listing, order: NewOrder, now_ns: int) -> OrderRecord:
        """Take an order: the record after all that happened at once."""
        taken = self._take(owner, listing, order, self.check(owner, listing, order), now_ns)
        if taken.is_working:
            self._matcher.work(listing, taken, now_ns)
            if taken.remaining < taken.quantity:
                self._matcher.run_stops(listing, now_ns)
        else:
            self._matcher.begin(listing, taken, now_ns)
        return taken.latest

    def cancel(
        self,
        listing: Listing,
        order: RestingOrder,
        now_ns: int,
        request_id: str | None,
        only_in: OrderStatus | None = None,
    ) -> OrderRecord:
        """Cancel one open order, and with it what depends on it."""
        if only_in is not None and order.status is not only_in:
            raise Refusal(RefusalKind.CANCEL_RESTRICTED, order.status.value)
        self._matcher.withdraw(listing, order)
        self._matcher.close(listing, order, OrderChange.CANCELED, OrderStatus.CANCELLED, now_ns, request_id)
        return order.latest

    def cancel_all(self, owner: Account, listing: Listing, now_ns: int, request_id: str | None) -> list[OrderRecord]:
        """Cancel all open orders of a symbol."""
        owned = owner.orders.get(listing.spec.name)
        if owned is None or not owned.open:
            raise Refusal(RefusalKind.UNKNOWN_ORDER)
        orders = list(owned.open.values())
        for order in orders:
            if order.order_id in owned.open:  # it may have gone with another one of its list
                self.cancel(listing, order, now_ns, request_id)
        return [order.latest for order in orders]

    def replace(
        self, owner: Account, listing: Listing, cancel: Cancel, order: NewOrder, now_ns: int, *, stop_on_failure: bool
    ) -> Replaced:
        """Cancel one order and submit another; filters and counts are checked before either is tried."""
        self._check_filters(listing, owner, order)
        try:
            old = find_open(owner, cancel.symbol, cancel.order_id, cancel.client_order_id)
            cancelled: OrderRecord | Refusal = self.cancel(listing, old, now_ns, cancel.request_id, cancel.only_in)
        except Refusal as refusal:
            if stop_on_failure:
                return Replaced(refusal, None)
            cancelled = refusal
        try:
            return Replaced(cancelled, self.submit(owner, listing, order, now_ns))
        except Refusal as refusal:
            return Replaced(cancelled, refusal)

    def amend(self, owner: Account, listing: Listing, amend: Amend, now_ns: int) -> Amended:
        """Make an open order smaller where it stands; the other one of an OCO with it."""
        order = find_open(owner, amend.symbol, amend.order_id, amend.client_order_id)
        owned = owner.orders[amend.symbol]
        group = order.group
        pair = [order] if group is None or group.working is order else group.others
        quantity = check_amendment(listing, order, amend.quantity)
        old_name = order.client_order_id
        new_name = amend.new_client_order_id or f"venue-amended-{self._settlement.next_sequence()}"
        if new_name != old_name and new_name in owned.open_by_client_id:
            raise Refusal(RefusalKind.DUPLICATE_ORDER, new_name)
        owned.rename(order, new_name)
        made = []
        for each in [order, *(other for other in pair if other is not order)]:
            before = each.quantity
            shrink(listing, each, quantity, now_ns)
            name = old_name if each is order else each.client_order_id
            amendment = Amendment(
                owner.key,
                amend.symbol,
                each.order_id,
                self._settlement.next_sequence(),
                name,
                each.client_order_id,
                before,
                quantity,
                now_ns,
            )
            owned.amendments.append(amendment)
            made.append(amendment)
            self._settlement.log_order(OrderChange.REPLACED, each, now_ns, None, name, amendment)
        self._relock(listing, pair)
        if group is not None and new_name != old_name:
            self._settlement.log_list(group, ListStatus.UPDATED, now_ns)
        return Amended(order.latest, made[0], None if group is None else group.record)

    def submit_list(self, owner: Account, listing: Listing, wanted: NewOrderList, now_ns: int) -> PlacedList:
        """Take an order list."""
        tickets = self._admit_list(owner, listing, wanted)
        self.last_list_id = list_id = self.last_list_id + 1
        asked = zip(wanted.orders, tickets, strict=True)
        orders = [self._new(owner, order, ticket, now_ns) for order, ticket in asked]
        group = self._group(owner, wanted, list_id, orders, now_ns)
        self._settlement.log_list(group, ListStatus.EXECUTING, now_ns)
        live = orders if wanted.working is None else orders[:1]
        for order, lock in zip(live, shares(live, listing.spec), strict=True):
            self._settlement.relock(order, listing.spec, lock)
            start_tracking(order, listing.last_price, now_ns)
        owned = owner.orders[wanted.symbol]
        for order in orders:
            owned.add(order)
            owned.n_stops += order.order_type in STOP_TYPES
            self._settlement.log_order(_NEW, order, now_ns)
        for order in live:
            self._matcher.begin(listing, order, now_ns)
        placed = PlacedList(group.record, [order.latest for order in orders])
        self._matcher.run_stops(listing, now_ns)
        return placed

    def cancel_list(
        self,
        owner: Account,
        listing: Listing,
        list_id: int | None,
        client_list_id: str | None,
        now_ns: int,
        request_id: str | None,
    ) -> PlacedList:
        """Cancel what is open of a list."""
        group = owner.lists.find_open(list_id, client_list_id)
        if group is None or group.symbol != listing.spec.name:
            raise Refusal(RefusalKind.UNKNOWN_LIST)
        orders = group.legs
        self.cancel(listing, orders[0], now_ns, request_id)
        return PlacedList(group.record, [order.latest for order in orders])

    # Inside

    def _check_filters(self, listing: Listing, owner: Account, order: NewOrder) -> None:
        """Refuse what its own parameters, the symbol's filters or the order count forbid; the rest may change."""
        try:
            self.check(owner, listing, order)
        except Refusal as refusal:
            if refusal.kind not in _MAY_CHANGE:
                raise

    def _take(self, owner: Account, listing: Listing, order: NewOrder, ticket: Ticket, now_ns: int) -> RestingOrder:
        """Give an admitted order its id, lock what it may cost and log it as new."""
        taken, special = self._new(owner, order, ticket, now_ns), ticket.special
        if ticket.price or ticket.stop_price:
            spec = listing.spec
            self._settlement.lock(taken, spec.quote if ticket.is_buy else spec.base, ticket.funds)
        elif special is not None and special.trailing_delta_bips:
            self._settlement.relock(taken, listing.spec, need(taken, listing.spec))
        if special is not None:
            start_tracking(taken, listing.last_price, now_ns)
        owned = owner.orders[order.symbol]
        owned.add(taken)
        if not taken.is_working:
            owned.n_stops += 1
        self._settlement.log_order(_NEW, taken, now_ns)
        return taken

    def _new(self, owner: Account, order: NewOrder, ticket: Ticket, now_ns: int) -> RestingOrder:
        """An order with its id, nothing locked yet."""
        self.last_order_id = order_id = self.last_order_id + 1
        special = ticket.special
        works_at_once = order.order_type not in STOP_TYPES and (special is None or not special.is_pending)
        taken = RestingOrder(
            owner,
            order.symbol,
            order_id,
            order.client_order_id if order.client_order_id is not None else f"venue-{order_id}",
            order.side,
            ticket.is_buy,
            order.order_type,
            ticket.time_in_force,
            ticket.price,
            ticket.stop_price,
            ticket.quantity,
            ticket.quote_quantity,
            ticket.quantity,
            0,
            _NEW_ORDER,
            works_at_once,
            0,
            now_ns,
            now_ns,
            now_ns if works_at_once else 0,
        )
        if special is not None:
            taken.special = special
            taken.take_special()
        return taken

    def _admit_list(self, owner: Account, listing: Listing, wanted: NewOrderList) -> list[Ticket]:
        if listing.spec.instrument.status is not _TRADING:
            raise Refusal(RefusalKind.SYMBOL_NOT_TRADING, wanted.symbol)
        if wanted.client_list_id is not None and wanted.client_list_id in owner.lists.by_client_id:
            raise Refusal(RefusalKind.DUPLICATE_LIST, wanted.client_list_id)
        if sum(1 for group in owner.lists.open.values() if group.symbol == wanted.symbol) >= MOST_LISTS:
            raise Refusal(RefusalKind.MAX_NUM_ORDER_LISTS, f"{MOST_LISTS} are open")
        for pending in wanted.pair if wanted.working is not None else ():
            if pending.quantity is None:
                raise Refusal(RefusalKind.LIST_PENDING_TYPE)
        # First without the present market: what depends on it is said in the words of lists.
        drafts = [read_order(listing, order, owner, is_pending=True) for order in wanted.pair]
        prices = tuple(
            ticket.stop_price if order.order_type in STOP_TYPES else ticket.price
            for order, ticket in zip(wanted.pair, drafts, strict=True)
        )
        check_list(wanted, listing.last_price, prices)
        tickets = [
            read_order(listing, order, owner, is_pending=wanted.working is not None and order is not wanted.working)
            for order in wanted.orders
        ]
        self._check_list_owner(owner, listing, wanted, tickets)
        return tickets

    def _check_list_owner(self, owner: Account, listing: Listing, wanted: NewOrderList, tickets: list[Ticket]) -> None:
        spec, owned = listing.spec, owner.in_symbol(wanted.symbol)
        names = [order.client_order_id for order in wanted.orders if order.client_order_id is not None]
        if len(set(names)) < len(names):
            raise Refusal(RefusalKind.DUPLICATE_ORDER, names[0])
        stops = 0
        for index, order in enumerate(wanted.orders):
            check_owner(spec, owned, order, 0, 0, beside=index, stops=stops)
            stops += order.order_type in STOP_TYPES
        live = tickets if wanted.working is None else tickets[:1]
        funds = max(ticket.funds for ticket in live)
        free = owner.free.get(spec.quote if live[0].is_buy else spec.base, 0)
        if free < funds:
            raise Refusal(RefusalKind.INSUFFICIENT_BALANCE, f"needs {funds} atoms, has {free}")

    def _group(
        self, owner: Account, wanted: NewOrderList, list_id: int, orders: list[RestingOrder], now_ns: int
    ) -> OrderGroup:
        name = wanted.client_list_id if wanted.client_list_id is not None else f"venue-list-{list_id}"
        record = ListRecord(
            owner.key,
            wanted.symbol,
            list_id,
            name,
            "OCO" if wanted.working is None else "OTO",
            ListStatus.EXECUTING,
            tuple((order.order_id, order.client_order_id) for order in orders),
            now_ns,
            now_ns,
        )
        working = None if wanted.working is None else orders[0]
        others = orders if working is None else orders[1:]
        group = OrderGroup(owner, wanted.symbol, list_id, name, working, others, record)
        for order in orders:
            order.note(list_id=list_id)
            order.group = group
        owner.lists.add(group)
        return group

    def _relock(self, listing: Listing, orders: list[RestingOrder]) -> None:
        """Free what orders that have become smaller no longer need; of a pair they share it."""
        if any(order.lock for order in orders):
            for order, lock in zip(orders, shares(orders, listing.spec), strict=True):
                self._settlement.relock(order, listing.spec, lock)


def find_open(owner: Account, symbol: str, order_id: int | None, client_order_id: str | None) -> RestingOrder:
    """The open order that fits every id given. Raises `Refusal`."""
    owned = owner.orders.get(symbol)
    order = owned.find_open(order_id, client_order_id) if owned is not None else None
    if order is not None:
        return order
    if owned is not None and order_id in owned.open:
        raise Refusal(RefusalKind.WRONG_CLIENT_ID)
    raise Refusal(RefusalKind.UNKNOWN_ORDER)
