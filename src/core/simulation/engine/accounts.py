"""Accounts: balances, and the orders and trades of each symbol."""

from collections import OrderedDict, deque

from core.simulation.engine.order_lists import AccountLists
from core.simulation.engine.orders import AccountTrade, OrderRecord
from core.simulation.engine.resting import RestingOrder
from core.simulation.engine.special import Amendment, PreventedMatch

CLOSED_ORDERS_KEPT = 5_000
"""Per account and symbol; older ones are forgotten here (the event log had them)."""
TRADES_KEPT = 5_000


class AccountOrders:
    """One account's orders and trades in one symbol."""

    __slots__ = (
        "_closed_ids",
        "amendments",
        "closed",
        "n_stops",
        "open",
        "open_by_client_id",
        "prevented",
        "trades",
    )

    def __init__(self) -> None:
        self.open: dict[int, RestingOrder] = {}
        self.open_by_client_id: dict[str, RestingOrder] = {}
        self.n_stops = 0
        """Open orders that wait for a trigger."""
        self.closed: OrderedDict[int, OrderRecord] = OrderedDict()
        self._closed_ids: dict[str, int] = {}
        self.trades: deque[AccountTrade] = deque(maxlen=TRADES_KEPT)
        self.amendments: deque[Amendment] = deque(maxlen=TRADES_KEPT)
        self.prevented: deque[PreventedMatch] = deque(maxlen=TRADES_KEPT)

    def add(self, order: RestingOrder) -> None:
        self.open[order.order_id] = order
        self.open_by_client_id[order.client_order_id] = order

    def rename(self, order: RestingOrder, client_order_id: str) -> None:
        """Give an open order another client id."""
        del self.open_by_client_id[order.client_order_id]
        order.client_order_id = client_order_id
        self.open_by_client_id[client_order_id] = order

    def close(self, record: OrderRecord) -> None:
        """Move an order from open to closed; `record` is its last picture."""
        self.open.pop(record.order_id, None)
        self.open_by_client_id.pop(record.client_order_id, None)
        self.closed[record.order_id] = record
        self._closed_ids[record.client_order_id] = record.order_id
        if len(self.closed) > CLOSED_ORDERS_KEPT:
            old_id, old = self.closed.popitem(last=False)
            if self._closed_ids.get(old.client_order_id) == old_id:
                del self._closed_ids[old.client_order_id]

    def find_open(self, order_id: int | None, client_order_id: str | None) -> RestingOrder | None:
        """The open order that fits every id given."""
        if order_id is None:
            return self.open_by_client_id.get(client_order_id) if client_order_id is not None else None
        order = self.open.get(order_id)
        if order is not None and client_order_id is not None and order.client_order_id != client_order_id:
            return None
        return order

    def find(self, order_id: int | None, client_order_id: str | None) -> OrderRecord | None:
        """The newest order that fits every id given, open or closed."""
        order = self.find_open(order_id, client_order_id)
        if order is not None:
            return order.latest
        if order_id is None:
            if client_order_id is None:
                return None
            order_id = self._closed_ids.get(client_order_id, 0)
        record = self.closed.get(order_id)
        if record is not None and client_order_id is not None and record.client_order_id != client_order_id:
            return None
        return record

    def all(self) -> list[OrderRecord]:
        """Oldest first."""
        records = [*self.closed.values(), *(order.latest for order in self.open.values())]
        return sorted(records, key=lambda record: record.order_id)


class Account:
    """Balances in atoms. `touched` holds the assets changed since the last BalancesChanged."""

    __slots__ = ("fee_asset", "free", "key", "lists", "locked", "orders", "touched")

    def __init__(self, key: str, fee_asset: str | None) -> None:
        self.key = key
        self.fee_asset = fee_asset
        self.free: dict[str, int] = {}
        self.locked: dict[str, int] = {}
        self.orders: dict[str, AccountOrders] = {}
        """By symbol."""
        self.lists = AccountLists()
        self.touched: dict[str, None] = {}
        """A dict for its order: sets of strings have none that is the same in every process."""

    def in_symbol(self, symbol: str) -> AccountOrders:
        orders = self.orders.get(symbol)
        if orders is None:
            orders = self.orders[symbol] = AccountOrders()
        return orders

    def credit(self, asset: str, atoms: int) -> None:
        """Add to the free balance; negative takes away."""
        self.free[asset] = self.free.get(asset, 0) + atoms
        self.touched[asset] = None

    def lock(self, asset: str, atoms: int) -> None:
        """Move from free to locked; the caller has seen that there is enough. Negative moves back."""
        self.free[asset] -= atoms
        self.locked[asset] = self.locked.get(asset, 0) + atoms
        self.touched[asset] = None

    def balance(self, asset: str) -> tuple[int, int]:
        """(free, locked)."""
        return self.free.get(asset, 0), self.locked.get(asset, 0)
