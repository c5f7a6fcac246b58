"""Shapes of USD-M's messages where they are not spot's; see `core.venues.binance.decode`."""

from decimal import Decimal

from msgspec import Raw, Struct, field

from core.venues.binance import decode
from core.venues.binance.decode import BookedOrder, OrderPush, OwnTrade, Price, SymbolFilter, TimeMs

# Market streams


class MarkData(Struct, frozen=True, gc=False):
    event_ms: TimeMs = field(name="E")
    mark: Price = field(name="p")
    next_funding_ms: TimeMs = field(name="T")
    funding_rate: float | None = field(name="r", default=None)


class MarkFrame(Struct, frozen=True, gc=False):
    data: MarkData


# REST


class DepthAnswer(decode.DepthAnswer, frozen=True, rename="camel"):
    event_ms: TimeMs = field(name="T")


class OrderAnswer(BookedOrder, frozen=True, kw_only=True, rename="camel"):
    """An order as the answer to a new order, a cancel or a query shows it."""

    price: Decimal = Decimal(0)
    avg_price: Decimal = Decimal(0)
    cum_quote: Decimal = Decimal(0)
    time: TimeMs | None = None


class AlgoAnswer(Struct, frozen=True, rename="camel"):
    """A conditional order as the answer to a new one or a query shows it."""

    algo_id: int
    client_algo_id: str
    symbol: str
    side: str
    quantity: Decimal
    algo_status: str
    order_type: str = ""
    type: str = ""
    """What `order_type` is called in some answers."""
    trigger_price: Decimal | None = None
    price: Decimal | None = None
    create_time: TimeMs | None = None
    update_time: TimeMs | None = None
    actual_order_id: str | int | None = None
    """Of the order that the trigger has placed; empty or absent before."""


class AlgoCancelAnswer(Struct, frozen=True, rename="camel"):
    algo_id: int
    client_algo_id: str


class TradeAnswer(OwnTrade, frozen=True, rename="camel"):
    side: str
    realized_pnl: Decimal
    maker: bool


class AssetAnswer(Struct, frozen=True, rename="camel"):
    asset: str
    wallet_balance: Decimal
    available_balance: Decimal


class AccountAnswer(Struct, frozen=True, rename="camel"):
    assets: list[AssetAnswer]


class FuturesRights(Struct, frozen=True, rename="camel"):
    """Of a key."""

    enable_reading: bool
    enable_futures: bool = False
    enable_withdrawals: bool | None = None
    ip_restrict: bool | None = None


class PositionAnswer(Struct, frozen=True, rename="camel"):
    symbol: str
    position_amt: Decimal
    entry_price: Decimal
    mark_price: Decimal
    liquidation_price: Decimal
    position_side: str = "BOTH"


class IncomeAnswer(Struct, frozen=True, rename="camel"):
    symbol: str
    income: Decimal
    asset: str
    time: TimeMs
    tran_id: int | str


class PositionMode(Struct, frozen=True, rename="camel"):
    dual_side_position: bool


class ListenKey(Struct, frozen=True, rename="camel"):
    listen_key: str = ""


# User data stream


class OrderUpdate(OrderPush, frozen=True, kw_only=True):
    average_price: Decimal = field(name="ap")
    stop_price: Decimal | None = field(name="sp", default=None)
    realised_profit: Decimal = field(name="rp", default=Decimal(0))
    expiry_reason: str | int | None = field(name="er", default=None)


class OrderTradeUpdate(Struct, frozen=True):
    order: OrderUpdate = field(name="o")


class BalanceChange(Struct, frozen=True):
    asset: str = field(name="a")
    wallet_balance: Decimal = field(name="wb")


class PositionChange(Struct, frozen=True):
    symbol: str = field(name="s")
    quantity: Decimal = field(name="pa")
    entry_price: Decimal = field(name="ep")
    position_side: str = field(name="ps", default="BOTH")


class AccountChange(Struct, frozen=True):
    reason: str = field(name="m")
    balances: list[BalanceChange] = field(name="B", default_factory=list)
    positions: list[PositionChange] = field(name="P", default_factory=list)


class AccountUpdate(Struct, frozen=True):
    transaction_ms: TimeMs = field(name="T")
    change: AccountChange = field(name="a")


class AlgoOrder(Struct, frozen=True):
    client_algo_id: str = field(name="caid")
    algo_id: int = field(name="aid")
    order_type: str = field(name="o")
    symbol: str = field(name="s")
    side: str = field(name="S")
    quantity: Decimal = field(name="q")
    status: str = field(name="X")
    trigger_price: Decimal = field(name="tp")
    price: Decimal = field(name="p", default=Decimal(0))
    order_id: str = field(name="ai", default="")
    """Of the order that the trigger has placed; empty before."""
    average_price: Decimal = field(name="ap", default=Decimal(0))
    filled_quantity: Decimal = field(name="aq", default=Decimal(0))
    reason: str = field(name="rm", default="")


class AlgoUpdate(Struct, frozen=True):
    transaction_ms: TimeMs = field(name="T")
    order: AlgoOrder = field(name="o")


class UserFrame(Struct, frozen=True):
    """An event, bare or in the wrapping of a combined stream."""

    event: str = field(name="e", default="")
    data: Raw = Raw()


# Exchange information


class PerpetualFilter(SymbolFilter, frozen=True, rename="camel"):
    notional: Decimal | None = None


class ContractInfo(Struct, frozen=True, rename="camel"):
    symbol: str
    status: str
    contract_type: str
    base_asset: str
    quote_asset: str
    margin_asset: str
    filters: list[PerpetualFilter]
    order_types: list[str] = []
    quantity_precision: int = 3
    price_precision: int = 2
