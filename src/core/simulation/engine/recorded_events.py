"""What a recording of an exchange's streams says, in the engine's units: prices in ticks, quantities in lots, times in
UTC ns of the recorded exchange, never going back. Update ids order all that is said of one symbol's book.
"""

import msgspec

Levels = tuple[tuple[int, int], ...]
"""(price, lots); lots 0: the level is gone."""


class BookStarted(msgspec.Struct, frozen=True, gc=False):
    """The whole book as far as it was recorded; it replaces what was known."""

    symbol: str
    time_ns: int
    update_id: int
    bids: Levels
    asks: Levels


class LevelsChanged(msgspec.Struct, frozen=True, gc=False):
    """New totals of the levels that changed up to `update_id`; it follows the symbol's previous one without a gap."""

    symbol: str
    time_ns: int
    update_id: int
    bids: Levels
    asks: Levels


class BestQuoted(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask at `update_id`, bid < ask; lots 0: that side is empty."""

    symbol: str
    time_ns: int
    update_id: int
    bid: int
    bid_lots: int
    ask: int
    ask_lots: int


class TradeRecorded(msgspec.Struct, frozen=True, gc=False):
    symbol: str
    time_ns: int
    price: int
    lots: int
    buyer_is_maker: bool


Recorded = BookStarted | LevelsChanged | BestQuoted | TradeRecorded
