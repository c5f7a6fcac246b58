"""The exchange of perpetuals: accounts with margin and positions (`ledger`), orders and conditional orders, behind one
synchronous face like the spot exchange's.

Every call that changes something takes the time of the change and returns the events it caused, in order. Times may
not go back; an earlier one is taken as the latest seen.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from core.simulation.engine.house import House
from core.simulation.engine.perpetual.events import PerpetualEvent
from core.simulation.engine.perpetual.ledger import PerpetualLedger
from core.simulation.engine.perpetual.orders import (
    AlgoOrderRecord,
    NewAlgoOrder,
    NewPerpetualOrder,
    PerpetualOrderRecord,
    PerpetualTrade,
)
from core.simulation.engine.perpetual.persistence import (
    LastIds,
    funds_data,
    restore,
    snapshot,
    standing,
    symbol_numbers,
)
from core.simulation.engine.perpetual.resting import PerpetualOrder
from core.simulation.engine.refusals import Refusal, RefusalKind


class PerpetualExchange(PerpetualLedger):
    """`history` holds the candles before `start_ns`; `None`: there are none. `fees.discount_pct` plays no part.

    Accounts are named by any key the caller chooses. Queries raise `Refusal` (UNKNOWN_SYMBOL, UNKNOWN_ACCOUNT).
    """

    # Orders

    def submit(
        self, account: str, order: NewPerpetualOrder, now_ns: int
    ) -> tuple[PerpetualOrderRecord, list[PerpetualEvent]]:
        """Take an order: the record after all that happened at once (fills included). Raises `Refusal`."""
        owner, perpetual = self._account(account), self._perpetual(order.symbol)
        ticket = self._desk.admit(owner, order, max(now_ns, self._now_ns))
        now_ns = self._move_clock(now_ns)
        taken = self._desk.take(owner, perpetual, ticket, now_ns)
        return taken.latest, self._finish(perpetual)

    def check(self, account: str, order: NewPerpetualOrder) -> None:
        """All that `submit` checks, changing nothing (the protocol's `order/test`). Raises `Refusal`."""
        self._perpetual(order.symbol)
        self._desk.admit(self._account(account), order, self._now_ns)

    def amend(
        self,
        account: str,
        symbol: str,
        *,
        quantity: Decimal,
        price: Decimal,
        order_id: int | None = None,
        client_order_id: str | None = None,
        now_ns: int,
    ) -> tuple[PerpetualOrderRecord, list[PerpetualEvent]]:
        """Change price and quantity of an open LIMIT order (`PUT order`). It keeps its place in the queue only where
        the quantity alone gets smaller. As on Binance it is cancelled when the new quantity is filled already, or when
        a GTX order would take. Raises `Refusal` (UNKNOWN_ORDER, NOT_A_LIMIT_ORDER, SAME_ORDER, and those of `submit`),
        which leaves the order as it is.
        """
        perpetual = self._perpetual(symbol)
        owner, order = self._account(account), self._open_order(account, symbol, order_id, client_order_id)
        self._desk.amend(owner, order, quantity, price, self._move_clock(now_ns))
        return order.latest, self._finish(perpetual)

    def cancel(
        self,
        account: str,
        symbol: str,
        *,
        order_id: int | None = None,
        client_order_id: str | None = None,
        request_id: str | None = None,
        now_ns: int,
    ) -> tuple[PerpetualOrderRecord, list[PerpetualEvent]]:
        """Cancel one open order; when both ids are given both must fit. Raises `Refusal` (UNKNOWN_ORDER)."""
        perpetual = self._perpetual(symbol)
        order = self._open_order(account, symbol, order_id, client_order_id)
        self._desk.cancel(order, self._move_clock(now_ns), request_id)
        return order.latest, self._finish(perpetual)

    def cancel_all(
        self, account: str, symbol: str, now_ns: int
    ) -> tuple[list[PerpetualOrderRecord], list[PerpetualEvent]]:
        """Cancel the account's open orders of a symbol; none is no error."""
        perpetual, owned = self._perpetual(symbol), self._account(account).owned(symbol)
        now_ns = self._move_clock(now_ns)
        orders = [order for each in owned for order in each.working()]
        for order in orders:
            self._desk.cancel(order, now_ns, None)
        return [order.latest for order in orders], self._finish(perpetual)

    def order(
        self, account: str, symbol: str, *, order_id: int | None = None, client_order_id: str | None = None
    ) -> PerpetualOrderRecord | None:
        """By order id, or the newest that bore the client id; `None`: the exchange doesn't (or no longer) know it."""
        self._listing(symbol)
        for owned in self._account(account).owned(symbol):
            return cast(PerpetualOrderRecord | None, owned.find(order_id, client_order_id))
        return None

    def open_orders(self, account: str, symbol: str | None = None) -> list[PerpetualOrderRecord]:
        """Oldest first, of one symbol or of all."""
        records = [order.latest for owned in self._owned(account, symbol) for order in owned.working()]
        return sorted(records, key=lambda record: record.order_id)

    def orders(self, account: str, symbol: str | None = None) -> list[PerpetualOrderRecord]:
        """Open and closed ones (the last `CLOSED_ORDERS_KEPT` of a symbol), oldest first."""
        records = [record for owned in self._owned(account, symbol) for record in owned.records()]
        return sorted(records, key=lambda record: record.order_id)

    def trades(self, account: str, symbol: str | None = None) -> list[PerpetualTrade]:
        """The account's trades (the last `TRADES_KEPT` of a symbol), oldest first."""
        trades = [trade for owned in self._owned(account, symbol) for trade in owned.own_trades()]
        return trades if symbol is not None else sorted(trades, key=lambda trade: trade.time_ns)

    # Conditional orders

    def submit_algo(
        self, account: str, order: NewAlgoOrder, now_ns: int
    ) -> tuple[AlgoOrderRecord, list[PerpetualEvent]]:
        """Take a conditional order; margin is looked at when it triggers. Raises `Refusal`."""
        owner, perpetual = self._account(account), self._perpetual(order.symbol)
        taken = self._algo_desk.take(owner, order, max(now_ns, self._now_ns))
        self._move_clock(now_ns)
        return taken.latest, self._finish(perpetual)

    def cancel_algo(
        self,
        account: str,
        *,
        algo_id: int | None = None,
        client_algo_id: str | None = None,
        now_ns: int,
    ) -> tuple[AlgoOrderRecord, list[PerpetualEvent]]:
        """Cancel one that waits; when both ids are given both must fit. Raises `Refusal` (UNKNOWN_ORDER)."""
        algo = self._account(account).find_waiting(algo_id, client_algo_id)
        if algo is None:
            raise Refusal(RefusalKind.UNKNOWN_ORDER)
        self._algo_desk.cancel(algo, self._move_clock(now_ns))
        return algo.latest, self._finish(None)

    def cancel_all_algo(
        self, account: str, symbol: str, now_ns: int
    ) -> tuple[list[AlgoOrderRecord], list[PerpetualEvent]]:
        """Cancel the account's waiting conditional orders of a symbol; none is no error."""
        self._listing(symbol)
        now_ns = self._move_clock(now_ns)
        algos = [algo for algo in self._account(account).algos.values() if algo.symbol == symbol]
        for algo in algos:
            self._algo_desk.cancel(algo, now_ns)
        return [algo.latest for algo in algos], self._finish(None)

    def algo_order(
        self, account: str, *, algo_id: int | None = None, client_algo_id: str | None = None
    ) -> AlgoOrderRecord | None:
        """By id, or the newest that bore the client id; `None`: the exchange doesn't (or no longer) know it."""
        return self._account(account).find_algo(algo_id, client_algo_id)

    def open_algo_orders(self, account: str, symbol: str | None = None) -> list[AlgoOrderRecord]:
        """Those that wait, oldest first."""
        waiting = [algo.latest for algo in self._account(account).algos.values()]
        return [record for record in waiting if symbol in (None, record.symbol)]

    def algo_orders(self, account: str, symbol: str | None = None) -> list[AlgoOrderRecord]:
        """All that are known (the last `CLOSED_ORDERS_KEPT` that no longer wait), oldest first."""
        owner = self._account(account)
        records = [*owner.closed_algos.values(), *(algo.latest for algo in owner.algos.values())]
        known = [record for record in records if symbol in (None, record.symbol)]
        return sorted(known, key=lambda record: record.algo_id)

    # The other side

    def house(self, symbol: str) -> House:
        """The hands with which a market moves one symbol."""
        return House(self._listing(symbol), self._matcher, self._settlement)

    def mark(self, index_prices: Mapping[str, int], now_ns: int) -> None:
        """One second has passed: take the index prices (quote atoms per unit of base, by symbol), count mark prices,
        trigger, pay funding, liquidate, expire what was good till now. `take_events` has the events. A market does this
        as part of `advance`."""
        now_ns = self._move_clock(now_ns)
        for name, index_price in index_prices.items():
            self._second_hand.mark(self._perpetuals[name], index_price, now_ns)
        self._second_hand.strike(now_ns)

    def take_events(self, now_ns: int) -> list[PerpetualEvent]:
        """What the house's hands and `mark` have caused since the last call of anything that returns events."""
        self._move_clock(now_ns)
        return self._log.take_all()

    # Persistence

    def snapshot_accounts(self) -> dict[str, Any]:
        """Accounts, settings, positions, orders, trades, funds and the last ids as JSON-ready data."""
        return snapshot(self._accounts, self._perpetuals, self._settlement, self._last_ids())

    def account_standing(self, account: str) -> dict[str, Any]:
        """The part of an account's snapshot that is neither orders, trades nor income: to be kept after each change."""
        return standing(self._account(account))

    def symbol_numbers(self, symbol: str) -> dict[str, int]:
        """The part of a snapshot that is a symbol's last ids and the house's holdings in it."""
        return symbol_numbers(self._perpetual(symbol))

    def funds(self) -> dict[str, Any]:
        """The part of a snapshot that is fees and insurance."""
        return funds_data(self._settlement)

    def restore_accounts(self, data: Mapping[str, Any]) -> None:
        """Take a snapshot into an exchange that has no accounts; before the market's first `advance`. Raises ValueError
        when the snapshot does not fit."""
        if self._accounts:
            raise ValueError("accounts can only be restored into an exchange that has none")
        ids = restore(data, self._accounts, self._perpetuals, self._settlement, self._algo_desk)
        self._desk.last_order_id, self._algo_desk.last_algo_id = ids.order, ids.algo
        self._settlement.last_income_id, self._log.sequence = ids.income, ids.sequence

    # Inside

    def _open_order(
        self, account: str, symbol: str, order_id: int | None, client_order_id: str | None
    ) -> PerpetualOrder:
        for owned in self._owned(account, symbol):
            if (order := owned.find_open(order_id, client_order_id)) is not None:
                return cast(PerpetualOrder, order)
        raise Refusal(RefusalKind.UNKNOWN_ORDER)

    def _last_ids(self) -> LastIds:
        return LastIds(
            self._desk.last_order_id, self._algo_desk.last_algo_id, self._settlement.last_income_id, self._log.sequence
        )
