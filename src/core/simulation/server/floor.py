"""The trading floor: the one place where the engine is changed, and what follows from each change.

Every change first lets the market play up to the present, then goes to the market streams at once and to the store;
private events are told only after their commit.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Protocol

from core.simulation.engine.events import BalancesChanged, Deposited, Event, ListChanged, OrderChanged
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.market import Market
from core.simulation.engine.order_lists import NewOrderList
from core.simulation.engine.orders import AccountTrade, NewOrder, OrderRecord
from core.simulation.engine.requests import Amend, Amended, Cancel, PlacedList, Replaced
from core.simulation.server.books import NewAccount, PrivateEvent
from core.simulation.server.clock import VenueClock
from core.simulation.server.market_publisher import MarketPublisher
from core.simulation.server.market_rules import MarketRules
from core.simulation.server.store import AccountStore
from core.simulation.server.stream_hub import StreamHub

_PRIVATE = (OrderChanged, ListChanged, BalancesChanged, Deposited)
Changes = list[OrderChanged | ListChanged]


class AccountReads(Protocol):
    """What is read of accounts; the exchange itself, as a rule."""

    def order(
        self, account: str, symbol: str, *, order_id: int | None = None, client_order_id: str | None = None
    ) -> OrderRecord | None: ...

    def open_orders(self, account: str, symbol: str | None = None) -> list[OrderRecord]: ...

    def orders(self, account: str, symbol: str | None = None) -> list[OrderRecord]: ...

    def trades(self, account: str, symbol: str | None = None) -> list[AccountTrade]: ...

    def balances(self, account: str) -> dict[str, tuple[Decimal, Decimal]]: ...


class Meddler(Protocol):
    """Comes between the receipt of a cancel and its effect."""

    def before_cancel(self, account: str, symbol: str, order_id: int | None, client_order_id: str | None) -> None: ...


class TradingFloor:
    """`tell_private` gets events of accounts after their commit, on the event loop.

    `reads`, `rules` and `meddler` are seams: what is read there, what may be traded, who comes in between.
    """

    def __init__(
        self,
        *,
        exchange: Exchange,
        market: Market,
        clock: VenueClock,
        store: AccountStore,
        publisher: MarketPublisher,
        hub: StreamHub,
        tell_private: Callable[[Sequence[PrivateEvent]], None],
    ) -> None:
        self.exchange = exchange
        self.clock = clock
        self.reads: AccountReads = exchange
        self.rules = MarketRules(exchange)
        self.meddler: Meddler | None = None
        self.watchers: list[Callable[[Sequence[PrivateEvent]], None]] = []
        """Get the events of accounts at once, before their commit."""
        self._market = market
        self._store = store
        self._publisher = publisher
        self._hub = hub
        self._tell_private = tell_private
        self.events = 0
        """Engine events since the start."""
        self.last_sequence = 0
        """Number of the last engine event; 0: none yet."""

    def advance(self) -> int:
        """Let the market play up to now; the present time (UTC ns)."""
        now_ns = self.clock.now_ns()
        self._spread(self._market.advance(now_ns))
        return now_ns

    def turn(self) -> None:
        """One turn of the pump: market, slow frames, one write per connection."""
        self.advance()
        self._publisher.turn()
        self._hub.flush()

    def open_account(self, account: str, secret: str, deposits: dict[str, Decimal]) -> None:
        """Register an account; one that exists keeps its balances and gets the new secret."""
        now_ns = self.advance()
        events = self.exchange.open_account(account, deposits, now_ns)
        self._spread(events, NewAccount(account, secret, now_ns))

    def deposit(self, account: str, asset: str, amount: Decimal) -> None:
        self._spread(self.exchange.deposit(account, asset, amount, self.advance()))

    def submit(self, account: str, order: NewOrder) -> tuple[OrderRecord, Changes]:
        """The order's record. Raises `Refusal`, or `ApiError` by the `rules`, as all that is asked of orders does."""
        now_ns = self.advance()
        self._check_rules(order)
        record, events = self.exchange.submit(account, order, now_ns)
        return record, self._spread(events)

    def check(self, account: str, order: NewOrder) -> None:
        self.advance()
        self._check_rules(order)
        self.exchange.check(account, order)

    def cancel(self, account: str, cancel: Cancel) -> Changes:
        """Everything it ended."""
        now_ns = self._before_cancel(account, cancel)
        _, events = self.exchange.cancel(
            account,
            cancel.symbol,
            order_id=cancel.order_id,
            client_order_id=cancel.client_order_id,
            request_id=cancel.request_id,
            only_in=cancel.only_in,
            now_ns=now_ns,
        )
        return self._spread(events)

    def cancel_all(self, account: str, symbol: str, request_id: str | None = None) -> Changes:
        """Everything it ended."""
        self.rules.check_cancel(symbol)
        return self._spread(self.exchange.cancel_all(account, symbol, self.advance(), request_id)[1])

    def replace(
        self, account: str, cancel: Cancel, order: NewOrder, *, stop_on_failure: bool
    ) -> tuple[Replaced, Changes]:
        """What became of both; raises where neither was tried."""
        self._check_rules(order)
        now_ns = self._before_cancel(account, cancel)
        replaced, events = self.exchange.replace(account, cancel, order, now_ns, stop_on_failure=stop_on_failure)
        return replaced, self._spread(events)

    def amend(self, account: str, amend: Amend) -> Amended:
        now_ns = self.advance()
        self.rules.check_order(amend.symbol, (), amend.quantity, None)
        amended, events = self.exchange.amend(account, amend, now_ns)
        self._spread(events)
        return amended

    def submit_list(self, account: str, wanted: NewOrderList) -> tuple[PlacedList, Changes]:
        now_ns = self.advance()
        for order in wanted.orders:
            self._check_rules(order)
        placed, events = self.exchange.submit_list(account, wanted, now_ns)
        return placed, self._spread(events)

    def cancel_list(
        self, account: str, symbol: str, *, list_id: int | None, client_list_id: str | None, request_id: str
    ) -> Changes:
        """Everything it ended."""
        self.rules.check_cancel(symbol)
        _, events = self.exchange.cancel_list(
            account,
            symbol,
            list_id=list_id,
            client_list_id=client_list_id,
            request_id=request_id,
            now_ns=self.advance(),
        )
        return self._spread(events)

    def fill_order(self, account: str, symbol: str, order_id: int, lots: int) -> None:
        """Let the house trade `lots` with a working order. Raises `Refusal`."""
        self._spread(self.exchange.fill(account, symbol, order_id, lots, self.clock.now_ns()))

    def trigger_order(self, account: str, symbol: str, order_id: int) -> None:
        """Let a stop work now. Raises `Refusal`."""
        self._spread(self.exchange.trigger(account, symbol, order_id, self.clock.now_ns()))

    def _check_rules(self, order: NewOrder) -> None:
        prices = (order.price, order.stop_price)
        self.rules.check_order(order.symbol, prices, order.quantity, order.quote_quantity)

    def _before_cancel(self, account: str, cancel: Cancel) -> int:
        """The present time, once whoever comes in between has had a turn."""
        self.rules.check_cancel(cancel.symbol)
        now_ns = self.advance()
        if self.meddler is not None:
            self.meddler.before_cancel(account, cancel.symbol, cancel.order_id, cancel.client_order_id)
        return now_ns

    def _spread(self, events: Sequence[Event], opened: NewAccount | None = None) -> Changes:
        """Tell everybody; what changed of orders and lists."""
        if events:
            self.events += len(events)
            self.last_sequence = events[-1].sequence
            self._publisher.handle(events)
        private = [event for event in events if isinstance(event, _PRIVATE)]
        for watcher in self.watchers:
            watcher(private)
        if private or opened is not None:
            self._store.append(private, lambda: self._tell_private(private), opened=opened)
        return [event for event in private if isinstance(event, (OrderChanged, ListChanged))]
