"""The event log: every change of the exchange's state, in order, with one sequence number through all symbols and
accounts. Times in UTC ns of venue time, prices in ticks, quantities in lots, money in atoms of 1e-8.

Everything public is derived from these by folds: trades, depth, best quotes, tickers and candles.
"""

from enum import Enum

import msgspec

from core.simulation.engine.intervals import Interval
from core.simulation.engine.orders import AccountTrade, OrderRecord


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
    """By the exchange: the rest of an IOC, FOK or MARKET order, or a triggered stop its owner could not pay."""


class OrderChanged(msgspec.Struct, frozen=True, gc=False):
    sequence: int
    time_ns: int
    change: OrderChange
    order: OrderRecord
    trade: AccountTrade | None = None
    """Set for TRADE alone."""
    request_id: str | None = None
    """The cancel request's own client id (Binance: `c` of a CANCELED report); `None`: none was given."""


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


Event = OrderChanged | Trade | BookChanged | BalancesChanged | Deposited | CandleClosed
