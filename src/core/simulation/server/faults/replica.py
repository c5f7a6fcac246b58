"""Reads that come from a copy of the venue which lags behind it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated

import msgspec

from core.simulation.engine.amounts import to_decimal
from core.simulation.engine.events import BalancesChanged, OrderChange, OrderChanged
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.orders import AccountTrade, OrderRecord
from core.simulation.server.books import PrivateEvent
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.faults.address import Target
from core.simulation.server.faults.injector import Injector
from core.simulation.server.floor import AccountReads

_Key = tuple[str, str, int]
"""Account, symbol, order id."""
_Balance = tuple[Decimal, Decimal]


class ReplicaLagParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lag_ms: Annotated[float, msgspec.Meta(gt=0, le=3_600_000)] = 5_000


class ReplicaLag(Injector):
    """Orders, trades and balances are read as they were `lag_ms` of venue time ago: what was accepted since does not
    exist (-2013), what was filled is open. Orders and their answers are not late, nor are private events."""

    params: ReplicaLagParameters

    def begin(self) -> None:
        floor = self.hands.floor
        self._copy = LaggingCopy(floor.exchange, self.hands.accounts())
        self._before = floor.reads
        floor.reads = _ChosenReads(self)
        floor.watchers.append(self._copy.learn)

    def end(self) -> None:
        floor = self.hands.floor
        floor.watchers.remove(self._copy.learn)
        floor.reads = self._before

    def reads_for(self, account: str, symbol: str | None) -> AccountReads:
        if self.work.strikes(Target(accounts=(account,), symbols=() if symbol is None else (symbol,))):
            self._copy.move_to(self.hands.clock.now_ns() - int(self.params.lag_ms * NS_PER_MS))
            return self._copy
        return self._before


class _ChosenReads:
    """Asks the fault, read by read, which side it comes from."""

    def __init__(self, lag: ReplicaLag) -> None:
        self._lag = lag

    def order(
        self, account: str, symbol: str, *, order_id: int | None = None, client_order_id: str | None = None
    ) -> OrderRecord | None:
        reads = self._lag.reads_for(account, symbol)
        return reads.order(account, symbol, order_id=order_id, client_order_id=client_order_id)

    def open_orders(self, account: str, symbol: str | None = None) -> list[OrderRecord]:
        return self._lag.reads_for(account, symbol).open_orders(account, symbol)

    def orders(self, account: str, symbol: str | None = None) -> list[OrderRecord]:
        return self._lag.reads_for(account, symbol).orders(account, symbol)

    def trades(self, account: str, symbol: str | None = None) -> list[AccountTrade]:
        return self._lag.reads_for(account, symbol).trades(account, symbol)

    def balances(self, account: str) -> dict[str, _Balance]:
        return self._lag.reads_for(account, None).balances(account)


class LaggingCopy:
    """The exchange's accounts as they were at the time of `move_to`, as far back as it has been made."""

    def __init__(self, exchange: Exchange, accounts: Iterable[str]) -> None:
        self._exchange = exchange
        self._time_ns = 0
        self._records: dict[_Key, list[tuple[int, OrderRecord | None]]] = {}
        """(since when, the picture from then on); `None`: the order did not exist."""
        self._balances: dict[tuple[str, str], list[tuple[int, _Balance]]] = defaultdict(list)
        for account in accounts:
            if exchange.has_account(account):
                for record in exchange.open_orders(account):
                    self._records[account, record.symbol, record.order_id] = [(0, record)]
                for asset, balance in exchange.balances(account).items():
                    self._balances[account, asset] = [(0, balance)]

    def learn(self, events: Sequence[PrivateEvent]) -> None:
        for event in events:
            if isinstance(event, OrderChanged):
                order = event.order
                history = self._records.setdefault((order.account, order.symbol, order.order_id), [])
                if not history and event.change is OrderChange.NEW:
                    history.append((0, None))
                history.append((event.time_ns, order))
            elif isinstance(event, BalancesChanged):
                for asset, free, locked in event.balances:
                    history_of = self._balances[event.account, asset]
                    if not history_of:
                        history_of.append((0, (Decimal(0), Decimal(0))))
                    history_of.append((event.time_ns, (to_decimal(free), to_decimal(locked))))

    def move_to(self, time_ns: int) -> None:
        """Forget what lies before the last state at `time_ns`."""
        self._time_ns = time_ns
        for histories in (self._records, self._balances):
            for history in histories.values():
                while len(history) > 1 and history[1][0] <= time_ns:
                    del history[0]

    def order(
        self, account: str, symbol: str, *, order_id: int | None = None, client_order_id: str | None = None
    ) -> OrderRecord | None:
        now = self._exchange.order(account, symbol, order_id=order_id, client_order_id=client_order_id)
        return None if now is None else self._as_it_was(now)

    def open_orders(self, account: str, symbol: str | None = None) -> list[OrderRecord]:
        return [record for record in self.orders(account, symbol) if record.status.is_open]

    def orders(self, account: str, symbol: str | None = None) -> list[OrderRecord]:
        found = (self._as_it_was(record) for record in self._exchange.orders(account, symbol))
        return [record for record in found if record is not None]

    def trades(self, account: str, symbol: str | None = None) -> list[AccountTrade]:
        return [trade for trade in self._exchange.trades(account, symbol) if trade.time_ns <= self._time_ns]

    def balances(self, account: str) -> dict[str, _Balance]:
        now = self._exchange.balances(account)
        return {
            asset: self._balances[account, asset][0][1] if self._balances.get((account, asset)) else balance
            for asset, balance in now.items()
        }

    def _as_it_was(self, now: OrderRecord) -> OrderRecord | None:
        history = self._records.get((now.account, now.symbol, now.order_id))
        return history[0][1] if history else now
