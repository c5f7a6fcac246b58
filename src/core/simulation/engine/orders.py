"""Orders as asked, and as the exchange knows them. Prices in ticks, quantities in lots, money in atoms (1e-8)."""

from decimal import Decimal

import msgspec

from core.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from core.simulation.engine.special import SelfTradePrevention, Special, Strategy


class NewOrder(msgspec.Struct, frozen=True, gc=False):
    """A request for an order, in the words of the protocol; which fields a type takes is checked by the exchange.

    `quantity` is `None` only for a MARKET order by `quote_quantity`. `price` is needed by LIMIT, LIMIT_MAKER and the
    *_LIMIT types, `stop_price` or `trailing_delta_bips` (or both) by the STOP_LOSS and TAKE_PROFIT types.
    `time_in_force` is for types with a limit price other than LIMIT_MAKER; `None` means GTC. `client_order_id` `None`:
    the exchange makes one.
    """

    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    client_order_id: str | None = None
    iceberg_quantity: Decimal | None = None
    """Show no more than this at a time; `None`: show all of it."""
    trailing_delta_bips: int | None = None
    """Trigger after the price has turned by this much from its best since `stop_price` was reached (or since the order,
    without one)."""
    prevention: SelfTradePrevention | None = None
    """`None`: the symbol's default."""
    strategy: Strategy | None = None
    """`None`: no labels."""


class OrderRecord(msgspec.Struct, frozen=True, gc=False):
    """The whole picture of one order at `updated_ns`; later pictures are new records."""

    account: str
    symbol: str
    order_id: int
    client_order_id: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    """GTC for the types that have none (Binance shows it so)."""
    price: int
    """Limit price; 0 for types without one."""
    stop_price: int
    """0: none."""
    quantity: int
    """Lots; for a MARKET order by quote quantity what has been bought or sold so far."""
    quote_quantity: int
    """Quote atoms asked of a MARKET order; 0: by quantity."""
    filled: int
    """Lots."""
    filled_quote: int
    """Quote atoms."""
    status: OrderStatus
    is_working: bool
    """On the book or matched; False for a stop that has not triggered."""
    created_ns: int
    updated_ns: int
    working_ns: int
    """When it began to work; 0: not yet."""
    special: Special | None = None
    """`None`: an ordinary order."""


class AccountTrade(msgspec.Struct, frozen=True, gc=False):
    """One account's side of a trade; the same `trade_id` is the public trade's."""

    account: str
    symbol: str
    trade_id: int
    order_id: int
    client_order_id: str
    side: Side
    price: int
    quantity: int
    quote: int
    """Quote atoms paid or received before the fee."""
    fee: int
    """Atoms of `fee_asset`."""
    fee_asset: str
    is_maker: bool
    time_ns: int
