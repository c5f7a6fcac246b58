"""The floor of USD-M: the one place where the perpetual exchange is changed, and what follows from each change.

As on the spot floor every change first lets both markets play up to the present, then goes to the market streams at
once and to the store; private events are told only after their commit.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from core.simulation.engine.perpetual.events import MarginCalled, PerpetualEvent
from core.simulation.engine.perpetual.exchange import PerpetualExchange
from core.simulation.engine.perpetual.orders import (
    AlgoOrderRecord,
    MarginType,
    NewAlgoOrder,
    NewPerpetualOrder,
    PerpetualOrderRecord,
    PositionSide,
)
from core.simulation.server.clock import VenueClock
from core.simulation.server.market_publisher import MarketPublisher
from core.simulation.server.market_rules import MarketRules
from core.simulation.server.store import AccountStore
from core.simulation.server.stream_hub import StreamHub
from core.simulation.server.usdm.mark_publisher import MarkPublisher
from core.simulation.server.usdm.records import KEPT, UsdmRecords
from core.simulation.server.usdm.user_streams import UsdmPrivateEvent


class UsdmFloor:
    """`advance` lets both markets play up to now and answers the present time (UTC ns); what the perpetuals' did comes
    to `take`. `tell_private` gets events of accounts after their commit, on the event loop."""

    def __init__(
        self,
        *,
        exchange: PerpetualExchange,
        advance: Callable[[], int],
        clock: VenueClock,
        store: AccountStore,
        records: UsdmRecords,
        publisher: MarketPublisher,
        marks: MarkPublisher,
        hub: StreamHub,
        tell_private: Callable[[Sequence[UsdmPrivateEvent]], None],
    ) -> None:
        self.exchange = exchange
        self.clock = clock
        self.rules = MarketRules(exchange)
        self._advance = advance
        self._store = store
        self._records = records
        self._publisher = publisher
        self._marks = marks
        self._hub = hub
        self._tell_private = tell_private
        self.events = 0
        """Engine events since the start."""
        self.last_sequence = 0
        """Number of the last engine event; 0: none yet."""

    def turn(self) -> None:
        """Slow frames, and one write per connection. The market has been played by the spot floor's turn."""
        self._publisher.turn()
        self._marks.turn()
        self._hub.flush()

    def take(self, events: Sequence[PerpetualEvent]) -> None:
        """Publish and keep what has happened."""
        if not events:
            return
        self.events += len(events)
        self.last_sequence = events[-1].sequence
        self._publisher.handle(events)
        self._marks.handle(events)
        kept = [event for event in events if type(event) in KEPT or isinstance(event, MarginCalled)]
        if kept:
            private = [event for event in kept if isinstance(event, UsdmPrivateEvent)]
            self._store.append((), lambda: self._tell_private(private), records=self._records.of(kept))

    def open_account(self, account: str, deposits: Mapping[str, Decimal]) -> None:
        """One that exists keeps its balances."""
        self.take(self.exchange.open_account(account, deposits, self._advance()))
        self._keep(account)

    def deposit(self, account: str, asset: str, amount: Decimal) -> None:
        self.take(self.exchange.deposit(account, asset, amount, self._advance()))

    # Orders

    def submit(self, account: str, order: NewPerpetualOrder) -> PerpetualOrderRecord:
        now_ns = self._advance()
        self.rules.check_order(order.symbol, (order.price,), order.quantity)
        record, events = self.exchange.submit(account, order, now_ns)
        self.take(events)
        return record

    def check(self, account: str, order: NewPerpetualOrder) -> None:
        self._advance()
        self.exchange.check(account, order)

    def amend(
        self,
        account: str,
        symbol: str,
        *,
        quantity: Decimal,
        price: Decimal,
        order_id: int | None,
        client_order_id: str | None,
    ) -> PerpetualOrderRecord:
        record, events = self.exchange.amend(
            account,
            symbol,
            quantity=quantity,
            price=price,
            order_id=order_id,
            client_order_id=client_order_id,
            now_ns=self._advance(),
        )
        self.take(events)
        return record

    def cancel(
        self, account: str, symbol: str, *, order_id: int | None, client_order_id: str | None
    ) -> PerpetualOrderRecord:
        now_ns = self._advance()
        record, events = self.exchange.cancel(
            account, symbol, order_id=order_id, client_order_id=client_order_id, now_ns=now_ns
        )
        self.take(events)
        return record

    def cancel_all(self, account: str, symbol: str) -> list[PerpetualOrderRecord]:
        records, events = self.exchange.cancel_all(account, symbol, self._advance())
        self.take(events)
        return records

    def submit_algo(self, account: str, order: NewAlgoOrder) -> AlgoOrderRecord:
        record, events = self.exchange.submit_algo(account, order, self._advance())
        self.take(events)
        return record

    def cancel_algo(self, account: str, *, algo_id: int | None, client_algo_id: str | None) -> AlgoOrderRecord:
        now_ns = self._advance()
        record, events = self.exchange.cancel_algo(
            account, algo_id=algo_id, client_algo_id=client_algo_id, now_ns=now_ns
        )
        self.take(events)
        return record

    def cancel_all_algo(self, account: str, symbol: str) -> list[AlgoOrderRecord]:
        records, events = self.exchange.cancel_all_algo(account, symbol, self._advance())
        self.take(events)
        return records

    # Settings

    def set_hedged(self, account: str, *, is_hedged: bool) -> None:
        self.exchange.set_hedged(account, self._advance(), is_hedged=is_hedged)
        self._keep(account)

    def set_leverage(self, account: str, symbol: str, leverage: int) -> int:
        """The largest position now allowed, in quote atoms."""
        max_notional, events = self.exchange.set_leverage(account, symbol, leverage, self._advance())
        self.take(events)
        return max_notional

    def set_margin_type(self, account: str, symbol: str, margin_type: MarginType) -> None:
        self.take(self.exchange.set_margin_type(account, symbol, margin_type, self._advance()))
        self._keep(account)

    def change_margin(self, account: str, symbol: str, side: PositionSide, amount: Decimal) -> None:
        self.take(self.exchange.change_margin(account, symbol, side, amount, self._advance()))

    def _keep(self, account: str) -> None:
        """Store what no event tells of."""
        self._store.append((), records=[self._records.account(account)])
