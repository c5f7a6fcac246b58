"""Shapes of Binance's messages, decoded by msgspec; fields not named here are skipped unread.

Market frames decode straight into floats (their text is a decimal); constraints refuse NaN, infinities and negatives.
What touches money is a Decimal. Structs of the streams are outside the garbage collector's sight.
"""

from decimal import Decimal
from typing import Annotated

from msgspec import DecodeError, Meta, Raw, Struct, field

Price = Annotated[float, Meta(gt=0, le=1e15)]
TouchPrice = Annotated[float, Meta(ge=0, le=1e15)]
"""0 where that side of the book is empty."""
Quantity = Annotated[float, Meta(ge=0, le=1e18)]
Count = Annotated[int, Meta(ge=0)]
TimeMs = Annotated[int, Meta(ge=0, le=10**14)]
DecimalText = Annotated[str, Meta(pattern=r"^\d{1,20}(\.\d{1,20})?$")]
Level = tuple[Price, Quantity]

UNREADABLE = (DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for bytes that are not what they should be."""


class ErrorAnswer(Struct, frozen=True):
    code: int
    msg: str = ""


# Market streams, each inside {"stream": ..., "data": ...}


class QuoteData(Struct, frozen=True, gc=False):
    update_id: Count = field(name="u")
    bid: TouchPrice = field(name="b")
    bid_quantity: Quantity = field(name="B")
    ask: TouchPrice = field(name="a")
    ask_quantity: Quantity = field(name="A")
    event_ms: TimeMs | None = field(name="E", default=None)


class QuoteFrame(Struct, frozen=True, gc=False):
    data: QuoteData


class TradeData(Struct, frozen=True, gc=False):
    trade_id: Count = field(name="t")
    price: DecimalText = field(name="p")
    quantity: DecimalText = field(name="q")
    trade_ms: TimeMs = field(name="T")
    buyer_is_maker: bool = field(name="m")


class TradeFrame(Struct, frozen=True, gc=False):
    data: TradeData


class KlineData(Struct, frozen=True, gc=False):
    open_ms: TimeMs = field(name="t")
    open: Price = field(name="o")
    high: Price = field(name="h")
    low: Price = field(name="l")
    close: Price = field(name="c")
    volume: Quantity = field(name="v")
    quote_volume: Quantity = field(name="q")
    n_trades: Count = field(name="n")
    is_closed: bool = field(name="x")


class KlineEvent(Struct, frozen=True, gc=False):
    event_ms: TimeMs = field(name="E")
    kline: KlineData = field(name="k")


class KlineFrame(Struct, frozen=True, gc=False):
    data: KlineEvent


class DepthData(Struct, frozen=True, gc=False):
    event_ms: TimeMs = field(name="E")
    first_id: Count = field(name="U")
    last_id: Count = field(name="u")
    bids: list[Level] = field(name="b")
    asks: list[Level] = field(name="a")
    previous_id: int | None = field(name="pu", default=None)
    """Of USD-M only."""


class DepthFrame(Struct, frozen=True, gc=False):
    data: DepthData


class ControlFrame(Struct, frozen=True):
    """Whatever else comes on a stream connection: acknowledgements, refusals, notices, frames of unknown streams."""

    id: int | str | None = None
    error: ErrorAnswer | None = None
    code: int | None = None
    msg: str = ""
    stream: str | None = None
    event: str | None = field(name="e", default=None)


# REST


class TimeAnswer(Struct, frozen=True, rename="camel"):
    server_time: TimeMs


class Kline(Struct, frozen=True, array_like=True):
    open_ms: TimeMs
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Quantity
    close_ms: TimeMs
    quote_volume: Quantity
    n_trades: Count


class DepthAnswer(Struct, frozen=True, rename="camel"):
    last_update_id: Count
    bids: list[Level]
    asks: list[Level]


class FillAnswer(Struct, frozen=True, rename="camel"):
    """One entry of `fills` in the answer to a new order."""

    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    trade_id: int


class BookedOrder(Struct, frozen=True, rename="camel"):
    """What all markets show of an order."""

    symbol: str
    order_id: int
    client_order_id: str
    orig_qty: Decimal
    executed_qty: Decimal
    status: str
    type: str
    side: str
    stop_price: Decimal | None = None
    update_time: TimeMs | None = None


class OrderAnswer(BookedOrder, frozen=True, kw_only=True, rename="camel"):
    """An order as the answer to a new order, a cancel or a query shows it."""

    price: Decimal
    cummulative_quote_qty: Decimal
    orig_client_order_id: str | None = None
    """In the answer to a cancel the order's own id, while `client_order_id` is the cancel's."""
    transact_time: TimeMs | None = None
    expiry_reason: str | None = None
    order_list_id: int = -1
    """-1: it is in no order list."""
    fills: tuple[FillAnswer, ...] = ()


class AmendedOrder(Struct, frozen=True, rename="camel"):
    """An order as the answer to its amendment shows it: nearly as other answers do."""

    order_id: int
    client_order_id: str
    status: str
    side: str
    type: str
    qty: Decimal
    executed_qty: Decimal
    cumulative_quote_qty: Decimal
    price: Decimal
    stop_price: Decimal | None = None


class AmendAnswer(Struct, frozen=True, rename="camel"):
    transact_time: TimeMs
    amended_order: AmendedOrder


class OrderListAnswer(Struct, frozen=True, rename="camel"):
    """The answer to a new order list."""

    order_list_id: int
    order_reports: list[OrderAnswer]


class OwnTrade(Struct, frozen=True, rename="camel"):
    """What all markets show of one of our trades."""

    id: int
    order_id: int
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    time: TimeMs


class TradeAnswer(OwnTrade, frozen=True, rename="camel"):
    is_buyer: bool
    is_maker: bool


class BalanceAnswer(Struct, frozen=True):
    asset: str
    free: Decimal
    locked: Decimal


class AccountAnswer(Struct, frozen=True, rename="camel"):
    balances: list[BalanceAnswer]
    can_trade: bool = False
    can_withdraw: bool | None = None


class KeyRestrictions(Struct, frozen=True, rename="camel"):
    enable_reading: bool
    enable_spot_and_margin_trading: bool
    enable_withdrawals: bool
    ip_restrict: bool | None = None


# User data stream


class OrderPush(Struct, frozen=True, kw_only=True):
    """What all markets push of an order."""

    symbol: str = field(name="s")
    client_order_id: str = field(name="c")
    side: str = field(name="S")
    order_type: str = field(name="o")
    quantity: Decimal = field(name="q")
    price: Decimal = field(name="p")
    execution: str = field(name="x")
    status: str = field(name="X")
    order_id: int = field(name="i")
    last_quantity: Decimal = field(name="l")
    filled_quantity: Decimal = field(name="z")
    last_price: Decimal = field(name="L")
    transaction_ms: TimeMs = field(name="T")
    trade_id: int = field(name="t")
    is_maker: bool = field(name="m")
    fee: Decimal = field(name="n", default=Decimal(0))
    fee_asset: str | None = field(name="N", default=None)


class ExecutionReport(OrderPush, frozen=True, kw_only=True):
    event_ms: TimeMs = field(name="E")
    stop_price: Decimal = field(name="P")
    reject_reason: str = field(name="r")
    original_client_order_id: str = field(name="C", default="")
    """Of a cancel: the order's own id, while `client_order_id` is the cancel's."""
    filled_notional: Decimal = field(name="Z", default=Decimal(0))
    expiry_reason: str | None = field(name="eR", default=None)


class PositionEntry(Struct, frozen=True):
    asset: str = field(name="a")
    free: Decimal = field(name="f")
    locked: Decimal = field(name="l")


class AccountPosition(Struct, frozen=True):
    event_ms: TimeMs = field(name="E")
    balances: list[PositionEntry] = field(name="B")


class UserEventKind(Struct, frozen=True):
    event: str = field(name="e")


class SocketFrame(Struct, frozen=True):
    """A frame of the WebSocket API: an answer (`id`) or a pushed event."""

    id: int | str | None = None
    status: int | None = None
    error: ErrorAnswer | None = None
    event: Raw = Raw()
    """Empty in an answer."""


# Exchange information


class SymbolFilter(Struct, frozen=True, rename="camel"):
    """All filters in one shape; each fills the fields it has."""

    filter_type: str
    tick_size: Decimal | None = None
    step_size: Decimal | None = None
    min_qty: Decimal | None = None
    max_qty: Decimal | None = None
    min_notional: Decimal | None = None
    max_notional: Decimal | None = None
    bid_multiplier_up: Decimal | None = None
    bid_multiplier_down: Decimal | None = None
    ask_multiplier_up: Decimal | None = None
    ask_multiplier_down: Decimal | None = None
    multiplier_up: Decimal | None = None
    multiplier_down: Decimal | None = None
    max_num_algo_orders: int | None = None
    limit: int | None = None
    """Of ICEBERG_PARTS; other filters' limits have names of their own on spot."""
    min_trailing_above_delta: int | None = None
    max_trailing_above_delta: int | None = None
    min_trailing_below_delta: int | None = None
    max_trailing_below_delta: int | None = None


class SymbolInfo(Struct, frozen=True, rename="camel"):
    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[SymbolFilter]
    quote_precision: Annotated[int, Meta(ge=0, le=20)] = 8
    iceberg_allowed: bool = False
    is_spot_trading_allowed: bool = True
    allow_trailing_stop: bool = False


class ExchangeInfo(Struct, frozen=True):
    symbols: list[Raw]
    """Left raw: symbols are decoded one by one, so that no single C call holds the interpreter for long."""
