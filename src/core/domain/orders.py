"""Orders: what was decided (intents with legs), what was asked of the venue (requests), what it answered (facts)."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NewType

from core.domain.instruments import InstrumentId
from core.domain.positions import VenuePosition
from core.domain.slicing import Slicing

ClientOrderId = NewType("ClientOrderId", str)
"""Ours, derived from the intent and its leg, never re-used; 1 to 36 characters of `[a-zA-Z0-9_-]`."""
IntentId = NewType("IntentId", str)
VenueOrderId = NewType("VenueOrderId", str)
TradeId = NewType("TradeId", str)


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    LIMIT_MAKER = "limit_maker"
    STOP_LOSS = "stop_loss"
    """Market order triggered at `stop_price`, against the position."""
    TAKE_PROFIT = "take_profit"
    """Market order triggered at `stop_price`, in the position's favour."""
    STOP_LOSS_LIMIT = "stop_loss_limit"
    """Limit order triggered at `stop_price`, against the position."""
    TAKE_PROFIT_LIMIT = "take_profit_limit"
    """Limit order triggered at `stop_price`, in the position's favour."""


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"
    """Post only: refused if it would take. Perpetuals; spot has LIMIT_MAKER."""
    GTD = "GTD"
    """Good till the order's `expires_ns`, by the venue itself."""


class Purpose(StrEnum):
    """What an intent is for; an entry adds risk, everything else takes it away."""

    ENTRY = "entry"
    EXIT = "exit"
    PROTECT = "protect"
    MANUAL = "manual"
    """Somebody else's order on the account that was adopted: it may add or take away."""

    @property
    def takes_away(self) -> bool:
        """Whether it can't add risk, whatever it does."""
        return self in (Purpose.EXIT, Purpose.PROTECT)


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of an intent: `quantity` already on the lot grid, prices on the tick grid.

    `price` is `None` for market and stop orders, `stop_price` is `None` for all that no price triggers.
    """

    instrument_id: InstrumentId
    side: Side
    quantity: Decimal
    order_type: OrderType
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    """`None` for market and stop orders."""
    ratio: int = 1
    reduce_only: bool = False
    visible_quantity: Decimal | None = None
    """How much of it the book shows at a time, hidden by the venue itself; `None`: all of it."""
    trailing_bps: int | None = None
    """Of a STOP_LOSS: how far from the best price since `stop_price` was touched (`None`: since it was accepted) the
    market may turn back before it triggers. `None`: it does not follow the market."""
    expires_ns: int | None = None
    """Trading time at which what has not filled by then is over; `None`: never. The venue sees to it where
    `time_in_force` is GTD, else `core.execution.expiry` does."""

    @property
    def is_conditional(self) -> bool:
        """Whether it waits for a price before it is an order like others."""
        return self.stop_price is not None or self.trailing_bps is not None

    @property
    def may_rest(self) -> bool:
        """Whether it may stand at the venue after it was answered."""
        at_once = (TimeInForce.IOC, TimeInForce.FOK)
        return self.is_conditional or not (self.order_type is OrderType.MARKET or self.time_in_force in at_once)

    @property
    def terms(self) -> "Terms":
        return Terms(self.quantity, self.price)


@dataclass(frozen=True, slots=True)
class Protection:
    """The stop (and target) that must stand at the venue as long as the entry's fill is held; `None`: none wanted."""

    stop_price: Decimal | None
    target_price: Decimal | None = None
    trailing_distance: Decimal | None = None
    """How far behind the best price since the entry the stop follows, in quote units per unit of base; it begins at
    `stop_price`. `None`: it stays there."""
    trailing_bps: int | None = None
    """The same as a share of the best price, where the venue has that as an order of its own and it comes to the same;
    `None`: a fixed stop is moved."""

    @property
    def has_both(self) -> bool:
        return self.stop_price is not None and self.target_price is not None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What sizing suggests and the risk gate judges."""

    intent_id: IntentId
    purpose: Purpose
    legs: tuple[Leg, ...]
    strategies: tuple[str, ...]
    """The strategies netted into it."""
    cycle: str
    """The cycle that decided it: `strategy|symbol|timeframe|close_ms`."""
    created_ns: int
    """Trading time."""
    reference_price: Decimal
    """Mid or last price that sizing saw; the price collar and slippage are measured from it."""
    protection: Protection | None = None
    reason: str = ""
    slicing: Slicing | None = None
    """`None`: each leg is one order. Else its one leg is a parent, carried out in slices."""


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """One order as it goes to the venue."""

    client_order_id: ClientOrderId
    leg: Leg


@dataclass(frozen=True, slots=True)
class Terms:
    """What of an order can be changed after it was sent."""

    quantity: Decimal
    """In all, what has filled of it included."""
    price: Decimal | None
    """`None`: an order without a price of its own."""


@dataclass(frozen=True, slots=True)
class AmendRequest:
    """One order's new terms as they go to a venue that amends in place."""

    client_order_id: ClientOrderId
    leg: Leg
    """As it stands."""
    terms: Terms


class OrderStatus(StrEnum):
    """The venue's word about an order."""

    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def is_open(self) -> bool:
        return self in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade of ours: a fact of the venue, accepted in any state, deduplicated by (instrument_id, key)."""

    instrument_id: InstrumentId
    trade_id: TradeId
    venue_order_id: VenueOrderId
    client_order_id: ClientOrderId | None
    """`None` where the venue does not say (trade history by REST)."""
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    is_maker: bool
    event_ns: int
    realised_profit: Decimal | None = None
    """What the venue says that it closed for, before fees, in the settle asset; `None`: it says nothing (spot)."""
    is_forced: bool = False
    """The venue's own doing to our position: a liquidation, an automatic deleveraging, a settlement."""

    @property
    def key(self) -> "FillKey":
        """Which of an instrument's trades it is, and which side of it: an account that trades with itself has both."""
        return self.trade_id, self.side

    def tells_the_same_as(self, other: "Fill") -> bool:
        """Whether two accounts of one trade agree on what was traded. Of fees some channels say less than others."""
        return self.price == other.price and self.quantity == other.quantity


FillKey = tuple[TradeId, Side]


@dataclass(frozen=True, slots=True)
class FundingPayment:
    """One payment between longs and shorts of a perpetual: a fact of the venue, deduplicated by (instrument_id,
    payment_id)."""

    instrument_id: InstrumentId
    payment_id: str
    asset: str
    amount: Decimal
    """Positive: received; negative: paid."""
    event_ns: int


@dataclass(frozen=True, slots=True)
class OrderReport:
    """The venue's picture of one order at `event_ns`, from REST or the user stream.

    `fills` holds the fills this very message carries (often none: ask for trades). `reject_reason` is the venue's
    code and text, `None` unless REJECTED or EXPIRED. `list_id` is the same for all orders of an order list, within the
    instrument; `None` where it is in none, or the message does not tell.
    """

    instrument_id: InstrumentId
    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId
    status: OrderStatus
    side: Side
    order_type: OrderType
    quantity: Decimal
    filled_quantity: Decimal
    filled_notional: Decimal
    price: Decimal | None
    stop_price: Decimal | None
    event_ns: int
    fills: tuple[Fill, ...] = ()
    reject_reason: str | None = None
    list_id: str | None = None

    @property
    def terms(self) -> Terms:
        """As they are at the venue."""
        return Terms(self.quantity, self.price)


@dataclass(frozen=True, slots=True)
class Balance:
    """One asset of an account."""

    asset: str
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


@dataclass(frozen=True, slots=True)
class BalancesChanged:
    """The venue's absolute balances of these assets at `event_ns` (others unchanged)."""

    balances: tuple[Balance, ...]
    event_ns: int


@dataclass(frozen=True, slots=True)
class PositionsChanged:
    """The venue's absolute positions in these instruments at `event_ns` (others unchanged)."""

    positions: tuple[VenuePosition, ...]
    event_ns: int


@dataclass(frozen=True, slots=True)
class FundingAnnounced:
    """Funding has been paid; the payments themselves, with their ids, are to be read by REST."""

    event_ns: int


@dataclass(frozen=True, slots=True)
class UserStreamRestored:
    """The private stream is subscribed (again). Events of the gap are lost for ever: reconcile by REST now."""

    received_ns: int
    """Monotonic time of this process."""


@dataclass(frozen=True, slots=True)
class UserStreamInterrupted:
    reason: str
    received_ns: int


UserEvent = (
    OrderReport | BalancesChanged | PositionsChanged | FundingAnnounced | UserStreamRestored | UserStreamInterrupted
)
