"""Accounts of the perpetual exchange: wallets, settings, positions, and the orders and trades of each symbol."""

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import cast

from core.simulation.engine.accounts import CLOSED_ORDERS_KEPT, Account, AccountOrders
from core.simulation.engine.orders import OrderRecord
from core.simulation.engine.perpetual.conditional import AlgoOrder
from core.simulation.engine.perpetual.contracts import Contract
from core.simulation.engine.perpetual.orders import (
    AlgoOrderRecord,
    MarginType,
    PerpetualOrderRecord,
    PerpetualTrade,
    PositionSide,
)
from core.simulation.engine.perpetual.positions import Position
from core.simulation.engine.perpetual.resting import PerpetualOrder
from core.simulation.engine.perpetual.views import Income

INCOME_KEPT = 10_000
"""Per account; older changes of a wallet are forgotten here."""


@dataclass(slots=True)
class SymbolSettings:
    """What an account has chosen for a symbol."""

    leverage: int
    margin_type: MarginType = MarginType.CROSSED


class SymbolOrders(AccountOrders):
    """One account's orders and trades in one symbol, and what its open orders may come to."""

    __slots__ = ("notional", "reducing")

    def __init__(self) -> None:
        super().__init__()
        self.notional: dict[tuple[PositionSide, bool], int] = {}
        """Of open orders that may open a position, in atoms by (position side, is buy)."""
        self.reducing: dict[int, PerpetualOrder] = {}
        """Resting orders that may only reduce, by order id."""

    def close(self, record: OrderRecord) -> None:
        super().close(record)
        self.reducing.pop(record.order_id, None)

    def open_notional(self, side: PositionSide) -> tuple[int, int]:
        """(bids, asks) that may open or add to a position."""
        return self.notional.get((side, True), 0), self.notional.get((side, False), 0)

    def working(self) -> list[PerpetualOrder]:
        """Oldest first."""
        return cast(list[PerpetualOrder], list(self.open.values()))

    def records(self) -> list[PerpetualOrderRecord]:
        """Open and closed ones, oldest first."""
        return cast(list[PerpetualOrderRecord], self.all())

    def own_trades(self) -> list[PerpetualTrade]:
        return cast(list[PerpetualTrade], list(self.trades))


class Burdens:
    """What each symbol adds to the margins of an account, counted at the mark prices of one second."""

    __slots__ = ("by_asset", "by_symbol", "second")

    def __init__(self) -> None:
        self.by_symbol: dict[str, tuple[int, ...]] = {}
        self.by_asset: dict[str, tuple[int, ...]] = {}
        """The sums."""
        self.second = -1


class PerpetualAccount(Account):
    """`free` holds the wallets; nothing is ever `locked`. An isolated position's margin is a part of the wallet."""

    __slots__ = (
        "_closed_algo_ids",
        "algos",
        "algos_by_client_id",
        "burdens",
        "changes",
        "closed_algos",
        "dirty",
        "income",
        "is_hedged",
        "positions",
        "settings",
        "touched_positions",
        "updated_ns",
        "warned",
    )

    def __init__(self, key: str) -> None:
        super().__init__(key, None)
        self.is_hedged = False
        self.settings: dict[str, SymbolSettings] = {}
        self.positions: dict[tuple[str, PositionSide], Position] = {}
        """Every one there ever was, open or not."""
        self.algos: dict[int, AlgoOrder] = {}
        """Conditional orders that wait, by id."""
        self.algos_by_client_id: dict[str, AlgoOrder] = {}
        self.closed_algos: OrderedDict[int, AlgoOrderRecord] = OrderedDict()
        self._closed_algo_ids: dict[str, int] = {}
        self.income: deque[Income] = deque(maxlen=INCOME_KEPT)
        self.touched_positions: dict[tuple[str, PositionSide], None] = {}
        """Changed since the last AccountChanged."""
        self.dirty: dict[str, None] = {}
        """Symbols whose orders, positions or settings have changed since their `burdens` were counted."""
        self.burdens = Burdens()
        self.changes: dict[str, int] = {}
        """What came into a wallet since then other than by profits and fees."""
        self.warned: set[str] = set()
        """Margins called, by asset or by symbol and side, since there was enough of them."""
        self.updated_ns: dict[str, int] = {}
        """When each wallet changed last."""

    def in_symbol(self, symbol: str) -> SymbolOrders:
        orders = self.orders.get(symbol)
        if orders is None:
            orders = self.orders[symbol] = SymbolOrders()
        return cast(SymbolOrders, orders)

    def owned(self, symbol: str | None = None) -> list[SymbolOrders]:
        """Of one symbol, or of all."""
        if symbol is None:
            return cast(list[SymbolOrders], list(self.orders.values()))
        return [cast(SymbolOrders, self.orders[symbol])] if symbol in self.orders else []

    def settings_of(self, contract: Contract) -> SymbolSettings:
        settings = self.settings.get(contract.spec.name)
        if settings is None:
            settings = self.settings[contract.spec.name] = SymbolSettings(contract.default_leverage)
        return settings

    def position(self, symbol: str, side: PositionSide) -> Position:
        position = self.positions.get((symbol, side))
        if position is None:
            position = self.positions[symbol, side] = Position(symbol, side)
        return position

    def sides(self) -> tuple[PositionSide, ...]:
        """The position sides of a symbol in the account's mode."""
        return (PositionSide.LONG, PositionSide.SHORT) if self.is_hedged else (PositionSide.BOTH,)

    def open_positions(self) -> list[Position]:
        return [position for position in self.positions.values() if position.lots]

    def touch(self, symbol: str, side: PositionSide) -> None:
        """A position has changed."""
        self.touched_positions[symbol, side] = None
        self.dirty[symbol] = None

    def reserve(self, order: PerpetualOrder, notional: int) -> None:
        """Set what an open order may still come to."""
        open_notional = self.in_symbol(order.symbol).notional
        key = order.position_side, order.is_buy
        open_notional[key] = open_notional.get(key, 0) + notional - order.lock
        order.lock = notional
        self.dirty[order.symbol] = None

    def wallet(self, asset: str) -> int:
        return self.free.get(asset, 0)

    # Conditional orders

    def add_algo(self, algo: AlgoOrder) -> None:
        self.algos[algo.algo_id] = algo
        self.algos_by_client_id[algo.client_algo_id] = algo

    def close_algo(self, record: AlgoOrderRecord) -> None:
        """It no longer waits; `record` is its present picture."""
        if (waiting := self.algos.pop(record.algo_id, None)) is not None:
            self.algos_by_client_id.pop(waiting.client_algo_id, None)
        self.keep_algo(record)

    def keep_algo(self, record: AlgoOrderRecord) -> None:
        """Keep the latest picture of one that no longer waits; the oldest is forgotten when there are too many."""
        self.closed_algos[record.algo_id] = record
        self._closed_algo_ids[record.client_algo_id] = record.algo_id
        if len(self.closed_algos) > CLOSED_ORDERS_KEPT:
            old_id, old = self.closed_algos.popitem(last=False)
            if self._closed_algo_ids.get(old.client_algo_id) == old_id:
                del self._closed_algo_ids[old.client_algo_id]

    def find_waiting(self, algo_id: int | None, client_algo_id: str | None) -> AlgoOrder | None:
        """The waiting conditional order that fits every id given."""
        if algo_id is None:
            return self.algos_by_client_id.get(client_algo_id) if client_algo_id is not None else None
        algo = self.algos.get(algo_id)
        return algo if algo is None or client_algo_id in (None, algo.client_algo_id) else None

    def find_algo(self, algo_id: int | None, client_algo_id: str | None) -> AlgoOrderRecord | None:
        """The newest that fits every id given, waiting or not."""
        if (algo := self.find_waiting(algo_id, client_algo_id)) is not None:
            return algo.latest
        if algo_id is None:
            algo_id = self._closed_algo_ids.get(client_algo_id, 0) if client_algo_id is not None else 0
        record = self.closed_algos.get(algo_id)
        return record if record is None or client_algo_id in (None, record.client_algo_id) else None
