"""The order desk: takes, amends and cancels orders proper of all perpetuals."""

from collections.abc import Mapping
from decimal import Decimal

from core.domain.orders import OrderStatus, OrderType, TimeInForce
from core.simulation.engine.events import OrderChange
from core.simulation.engine.perpetual.accounts import PerpetualAccount
from core.simulation.engine.perpetual.checks import (
    Ticket,
    check_order,
    check_terms,
    crosses,
    read_order,
    read_price,
    read_quantity,
)
from core.simulation.engine.perpetual.conditional import AlgoOrder
from core.simulation.engine.perpetual.margin import MarginBook
from core.simulation.engine.perpetual.matching import PerpetualMatcher
from core.simulation.engine.perpetual.orders import NewPerpetualOrder
from core.simulation.engine.perpetual.perpetual import Perpetual
from core.simulation.engine.perpetual.resting import PerpetualOrder
from core.simulation.engine.perpetual.settlement import Settlement
from core.simulation.engine.refusals import Refusal, RefusalKind


class OrderDesk:
    """The caller logs books and accounts afterwards."""

    __slots__ = ("_margins", "_matcher", "_perpetuals", "_settlement", "last_order_id")

    def __init__(
        self,
        perpetuals: Mapping[str, Perpetual],
        matcher: PerpetualMatcher,
        settlement: Settlement,
        margins: MarginBook,
    ) -> None:
        self._perpetuals = perpetuals
        self._matcher = matcher
        self._settlement = settlement
        self._margins = margins
        self.last_order_id = 0

    def admit(self, account: PerpetualAccount, order: NewPerpetualOrder, now_ns: int) -> Ticket:
        """Check an order whole. Raises `Refusal`."""
        perpetual = self._perpetuals[order.symbol]
        ticket = read_order(perpetual, account, order, now_ns)
        check_order(self._margins, perpetual, account, ticket)
        return ticket

    def admit_child(self, algo: AlgoOrder, ticket: Ticket) -> None:
        """Check the order proper of a conditional one. Raises `Refusal`."""
        check_order(self._margins, self._perpetuals[algo.symbol], algo.account, ticket)

    def take(
        self,
        account: PerpetualAccount,
        perpetual: Perpetual,
        ticket: Ticket,
        now_ns: int,
        *,
        algo: AlgoOrder | None = None,
    ) -> PerpetualOrder:
        """Give an admitted order its id, log it as new, and let it work."""
        order = self.new_order(account, perpetual, ticket, now_ns, algo)
        self._matcher.work(perpetual.listing, order, now_ns)
        return order

    def new_order(
        self,
        account: PerpetualAccount,
        perpetual: Perpetual,
        ticket: Ticket,
        now_ns: int,
        algo: AlgoOrder | None = None,
        *,
        is_liquidation: bool = False,
    ) -> PerpetualOrder:
        """An open order that does not work yet."""
        self.last_order_id = order_id = self.last_order_id + 1
        client_order_id = ticket.client_order_id
        if client_order_id is None:
            client_order_id = f"autoclose-{order_id}" if is_liquidation else f"venue-{order_id}"
        order = PerpetualOrder(
            account=account,
            symbol=perpetual.name,
            order_id=order_id,
            client_order_id=client_order_id,
            side=ticket.side,
            is_buy=ticket.is_buy,
            order_type=OrderType.LIMIT if ticket.price else OrderType.MARKET,
            time_in_force=ticket.time_in_force,
            price=ticket.price,
            stop_price=0,
            quantity=ticket.quantity,
            quote_quantity=0,
            remaining=ticket.quantity,
            filled_quote=0,
            status=OrderStatus.NEW,
            is_working=True,
            lock=0,
            created_ns=now_ns,
            updated_ns=now_ns,
            working_ns=now_ns,
            position_side=ticket.position_side,
            reduces=ticket.reduces,
            reduce_only=ticket.reduce_only,
            close_position=algo is not None and algo.close_position,
            good_till_ns=ticket.good_till_ns,
            algo_id=algo.algo_id if algo is not None else 0,
            conditional_type=algo.order_type if algo is not None else None,
            is_liquidation=is_liquidation,
        )
        owned = account.in_symbol(perpetual.name)
        if order.price and not order.reduces:
            account.reserve(order, order.price * order.quantity * perpetual.contract.spec.notional_num)
        if order.good_till_ns:
            perpetual.timed[order_id] = order
        owned.add(order)
        self._settlement.log_order(OrderChange.NEW, order, now_ns)
        return order

    def amend(
        self, account: PerpetualAccount, order: PerpetualOrder, quantity: Decimal, price: Decimal, now_ns: int
    ) -> None:
        """As `PerpetualExchange.amend`, of an open order. Raises `Refusal`."""
        perpetual = self._perpetuals[order.symbol]
        if order.order_type is not OrderType.LIMIT:
            raise Refusal(RefusalKind.NOT_A_LIMIT_ORDER)
        new_price, new_quantity = read_price(perpetual, price), read_quantity(perpetual, quantity)
        if (new_price, new_quantity) == (order.price, order.quantity):
            raise Refusal(RefusalKind.SAME_ORDER)
        filled = order.quantity - order.remaining
        takes = order.time_in_force is TimeInForce.GTX and crosses(perpetual, order.is_buy, new_price)
        if new_quantity <= filled or takes:
            self.cancel(order, now_ns, None)
            return
        ticket = Ticket(
            order.side,
            order.position_side,
            new_price,
            new_quantity - filled,
            order.time_in_force,
            order.reduce_only,
            order.reduces,
            order.good_till_ns,
            None,
        )
        check_terms(self._margins, perpetual, account, ticket, order.lock)
        listing = perpetual.listing
        if new_price == order.price and new_quantity < order.quantity:
            self._matcher.shrink(listing, order, order.quantity - new_quantity, now_ns)
            return
        self._matcher.withdraw(listing, order)
        order.price, order.quantity, order.remaining = new_price, new_quantity, new_quantity - filled
        order.updated_ns = order.working_ns = now_ns
        if not order.reduces:
            notional = new_price * order.remaining * perpetual.contract.spec.notional_num
            account.reserve(order, notional)
        self._settlement.log_order(OrderChange.AMENDED, order, now_ns)
        self._matcher.work(listing, order, now_ns)

    def cancel(self, order: PerpetualOrder, now_ns: int, request_id: str | None) -> None:
        """By its owner."""
        self._end(order, OrderChange.CANCELED, OrderStatus.CANCELLED, now_ns, request_id)

    def expire(self, order: PerpetualOrder, now_ns: int) -> None:
        """By the exchange."""
        self._end(order, OrderChange.EXPIRED, OrderStatus.EXPIRED, now_ns, None)

    def _end(
        self, order: PerpetualOrder, change: OrderChange, status: OrderStatus, now_ns: int, request_id: str | None
    ) -> None:
        listing = self._perpetuals[order.symbol].listing
        self._matcher.withdraw(listing, order)
        self._matcher.close(listing, order, change, status, now_ns, request_id)
