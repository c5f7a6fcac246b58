"""Small perpetual exchanges for tests, and shorthand to trade on them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from core.domain.orders import OrderType, Side, TimeInForce
from core.simulation.engine.events import OrderChange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.perpetual.contracts import LARGE, Contract
from core.simulation.engine.perpetual.events import (
    AccountChanged,
    AlgoOrderChanged,
    PerpetualEvent,
    PerpetualOrderChanged,
)
from core.simulation.engine.perpetual.exchange import PerpetualExchange
from core.simulation.engine.perpetual.orders import (
    AlgoStatus,
    ConditionalType,
    NewAlgoOrder,
    NewPerpetualOrder,
    PerpetualOrderRecord,
    PositionSide,
)
from core.simulation.engine.perpetual.views import PositionView
from core.simulation.engine.symbols import SymbolSpec
from tests.unit.instruments import perpetual

SYMBOL = "BTCUSDT"
START_NS = 1_700_000_040_000_000_000
"""A whole minute."""
SECOND_NS = 1_000_000_000
FREE = FeeSchedule(Decimal(0), Decimal(0))
USUAL = FeeSchedule(Decimal(2), Decimal(4))
BUY, SELL = Side.BUY, Side.SELL
BOTH, LONG, SHORT = PositionSide.BOTH, PositionSide.LONG, PositionSide.SHORT
USDT = 100_000_000
"""Atoms of one."""


def contract(symbol: str = "BTC/USDT:USDT", *, max_open_orders: int = 200, **terms: Any) -> Contract:
    """Tick 0.1, lot 0.001, with the brackets of a large contract unless told."""
    steps = {"tick_size": Decimal("0.1"), "lot_size": Decimal("0.001"), "min_quantity": Decimal("0.001")}
    spec = SymbolSpec.of(perpetual(symbol, **steps), max_open_orders=max_open_orders)
    return Contract.of(spec, **{"table": LARGE, **terms})


def with_accounts(
    *accounts: str, fees: FeeSchedule = FREE, usdt: int = 10_000, contracts: Sequence[Contract] = ()
) -> PerpetualExchange:
    """An exchange with these accounts; no mark price yet."""
    venue = PerpetualExchange(contracts or [contract()], fees=fees, start_ns=START_NS)
    for account in accounts:
        venue.open_account(account, {"USDT": Decimal(usdt)}, START_NS)
    return venue


def quote(
    venue: PerpetualExchange, bids: Mapping[int, int], asks: Mapping[int, int], symbol: str = SYMBOL
) -> list[PerpetualEvent]:
    """Let the house rest lots at whole prices (in USDT), in place of all that it had."""
    house = venue.house(symbol)
    for side, levels in ((house.bids, bids), (house.asks, asks)):
        for key in list(side.keys):
            side.remove_house(key, 1 << 60)
        for price, lots in levels.items():
            side.add_house(price * 10 * side.sign, lots)
    house.log(venue.now_ns)
    return venue.take_events(venue.now_ns)


def mark(venue: PerpetualExchange, price: int | str, symbol: str = SYMBOL) -> list[PerpetualEvent]:
    """Let index and mark price be `price` now, as if it had last traded there."""
    venue._listings[symbol].last_price = int(Decimal(price) * 10)
    venue.mark({symbol: int(Decimal(price) * USDT)}, venue.now_ns + SECOND_NS)
    return venue.take_events(venue.now_ns)


def move(venue: PerpetualExchange, price: int, lots: int = 1_000_000, symbol: str = SYMBOL) -> list[PerpetualEvent]:
    """The whole market stands at `price`: quotes one USDT around it, the last trade, the index and the mark price."""
    events = quote(venue, {price - 1: lots}, {price + 1: lots}, symbol)
    venue.house(symbol).print_trade(price * 10, 1, venue.now_ns, buyer_is_maker=False)
    venue.house(symbol).log(venue.now_ns)
    return events + venue.take_events(venue.now_ns) + mark(venue, price, symbol)


def limit(
    side: Side, quantity: str | int, price: str | int, time_in_force: TimeInForce | None = None, **more: Any
) -> NewPerpetualOrder:
    fields: dict[str, Any] = {"symbol": SYMBOL, "time_in_force": time_in_force, **more}
    return NewPerpetualOrder(
        side=side, order_type=OrderType.LIMIT, quantity=Decimal(quantity), price=Decimal(price), **fields
    )


def market(side: Side, quantity: str | int, **more: Any) -> NewPerpetualOrder:
    fields: dict[str, Any] = {"symbol": SYMBOL, **more}
    return NewPerpetualOrder(side=side, order_type=OrderType.MARKET, quantity=Decimal(quantity), **fields)


def algo(kind: ConditionalType, side: Side, **more: Any) -> NewAlgoOrder:
    """Numbers are taken as decimals."""
    fields = {
        key: Decimal(value) if type(value) in (int, str) and key in _DECIMALS else value for key, value in more.items()
    }
    return NewAlgoOrder(**{"symbol": SYMBOL, "side": side, "order_type": kind, **fields})


_DECIMALS = frozenset({"quantity", "price", "trigger_price", "activation_price", "callback_rate"})


def place(venue: PerpetualExchange, account: str, order: NewPerpetualOrder) -> PerpetualOrderRecord:
    return venue.submit(account, order, venue.now_ns + 1_000_000)[0]


def submit(venue: PerpetualExchange, account: str, order: NewPerpetualOrder) -> list[PerpetualEvent]:
    return venue.submit(account, order, venue.now_ns + 1_000_000)[1]


def wait(venue: PerpetualExchange, account: str, order: NewAlgoOrder) -> int:
    """Its algo id."""
    return venue.submit_algo(account, order, venue.now_ns + 1_000_000)[0].algo_id


def again(venue: PerpetualExchange, record: PerpetualOrderRecord) -> PerpetualOrderRecord:
    """What the exchange knows of it now."""
    found = venue.order(record.account, record.symbol, order_id=record.order_id)
    assert found is not None
    return found


def lots(venue: PerpetualExchange, account: str, side: PositionSide = BOTH) -> int:
    return position(venue, account, side).lots


def position(venue: PerpetualExchange, account: str, side: PositionSide = BOTH, symbol: str = SYMBOL) -> PositionView:
    return next(view for view in venue.positions(account, symbol) if view.side is side)


def changes(events: Sequence[PerpetualEvent]) -> list[OrderChange]:
    return [event.change for event in events if isinstance(event, PerpetualOrderChanged)]


def algo_changes(events: Sequence[PerpetualEvent]) -> list[tuple[AlgoStatus, str]]:
    return [(event.order.status, event.order.reason) for event in events if isinstance(event, AlgoOrderChanged)]


def account_changes(events: Sequence[PerpetualEvent]) -> list[AccountChanged]:
    return [event for event in events if isinstance(event, AccountChanged)]
