"""The event log: every change of the exchange's state, in order, with one sequence number through all symbols and
accounts. Times in UTC ns of venue time, prices in ticks, quantities in lots, money in atoms of 1e-8.

Everything public is derived from these by folds: trades, depth, best quotes, tickers and candles.
"""

from enum import Enum

import msgspec

from core.simulation.engine.intervals import Interval
from core.simulation.engine.orders import AccountTrade, OrderRecord
from core.simulation.engine.special import Amendment, PreventedMatch


class OrderChange(Enum):
    NEW = "NEW"
    """Accepted: on the book, waiting for its trigger, or about to match."""
    TRIGGERED = "TRIGGERED"
    """A stop began to work (Binance reports it as NEW with `isWorking`)."""
    TRADE = "TRADE"
    AMENDED = "AMENDED"
    """Price or quantity changed: by its owner, or by the exchange where a reduce-only order exceeds its position."""
    CANCELED = "CANCELED"
    """By its owner."""
    EXPIRED = "EXPIRED"
    """By the exchange: the rest of an IOC, FOK or MARKET order, a triggered stop its owner could not pay, the other
    orders of a list."""
    RELEASED = "RELEASED"
    """A pending order of a list takes its turn (Binance reports it as NEW)."""
    REPLACED = "REPLACED"
    """Its quantity was amended."""
    TRADE_PREVENTION = "TRADE_PREVENTION"
    """It lost lots, or expired, instead of trading with its own account."""
    TRACKED = "TRACKED"
    """A trailing stop has begun to follow the price, or its best price has moved; Binance reports nothing."""


class OrderChanged(msgspec.Struct, frozen=True, gc=False):
    sequence: int
    time_ns: int
    change: OrderChange
    order: OrderRecord
    trade: AccountTrade | None = None
    """Set for TRADE alone."""
    request_id: str | None = None
    """The cancel request's own client id (Binance: `c` of a CANCELED report); `None`: none was given."""
    detail: PreventedMatch | Amendment | None = None
    """Set for TRADE_PREVENTION and REPLACED."""


class ListStatus(Enum):
    """Where an order list stands (Binance's `listStatusType` and, but for UPDATED, `listOrderStatus`)."""

    EXECUTING = "EXEC_STARTED"
    UPDATED = "UPDATED"
    """A client order id in it has changed; it goes on."""
    ALL_DONE = "ALL_DONE"
    """No order in it depends on another one any more; one may still be open."""


class ListRecord(msgspec.Struct, frozen=True, gc=False):
    """The whole picture of one order list at `updated_ns`."""

    account: str
    symbol: str
    list_id: int
    client_list_id: str
    contingency: str
    """OCO or OTO; an OTOCO is an OTO with three orders."""
    status: ListStatus
    orders: tuple[tuple[int, str], ...]
    """(order id, client order id), a working order first, then the one above, then the one below."""
    created_ns: int
    updated_ns: int


class ListChanged(msgspec.Struct, frozen=True, gc=False):
    """An order list was placed, went on or ended; the changes of its orders are events of their own."""

    sequence: int
    time_ns: int
    order_list: ListRecord


class Trade(msgspec.Struct, frozen=True, gc=False):
    """A public trade. Ids grow by one per symbol; trades of one taker at one price share their `aggregate_id`."""

    sequence: int
    time_ns: int
    symbol: str
    trade_id: int
    aggregate_id: int
    price: int
    quantity: int
    buyer_is_maker: bool


class BookChanged(msgspec.Struct, frozen=True, gc=False):
    """The levels one operation changed, never none: (price, new total quantity), quantity 0 removes the level.

    Each changed level takes one update id, so ids `first_update_id` to `last_update_id` follow the symbol's previous
    event without a gap. Best prices are those after the change; quantity 0 stands for an empty side.
    """

    sequence: int
    time_ns: int
    symbol: str
    first_update_id: int
    last_update_id: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    best_bid: int
    best_bid_quantity: int
    best_ask: int
    best_ask_quantity: int


class BalancesChanged(msgspec.Struct, frozen=True, gc=False):
    """The new absolute balances of the assets one operation touched: (asset, free, locked)."""

    sequence: int
    time_ns: int
    account: str
    balances: tuple[tuple[str, int, int], ...]


class Deposited(msgspec.Struct, frozen=True, gc=False):
    """An account got `amount` atoms from outside; its BalancesChanged follows."""

    sequence: int
    time_ns: int
    account: str
    asset: str
    amount: int


class Candle(msgspec.Struct, frozen=True, gc=False):
    """Prices in ticks, volumes in lots, quote volumes in price x quantity steps (`SymbolSpec.steps_text`).

    A candle without trades is flat at the last close. Trade ids are -1 where there is no trade or none is known
    (candles from before the venue's start).
    """

    open_ms: int
    close_ms: int
    """Last ms inside the candle."""
    open: int
    high: int
    low: int
    close: int
    volume: int
    quote_volume: int
    n_trades: int
    taker_buy_volume: int
    taker_buy_quote_volume: int
    first_trade_id: int = -1
    last_trade_id: int = -1


class CandleClosed(msgspec.Struct, frozen=True, gc=False):
    """Final: no later trade belongs to it."""

    sequence: int
    time_ns: int
    symbol: str
    interval: Interval
    candle: Candle


Event = OrderChanged | ListChanged | Trade | BookChanged | BalancesChanged | Deposited | CandleClosed
