"""Small exchanges for tests, and shorthand to trade on them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from core.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from core.simulation.engine.events import BookChanged, Event, OrderChange, OrderChanged, Trade
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.house import House
from core.simulation.engine.orders import NewOrder, OrderRecord
from core.simulation.engine.symbols import SymbolSpec
from tests.unit.instruments import spot

SYMBOL = "BTCUSDT"
START_NS = 1_700_000_040_000_000_000
"""A whole minute."""
FREE = FeeSchedule(Decimal(0), Decimal(0))
TEN_BPS = FeeSchedule(Decimal(10), Decimal(10))

BUY, SELL = Side.BUY, Side.SELL


def spec(**changes: Any) -> SymbolSpec:
    """BTC/USDT with a tick of 0.01 and a lot of 0.001."""
    return SymbolSpec.of(
        spot(**{"lot_size": Decimal("0.001"), "min_quantity": Decimal("0.001"), "min_notional": Decimal(0), **changes})
    )


def exchange(fees: FeeSchedule = FREE, specs: Sequence[SymbolSpec] = ()) -> Exchange:
    return Exchange(specs or [spec()], fees=fees, start_ns=START_NS)


def with_accounts(
    *accounts: str, fees: FeeSchedule = FREE, deposits: Mapping[str, int] | None = None, **changes: Any
) -> Exchange:
    """An exchange with BTC/USDT and these accounts, each with 1,000 BTC and 1,000,000 USDT unless told."""
    venue = exchange(fees, [spec(**changes)])
    for account in accounts:
        amounts = {"BTC": 1_000, "USDT": 1_000_000} if deposits is None else deposits
        venue.open_account(account, {asset: Decimal(amount) for asset, amount in amounts.items()}, START_NS)
    return venue


def limit(
    side: Side,
    quantity: str | int,
    price: str | int,
    time_in_force: TimeInForce | None = None,
    *,
    order_type: OrderType = OrderType.LIMIT,
    client_id: str | None = None,
) -> NewOrder:
    return NewOrder(
        SYMBOL,
        side,
        order_type,
        quantity=Decimal(quantity),
        price=Decimal(price),
        time_in_force=time_in_force,
        client_order_id=client_id,
    )


def market(side: Side, quantity: str | int | None = None, *, quote: str | int | None = None) -> NewOrder:
    return NewOrder(
        SYMBOL,
        side,
        OrderType.MARKET,
        quantity=None if quantity is None else Decimal(quantity),
        quote_quantity=None if quote is None else Decimal(quote),
    )


def stop(
    order_type: OrderType, side: Side, quantity: str | int, at: str | int, price: str | int | None = None
) -> NewOrder:
    return NewOrder(
        SYMBOL,
        side,
        order_type,
        quantity=Decimal(quantity),
        stop_price=Decimal(at),
        price=None if price is None else Decimal(price),
    )


def place(venue: Exchange, account: str, order: NewOrder) -> OrderRecord:
    return venue.submit(account, order, venue.now_ns + 1_000_000)[0]


def submit(venue: Exchange, account: str, order: NewOrder) -> list[Event]:
    return venue.submit(account, order, venue.now_ns + 1_000_000)[1]


def status(venue: Exchange, record: OrderRecord) -> OrderStatus:
    found = venue.order(record.account, record.symbol, order_id=record.order_id)
    assert found is not None
    return found.status


def filled(venue: Exchange, record: OrderRecord) -> Decimal:
    found = venue.order(record.account, record.symbol, order_id=record.order_id)
    assert found is not None
    return venue.symbols[record.symbol].quantity_decimal(found.filled)


def quote_house(venue: Exchange, bids: Mapping[int, int], asks: Mapping[int, int]) -> House:
    """Let the house rest lots at whole prices (in USDT)."""
    house = venue.house(SYMBOL)
    for price, lots in bids.items():
        house.bids.add_house(price * 100, lots)
    for price, lots in asks.items():
        house.asks.add_house(-price * 100, lots)
    house.log(venue.now_ns)
    venue.take_events(venue.now_ns)
    return house


def changes(events: Sequence[Event]) -> list[OrderChange]:
    return [event.change for event in events if isinstance(event, OrderChanged)]


def trades(events: Sequence[Event]) -> list[tuple[int, int]]:
    """(price in ticks, lots) of the public trades."""
    return [(event.price, event.quantity) for event in events if isinstance(event, Trade)]


def book_changes(events: Sequence[Event]) -> list[BookChanged]:
    return [event for event in events if isinstance(event, BookChanged)]
