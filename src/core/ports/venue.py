"""The venue as the bot sees it: blocking REST calls made in lanes, and push streams owned by the loop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from core.domain.candles import Candle, SeriesKey, Timeframe
from core.domain.instruments import Instrument, InstrumentId
from core.domain.market import BookChanged, MarketEvent
from core.domain.orders import (
    AmendRequest,
    Balance,
    ClientOrderId,
    Fill,
    FundingPayment,
    OrderReport,
    OrderRequest,
    OrderType,
    TimeInForce,
    UserEvent,
)
from core.domain.positions import VenuePosition


class AmendsInPlace(StrEnum):
    """What a venue can change of an open order that stays the same order. Cancelling it and placing another in one
    request is not that: such requests fail by halves."""

    NOTHING = "nothing"
    SHRINK = "shrink"
    """The quantity of any open order, downwards; it keeps its place in the queue."""
    LIMITS = "limits"
    """Quantity and price of a limit order in the book."""


class Pairing(StrEnum):
    """How a stop and a target can stand for one and the same position."""

    NONE = "none"
    """Not at all: what is held is locked by one order."""
    LIST = "list"
    """As an order list that locks it once: the venue itself ends the one when the other trades (`place_pair`)."""
    APART = "apart"
    """As two orders that lock nothing. When one has traded, the other stands until it is cancelled."""


@dataclass(frozen=True, slots=True)
class VenueCapabilities:
    """What an adapter can do; nowhere else is a venue's name compared."""

    name: str
    order_types: frozenset[OrderType]
    native_stops: bool
    request_window_ms: int | None
    """Longest age of a request that the venue still accepts (recvWindow); `None`: no such rule."""
    replica_lag_ms: int
    """How long a fresh order may be invisible to reads."""
    max_klines: int
    short_selling: bool
    has_positions: bool = False
    """Whether `positions` and `funding_since` mean anything: derivatives, held on margin, not assets."""
    dead_man_timer: bool = False
    """Whether `cancel_all_after` does anything, and leaves orders alone that wait for their trigger."""
    times_in_force: frozenset[TimeInForce] = frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK})
    """Of limit orders. Post-only is a type of its own here, LIMIT_MAKER, however the venue spells it."""
    least_gtd_s: float = 0.0
    """How far ahead (venue time) the date of a GTD order must lie."""
    icebergs: bool = False
    """Whether an order may show less than it has (`Leg.visible_quantity`)."""
    trailing_stops: bool = False
    """Whether a STOP_LOSS may follow the market (`Leg.trailing_bps`)."""
    amends_in_place: AmendsInPlace = AmendsInPlace.NOTHING
    pairing: Pairing = Pairing.NONE


@dataclass(frozen=True, slots=True)
class KeyPermissions:
    can_read: bool
    can_trade: bool
    can_withdraw: bool | None
    """`None`: the venue does not say."""
    ip_restricted: bool | None = None
    """Whether it can be used from listed addresses only; `None`: the venue does not say."""


class VenueRest(Protocol):
    """Blocking calls; each runs in a worker thread of a lane and returns or raises within the adapter's total deadline.

    Raises `RequestRefused`, `VenueUnavailable`, `OutcomeUnknown` (order calls: place, amend, cancel) or `OrderRefused`
    (the same). One instance per thread is the adapter's own business: methods may be called from several threads at
    once. Calls that ended after their caller gave up are dropped by the caller, never repeated.
    """

    @property
    def capabilities(self) -> VenueCapabilities: ...

    def server_time_ms(self) -> int: ...

    def epoch_id(self) -> str | None:
        """Identity of a simulated venue's books; `None` on real venues, whose books never restart."""
        ...

    def clock_speed(self) -> float:
        """Venue seconds per real second: 1.0 on every real venue."""
        ...

    def instruments(self) -> dict[InstrumentId, Instrument]: ...

    def ohlcv(
        self, instrument_id: InstrumentId, timeframe: Timeframe, since_ms: int | None, limit: int
    ) -> list[Candle]:
        """Oldest first; the last one may still be forming."""
        ...

    def order_book(self, instrument_id: InstrumentId, limit: int) -> BookChanged: ...

    def key_permissions(self) -> KeyPermissions: ...

    def place(self, request: OrderRequest) -> OrderReport: ...

    def amend(self, request: AmendRequest) -> OrderReport:
        """Within `capabilities.amends_in_place`; refused beyond. It stays the same order by the same ids."""
        ...

    def place_pair(self, stop: OrderRequest, target: OrderRequest) -> tuple[OrderReport, OrderReport]:
        """Both or neither, of the same side and quantity, as one order list: when one of them trades, the venue ends
        the other, and cancelling one cancels both. Raises `RequestRefused` where `capabilities.pairing` is not LIST."""
        ...

    def cancel(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport: ...

    def order(self, instrument_id: InstrumentId, client_order_id: ClientOrderId) -> OrderReport | None:
        """`None`: the venue does not know it *now* (a replica may lag: that alone proves nothing)."""
        ...

    def cancel_all_after(self, instrument_id: InstrumentId, after_s: float | None) -> None:
        """The venue cancels all orders in this book when so much real time has passed without another call; `None`:
        never. Raises `RequestRefused` where the venue has no such timer."""
        ...

    def open_orders(self, instrument_id: InstrumentId | None = None) -> list[OrderReport]: ...

    def orders_since(self, instrument_id: InstrumentId, since_ms: int) -> list[OrderReport]: ...

    def fills_since(self, instrument_id: InstrumentId, since_ms: int) -> list[Fill]: ...

    def balances(self) -> dict[str, Balance]: ...

    def prepare(self, instrument_ids: Sequence[InstrumentId]) -> None:
        """Set the account up for trading these: leverage, margin type. Raises `RequestRefused`, in words for a person,
        where the account's state does not allow it. Nothing to do on spot."""
        ...

    def positions(self) -> dict[InstrumentId, VenuePosition]:
        """Open ones; none where the venue has no positions."""
        ...

    def funding_since(self, since_ms: int) -> list[FundingPayment]:
        """Of all instruments, oldest first; none where there is no funding."""
        ...

    def close(self) -> None: ...


class MarketStreams(Protocol):
    """Public streams over as many connections as needed. `run` returns only by cancellation and never raises for what a
    venue does; it reconnects with backoff and says so with `StreamInterrupted` and `StreamRestored`.
    Cancelling `run` closes all connections and is safe at any await."""

    @property
    def shards(self) -> tuple[tuple[InstrumentId, ...], ...]:
        """The instruments of each connection, which fall silent together when it does."""
        ...

    async def run(self, publish: Callable[[MarketEvent], None]) -> None: ...

    async def resubscribe(self, instrument_ids: Sequence[InstrumentId]) -> None:
        """Cure for a mute stream: UNSUBSCRIBE and SUBSCRIBE on the same connection."""
        ...

    async def reconnect(self, instrument_ids: Sequence[InstrumentId]) -> None:
        """Cure for a half-open connection: drop the sockets that carry these and dial again."""
        ...


class UserStream(Protocol):
    """The private stream, same contract as `MarketStreams.run`."""

    async def run(self, publish: Callable[[UserEvent], None]) -> None: ...


@dataclass(frozen=True, slots=True)
class StreamSubscriptions:
    """What a market stream shall carry."""

    candles: tuple[SeriesKey, ...]
    quotes: tuple[InstrumentId, ...]
    trades: tuple[InstrumentId, ...] = ()
    books: tuple[InstrumentId, ...] = ()
    marks: tuple[InstrumentId, ...] = ()
    """Mark prices and funding rates; of perpetuals only."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """API key and secret; `repr` never shows the secret."""

    api_key: str
    secret: str

    def __repr__(self) -> str:
        return f"Credentials(api_key='{self.api_key[:4]}…', secret='***')"
