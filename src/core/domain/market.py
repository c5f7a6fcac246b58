"""Public market events, as the streams hand them on.

`event_ns` is the venue's time (UTC ns). `received_ns` is monotonic time of this process (`MonotonicClock`): ages and
latencies survive jumps of the wall clock. msgspec structs outside the garbage collector's sight: thousands a second
pass through the loop.
"""

import msgspec

from core.domain.candles import Candle, Timeframe
from core.domain.instruments import InstrumentId


class TradePrinted(msgspec.Struct, frozen=True, gc=False):
    instrument_id: InstrumentId
    trade_id: int
    price: str
    """As the venue wrote it: the exact decimal. Analytics take `float(price)`."""
    quantity: str
    buyer_is_maker: bool
    event_ns: int
    received_ns: int


class QuoteChanged(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask. `sequence` is the venue's book update id."""

    instrument_id: InstrumentId
    bid: float
    bid_quantity: float
    ask: float
    ask_quantity: float
    sequence: int
    event_ns: int | None
    """`None`: the venue's message carries no time (Binance spot bookTicker)."""
    received_ns: int


class CandleChanged(msgspec.Struct, frozen=True, gc=False):
    """The forming candle (`closed=False`) or its final word (`closed=True`)."""

    instrument_id: InstrumentId
    timeframe: Timeframe
    candle: Candle
    closed: bool
    event_ns: int
    received_ns: int


class BookChanged(msgspec.Struct, frozen=True, gc=False):
    """One applied step of the order book's update ids: a diff (`is_snapshot=False`) or a full picture. Levels are
    (price, quantity); quantity 0 removes the level."""

    instrument_id: InstrumentId
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]
    first_sequence: int
    last_sequence: int
    is_snapshot: bool
    event_ns: int
    received_ns: int
    previous_sequence: int | None = None
    """USD-M's `pu`; `None` on spot, where diffs chain by `first_sequence`."""


class MarkChanged(msgspec.Struct, frozen=True, gc=False):
    """A perpetual's mark price, by which profit, margin and liquidation are measured, and what funding comes next."""

    instrument_id: InstrumentId
    mark: float
    funding_rate: float
    """Of the position's value at `next_funding_ms`: longs pay it to shorts, or get it when negative."""
    next_funding_ms: int
    event_ns: int
    received_ns: int


class StreamInterrupted(msgspec.Struct, frozen=True, gc=False):
    """The connection that carries these instruments was lost, or fell silent; what is known of them is stale until
    their next event. `reason` is a code such as `CONNECTION_CLOSED code=1006`."""

    instrument_ids: tuple[InstrumentId, ...]
    reason: str
    received_ns: int


class StreamRestored(msgspec.Struct, frozen=True, gc=False):
    """The venue acknowledged the subscriptions of these instruments (first time or again)."""

    instrument_ids: tuple[InstrumentId, ...]
    received_ns: int


MarketEvent = (
    TradePrinted | QuoteChanged | CandleChanged | BookChanged | MarkChanged | StreamInterrupted | StreamRestored
)
