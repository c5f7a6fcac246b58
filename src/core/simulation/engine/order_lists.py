"""Order lists: orders that depend on each other, as asked for and as an account has them.

- OCO (one cancels the other): two orders of one side and quantity, one above and one below the market. As soon as one
  of them trades or triggers, the other expires.
- OTO (one triggers the other): the pending order takes its turn when the working one has filled.
- OTOCO: an OTO whose pending orders are an OCO.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec

from core.domain.orders import OrderType, Side
from core.simulation.engine.events import ListRecord, ListStatus
from core.simulation.engine.orders import NewOrder
from core.simulation.engine.refusals import Refusal, RefusalKind

if TYPE_CHECKING:
    from core.simulation.engine.accounts import Account
    from core.simulation.engine.resting import RestingOrder

LISTS_KEPT = 5_000
"""Per account; older ones that are done are forgotten."""
_STOP_LOSS = frozenset((OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT))
_TAKE_PROFIT = frozenset((OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT))
_WORKING = frozenset((OrderType.LIMIT, OrderType.LIMIT_MAKER))


class NewOrderList(msgspec.Struct, frozen=True, gc=False):
    """A request for an OCO (no `working` order; a pair), an OTO (`working`, and only `below` is pending) or an OTOCO.

    `client_list_id` `None`: the exchange makes one.
    """

    below: NewOrder
    """Of an OTO: the pending order."""
    above: NewOrder | None = None
    working: NewOrder | None = None
    client_list_id: str | None = None

    @property
    def symbol(self) -> str:
        return self.below.symbol

    @property
    def pair(self) -> tuple[NewOrder, ...]:
        """The orders of which one cancels the other, or the one pending order of an OTO."""
        return (self.below,) if self.above is None else (self.above, self.below)

    @property
    def orders(self) -> tuple[NewOrder, ...]:
        return self.pair if self.working is None else (self.working, *self.pair)


class OrderGroup(msgspec.Struct, eq=False):
    """A list that is not done, in the exchange's hands."""

    account: Account
    symbol: str
    list_id: int
    client_list_id: str
    working: RestingOrder | None
    """`None`: an OCO, or the working order has filled."""
    others: list[RestingOrder]
    """The pair of an OCO, or what is pending."""
    record: ListRecord

    @property
    def legs(self) -> list[RestingOrder]:
        """The orders that still depend on each other."""
        return self.others if self.working is None else [self.working, *self.others]


class AccountLists:
    """One account's order lists of all symbols."""

    __slots__ = ("by_client_id", "done", "open")

    def __init__(self) -> None:
        self.open: dict[int, OrderGroup] = {}
        self.by_client_id: dict[str, OrderGroup] = {}
        """Open ones."""
        self.done: OrderedDict[int, ListRecord] = OrderedDict()

    def add(self, group: OrderGroup) -> None:
        self.open[group.list_id] = group
        self.by_client_id[group.client_list_id] = group

    def finish(self, record: ListRecord) -> None:
        group = self.open.pop(record.list_id, None)
        if group is not None:
            self.by_client_id.pop(group.client_list_id, None)
        self.done[record.list_id] = record
        if len(self.done) > LISTS_KEPT:
            self.done.popitem(last=False)

    def find_open(self, list_id: int | None, client_list_id: str | None) -> OrderGroup | None:
        """By its id, which takes precedence, or the client's."""
        if list_id is not None:
            return self.open.get(list_id)
        return None if client_list_id is None else self.by_client_id.get(client_list_id)

    def find(self, list_id: int | None, client_list_id: str | None) -> ListRecord | None:
        """As `find_open`, done ones included; of several with one client id the newest."""
        group = self.find_open(list_id, client_list_id)
        if group is not None:
            return group.record
        if list_id is not None:
            return self.done.get(list_id)
        found = (record for record in reversed(self.done.values()) if record.client_list_id == client_list_id)
        return next(found, None)

    def all(self) -> list[ListRecord]:
        """Oldest first."""
        records = [*self.done.values(), *(group.record for group in self.open.values())]
        return sorted(records, key=lambda record: record.list_id)


def check_list(wanted: NewOrderList, last_price: int, prices: tuple[int, ...]) -> None:
    """What must hold between the orders of a list. Raises `Refusal`.

    `prices`: stop prices of the pair where they have one, else limit prices, in ticks and in the order of
    `wanted.pair`; 0: a trailing stop without either. `last_price` 0: not known, or of no matter yet.
    """
    if wanted.working is not None and wanted.working.order_type not in _WORKING:
        raise Refusal(RefusalKind.LIST_WORKING_TYPE, wanted.working.order_type.name)
    if wanted.above is None:
        return
    above, below = wanted.above, wanted.below
    _check_pair_types(above.order_type, below.order_type, below.side)
    if wanted.working is None and last_price:
        if (prices[0] and prices[0] <= last_price) or (prices[1] and prices[1] >= last_price):
            raise Refusal(RefusalKind.PRICE_RELATIONSHIP, f"last price {last_price} ticks, pair {prices}")
    elif all(prices) and prices[0] <= prices[1]:
        raise Refusal(RefusalKind.PRICE_RELATIONSHIP, f"the pair's prices are {prices} ticks")


def _check_pair_types(above: OrderType, below: OrderType, side: Side) -> None:
    types = (above, below)
    if not all(each is OrderType.LIMIT_MAKER or each in _STOP_LOSS or each in _TAKE_PROFIT for each in types):
        raise Refusal(RefusalKind.OCO_TYPE)
    if types == (OrderType.LIMIT_MAKER, OrderType.LIMIT_MAKER):
        raise Refusal(RefusalKind.OCO_BOTH_LIMIT)
    is_buy = side is Side.BUY
    protects, profits = (above, below) if is_buy else (below, above)
    # The stop loss of a buyer is above the market, its limit or take profit below; a seller's are the other way round.
    if protects is OrderType.LIMIT_MAKER:
        raise Refusal(RefusalKind.BUY_OCO_LIMIT_ABOVE if is_buy else RefusalKind.SELL_OCO_LIMIT_BELOW)
    if protects in _TAKE_PROFIT:
        raise Refusal(RefusalKind.BUY_OCO_PROFIT_ABOVE if is_buy else RefusalKind.SELL_OCO_PROFIT_BELOW)
    if profits in _STOP_LOSS:
        raise Refusal(RefusalKind.BUY_OCO_LOSS_BELOW if is_buy else RefusalKind.SELL_OCO_LOSS_ABOVE)


def list_record(group: OrderGroup, status: ListStatus, now_ns: int) -> ListRecord:
    """The list as it is now; its orders' client ids may have changed."""
    names = {order.order_id: order.client_order_id for order in group.legs}
    before = group.record
    return msgspec.structs.replace(
        before,
        status=status,
        orders=tuple((order_id, names.get(order_id, name)) for order_id, name in before.orders),
        updated_ns=now_ns,
    )
