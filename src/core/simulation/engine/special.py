"""What few orders have besides price and quantity: a hidden part, a trailing stop, a list, self-trade prevention.

An ordinary order has none of it, and its record holds `None` in place of a `Special`, so that it costs nothing.
"""

from enum import StrEnum

import msgspec


class SelfTradePrevention(StrEnum):
    """What becomes of an order that would trade with one of its own account; the taker's mode decides."""

    NONE = "NONE"
    """They trade."""
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    DECREMENT = "DECREMENT"
    """Both lose what would have traded; one with nothing left expires."""


class ExpiryReason(StrEnum):
    """Why an order expired, as Binance's `expiryReason` spells it."""

    REJECTED = "REJECTED"
    """A pending order could not be placed when its turn came."""
    EXCHANGE_CANCELED = "EXCHANGE_CANCELED"
    """A stop triggered, and its owner could not pay."""
    OCO_TRIGGER = "OCO_TRIGGER"
    OTO_PHASE_ONE_EXPIRED = "OTO_PHASE_ONE_EXPIRED"
    UNFILLED_IOC_QUANTITY_EXPIRED = "UNFILLED_IOC_QUANTITY_EXPIRED"
    UNFILLED_FOK_ORDER_EXPIRED = "UNFILLED_FOK_ORDER_EXPIRED"
    INSUFFICIENT_LIQUIDITY = "INSUFFICIENT_LIQUIDITY"


class Strategy(msgspec.Struct, frozen=True, gc=False):
    """Labels that an order's owner may give it; `None`: not given."""

    strategy_id: int | None = None
    strategy_type: int | None = None


class Special(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Prices in ticks, quantities in lots, times in UTC ns; defaults mean "has none of it"."""

    iceberg: int = 0
    """The largest part that is shown at a time; 0: all of it."""
    shown: int = 0
    """What is left of the slice that is shown; 0: not on the book."""
    sliced_ns: int = 0
    """When the present slice joined its queue; 0: with the order."""
    trailing_delta_bips: int = 0
    tracking_ns: int = 0
    """When the trailing stop began to follow the price; 0: it has not (its stop price was not reached)."""
    extreme: int = 0
    """The best price for the order since then."""
    reserve_price: int = 0
    """What a buyer locks a lot at when the order has neither limit nor stop price."""
    list_id: int = -1
    """The order list it belongs, or belonged, to; -1: none."""
    is_pending: bool = False
    """Waits for the working order of its list to fill (Binance: PENDING_NEW)."""
    prevention: SelfTradePrevention = SelfTradePrevention.NONE
    prevented: int = 0
    """Lots that expired instead of trading with the same account."""
    prevented_match_id: int = -1
    """The last of these cases; -1: none."""
    ended_in_match: bool = False
    """It expired by self-trade prevention (Binance: EXPIRED_IN_MATCH)."""
    expiry_reason: ExpiryReason | None = None
    """`None`: not expired, or by self-trade prevention."""
    amendments: int = 0
    """How often its quantity was amended."""
    strategy: Strategy | None = None
    """`None`: its owner gave no labels."""


NOTHING_SPECIAL = Special()


class PreventedMatch(msgspec.Struct, frozen=True, gc=False):
    """One trade of an account with itself that did not happen. Ids grow by one per symbol."""

    account: str
    symbol: str
    match_id: int
    taker_order_id: int
    maker_order_id: int
    mode: SelfTradePrevention
    price: int
    quantity: int
    """What would have traded."""
    taker_prevented: int
    """Lots the taker lost; 0: it was spared."""
    maker_prevented: int
    """Lots the maker lost; 0: it was spared."""
    time_ns: int


class Amendment(msgspec.Struct, frozen=True, gc=False):
    """One reduction of an open order's quantity."""

    account: str
    symbol: str
    order_id: int
    execution_id: int
    """The sequence number of its event."""
    old_client_order_id: str
    new_client_order_id: str
    old_quantity: int
    new_quantity: int
    time_ns: int
