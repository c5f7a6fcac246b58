"""Orders on perpetuals as asked, and as the exchange knows them.

There are two books of them, as on Binance since December 2025: orders proper (LIMIT, MARKET), which work at once, and
conditional ('algo') orders with ids of their own, which become an order proper when their trigger is reached.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from core.domain.orders import OrderType, Side, TimeInForce
from core.simulation.engine.orders import AccountTrade, OrderRecord


class PositionSide(StrEnum):
    """BOTH in one-way mode; LONG and SHORT in hedge mode, where a symbol has two positions."""

    BOTH = "BOTH"
    LONG = "LONG"
    SHORT = "SHORT"


class MarginType(StrEnum):
    CROSSED = "CROSSED"
    ISOLATED = "ISOLATED"


class WorkingType(StrEnum):
    """The price that triggers a conditional order."""

    CONTRACT_PRICE = "CONTRACT_PRICE"
    MARK_PRICE = "MARK_PRICE"


class ConditionalType(StrEnum):
    STOP_MARKET = "STOP_MARKET"
    STOP = "STOP"
    """A stop that becomes a limit order."""
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"
    TAKE_PROFIT = "TAKE_PROFIT"
    TRAILING_STOP_MARKET = "TRAILING_STOP_MARKET"

    @property
    def has_limit(self) -> bool:
        return self in (ConditionalType.STOP, ConditionalType.TAKE_PROFIT)


class AlgoStatus(StrEnum):
    """Binance's `algoStatus`, less TRIGGERING, which would never be seen here."""

    NEW = "NEW"
    TRIGGERED = "TRIGGERED"
    """Its order proper is on the book."""
    FINISHED = "FINISHED"
    """Its order proper is filled, cancelled or expired."""
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    """Triggered, but the order proper was refused; `reason` of the record says why."""
    EXPIRED = "EXPIRED"
    """By the exchange: good-till-date passed, or nothing to close."""

    @property
    def is_open(self) -> bool:
        return self is AlgoStatus.NEW


class NewPerpetualOrder(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A request for an order proper. `order_type` is LIMIT or MARKET.

    `price` for LIMIT alone; `time_in_force` for LIMIT alone, `None` means GTC. `good_till_ns` (UTC ns of venue time) is
    for GTD, and only for it. `client_order_id` `None`: the exchange makes one.
    """

    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    position_side: PositionSide = PositionSide.BOTH
    reduce_only: bool = False
    """In one-way mode alone; in hedge mode the sides say it (UNNEEDED_PARAMETER 'reduceOnly')."""
    good_till_ns: int | None = None
    client_order_id: str | None = None


class NewAlgoOrder(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A request for a conditional order.

    `trigger_price` for all but TRAILING_STOP_MARKET, which has `callback_rate` (percent, 0.1 to 10) and perhaps
    `activation_price` (`None`: follows the price from the start). `price` and `time_in_force` (`None`: GTC) for STOP
    and TAKE_PROFIT. `quantity` is `None` with `close_position` alone, which STOP_MARKET and TAKE_PROFIT_MARKET can
    have: the whole position is closed.
    """

    symbol: str
    side: Side
    order_type: ConditionalType
    quantity: Decimal | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    activation_price: Decimal | None = None
    callback_rate: Decimal | None = None
    time_in_force: TimeInForce | None = None
    position_side: PositionSide = PositionSide.BOTH
    reduce_only: bool = False
    close_position: bool = False
    working_type: WorkingType = WorkingType.CONTRACT_PRICE
    good_till_ns: int | None = None
    client_algo_id: str | None = None


class PerpetualOrderRecord(OrderRecord, frozen=True, gc=False, kw_only=True):
    """The whole picture of one order at `updated_ns`. `OrderRecord.stop_price` and `quote_quantity` are 0 here;
    `filled_quote` / `filled` is the average price."""

    position_side: PositionSide
    reduce_only: bool
    close_position: bool
    """Made by a conditional order with `close_position`."""
    good_till_ns: int
    """0: none."""
    algo_id: int
    """Of the conditional order it comes from; 0: of none."""
    conditional_type: ConditionalType | None
    """Type of the conditional order it comes from (Binance's `origType`); `None`: of none."""
    is_liquidation: bool
    """Placed by the exchange to close a position that lacks margin."""


class PerpetualTrade(AccountTrade, frozen=True, gc=False, kw_only=True):
    """One account's side of a trade; the fee is in the margin asset."""

    position_side: PositionSide
    realised: int
    """Profit (negative: loss) in atoms of the margin asset, before the fee."""


class AlgoOrderRecord(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The whole picture of one conditional order at `updated_ns`. Prices in ticks, 0: none."""

    account: str
    symbol: str
    algo_id: int
    client_algo_id: str
    side: Side
    position_side: PositionSide
    order_type: ConditionalType
    time_in_force: TimeInForce
    quantity: int
    """Lots; 0 with `close_position`."""
    price: int
    trigger_price: int
    activation_price: int
    callback_millionths: int
    """Of a trailing stop: 1 % is 10,000."""
    working_type: WorkingType
    reduce_only: bool
    close_position: bool
    good_till_ns: int
    status: AlgoStatus
    reason: str
    """Of REJECTED and EXPIRED: the refusal's kind, or `good_till_date`, `no_position`; else empty."""
    order_id: int
    """Of its order proper; 0: not triggered yet."""
    extreme: int
    """Of an active trailing stop: the best price seen, in quote atoms per unit of base; 0: not active."""
    created_ns: int
    updated_ns: int
    triggered_ns: int
    """0: not yet."""
