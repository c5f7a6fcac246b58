"""What the exchange answers when asked: frozen pictures of its present state, in ticks, lots and steps."""

import msgspec


class Depth(msgspec.Struct, frozen=True, gc=False):
    """Best first, (price, quantity)."""

    last_update_id: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


class Best(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask; quantity 0: that side is empty."""

    update_id: int
    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int


class AggregateTrade(msgspec.Struct, frozen=True, gc=False):
    """Trades of one taker order at one price."""

    aggregate_id: int
    price: int
    quantity: int
    first_trade_id: int
    last_trade_id: int
    time_ns: int
    buyer_is_maker: bool


class Ticker(msgspec.Struct, frozen=True, gc=False):
    """The last 24 hours, in whole minutes of candles. Trade ids are -1 when no trade of this session is inside."""

    symbol: str
    open_ms: int
    close_ms: int
    open: int
    high: int
    low: int
    last: int
    last_quantity: int
    previous_close: int
    """Last price before the window."""
    volume: int
    quote_volume: int
    n_trades: int
    first_trade_id: int
    last_trade_id: int
