"""The trading floor: the one place where the engine is changed, and what follows from each change.

Every change first lets the market play up to the present, then goes to the market streams at once and to the store;
private events are told only after their commit.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Protocol

from core.simulation.engine.events import BalancesChanged, Deposited, Event, OrderChanged
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.market import Market
from core.simulation.engine.orders import AccountTrade, NewOrder, OrderRecord
from core.simulation.server.books import NewAccount, PrivateEvent
from core.simulation.server.clock import VenueClock
from core.simulation.server.market_publisher import MarketPublisher
from core.simulation.server.market_rules import MarketRules
from core.simulation.server.store import AccountStore
from core.simulation.server.stream_hub import StreamHub


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

    def submit(self, account: str, order: NewOrder) -> tuple[OrderRecord, list[OrderChanged]]:
        """The order's record and its own events. Raises `Refusal`, or `ApiError` by the `rules`."""
        now_ns = self.advance()
        self.rules.check_order(order.symbol, (order.price, order.stop_price), order.quantity, order.quote_quantity)
        record, events = self.exchange.submit(account, order, now_ns)
        self._spread(events)
        return record, [event for event in events if isinstance(event, OrderChanged) and _is_about(event, record)]

    def check(self, account: str, order: NewOrder) -> None:
        self.advance()
        self.rules.check_order(order.symbol, (order.price, order.stop_price), order.quantity, order.quote_quantity)
        self.exchange.check(account, order)

    def cancel(
        self, account: str, symbol: str, *, order_id: int | None, client_order_id: str | None, request_id: str | None
    ) -> OrderRecord:
        """Raises `Refusal`, or `ApiError` by the `rules`."""
        self.rules.check_cancel(symbol)
        now_ns = self.advance()
        if self.meddler is not None:
            self.meddler.before_cancel(account, symbol, order_id, client_order_id)
        record, events = self.exchange.cancel(
            account,
            symbol,
            order_id=order_id,
            client_order_id=client_order_id,
            request_id=request_id,
            now_ns=now_ns,
        )
        self._spread(events)
        return record

    def cancel_all(self, account: str, symbol: str) -> list[OrderRecord]:
        records, events = self.exchange.cancel_all(account, symbol, self.advance())
        self._spread(events)
        return records

    def fill_order(self, account: str, symbol: str, order_id: int, lots: int) -> None:
        """Let the house trade `lots` with a working order. Raises `Refusal`."""
        self._spread(self.exchange.fill(account, symbol, order_id, lots, self.clock.now_ns()))

    def _spread(self, events: Sequence[Event], opened: NewAccount | None = None) -> None:
        if events:
            self.events += len(events)
            self.last_sequence = events[-1].sequence
            self._publisher.handle(events)
        private = [event for event in events if isinstance(event, (OrderChanged, BalancesChanged, Deposited))]
        for watcher in self.watchers:
            watcher(private)
        if private or opened is not None:
            self._store.append(private, lambda: self._tell_private(private), opened=opened)


def _is_about(event: OrderChanged, record: OrderRecord) -> bool:
    return event.order.order_id == record.order_id and event.order.symbol == record.symbol
