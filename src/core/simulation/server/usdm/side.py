"""The USD-M side of a venue: its parts, put together beside the spot market."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from core.domain.errors import JournalError
from core.settings.simulation import SimulationSettings
from core.simulation.engine.events import Event
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.perpetual.events import PerpetualEvent
from core.simulation.engine.perpetual.market import PerpetualMarket
from core.simulation.engine.perpetual.venue import PerpetualVenue
from core.simulation.server.accounts import AccountRegistry
from core.simulation.server.clock import VenueClock
from core.simulation.server.dispatcher import Dispatcher
from core.simulation.server.limits import RELAXED, OrderLimits, RequestLimits
from core.simulation.server.market_publisher import MarketPublisher
from core.simulation.server.rest_front import RestFace
from core.simulation.server.socket import Socket
from core.simulation.server.socket_api import SocketApi
from core.simulation.server.store import AccountStore
from core.simulation.server.stream_hub import StreamHub
from core.simulation.server.usdm import market_frames
from core.simulation.server.usdm.account_endpoints import ListenKeyEndpoints, UsdmAccountEndpoints
from core.simulation.server.usdm.algo_endpoints import UsdmAlgoEndpoints
from core.simulation.server.usdm.countdowns import Countdowns
from core.simulation.server.usdm.floor import UsdmFloor
from core.simulation.server.usdm.limits import ORDER_LIMITS
from core.simulation.server.usdm.listen_keys import ListenKeys
from core.simulation.server.usdm.mark_publisher import MarkPublisher
from core.simulation.server.usdm.market_endpoints import UsdmMarketEndpoints
from core.simulation.server.usdm.order_endpoints import UsdmOrderEndpoints
from core.simulation.server.usdm.records import UsdmRecords
from core.simulation.server.usdm.refusals import in_words
from core.simulation.server.usdm.resume import (
    LISTEN_KEYS,
    account_snapshot,
    remember_listed,
    remember_numbers,
    stored_sequence,
)
from core.simulation.server.usdm.routes import account_routes, market_routes, order_routes, socket_methods
from core.simulation.server.usdm.streams import RULES, STREAMS
from core.simulation.server.usdm.user_streams import UsdmStreamFront, UsdmUserStreams

_KEY_BYTES = 48
"""Of a listen key, which is written as 64 characters."""


class SpotSide:
    """The spot part of a joint market, for a spot floor; what the perpetuals did goes to `tell`, which may be set
    until the market opens."""

    def __init__(self, market: PerpetualMarket) -> None:
        self._joint = market
        self.tell: Callable[[Sequence[PerpetualEvent]], None] = lambda events: None

    def advance(self, now_ns: int) -> list[Event]:
        events, perpetual_events = self._joint.advance(now_ns)
        self.tell(perpetual_events)
        return events


def usdm_fees(settings: SimulationSettings) -> FeeSchedule:
    return FeeSchedule(maker_bps=settings.usdm_maker_fee_bps, taker_bps=settings.usdm_taker_fee_bps)


class UsdmSide:
    """`advance` lets both markets play up to now, and what the perpetuals did comes to `floor.take`."""

    def __init__(
        self,
        settings: SimulationSettings,
        venue: PerpetualVenue,
        *,
        advance: Callable[[], int],
        clock: VenueClock,
        store: AccountStore,
        registry: AccountRegistry,
        turn_ms: int,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._registry = registry
        self.exchange = venue.exchange
        self.hub = StreamHub()
        self.keys = ListenKeys(
            now_s=time.time,
            lifetime_s=settings.listen_key_s,
            new_key=lambda: secrets.token_urlsafe(_KEY_BYTES),
            remember=lambda text: store.put_fact(LISTEN_KEYS, text),
        )
        self.users = UsdmUserStreams(self.exchange, self.keys, clock.shown_ms)
        self._records = UsdmRecords(self.exchange)
        self.floor = UsdmFloor(
            exchange=self.exchange,
            advance=advance,
            clock=clock,
            store=store,
            records=self._records,
            publisher=MarketPublisher(
                self.exchange,
                self.hub,
                clock.shown_ms,
                turn_ms=turn_ms,
                frames=market_frames,
                book_periods_ms=STREAMS.book_periods_ms,
            ),
            marks=MarkPublisher(self.exchange.symbols, self.hub, clock.shown_ms, turn_ms=turn_ms),
            hub=self.hub,
            tell_private=self.users.publish,
        )
        self.countdowns = Countdowns(self.floor, clock.now_ms)
        self._is_relaxed = settings.limits == "relaxed"
        weight = settings.usdm_weight_limit * (RELAXED if self._is_relaxed else 1)
        self._orders = tuple(limit.relaxed() for limit in ORDER_LIMITS) if self._is_relaxed else ORDER_LIMITS
        self.request_limits = RequestLimits(clock.now_ms, settings.speed, weight, raw=None)
        self._order_limits = OrderLimits(clock.now_ms, self._orders)
        self.dispatcher = Dispatcher(registry, clock, store, self.request_limits, self._order_limits, in_words=in_words)
        self._sequence = 0

    def face(self, time_headers: Mapping[str, str]) -> RestFace:
        """What is answered over REST. `time_headers` go onto the answer to `GET /fapi/v1/time`."""
        floor, limits = self.floor, self._order_limits
        routes = {
            **market_routes(UsdmMarketEndpoints(floor, self.request_limits, self._orders), time_headers),
            **order_routes(UsdmOrderEndpoints(floor, limits), UsdmAlgoEndpoints(floor, limits), self.countdowns),
            **account_routes(
                UsdmAccountEndpoints(floor, usdm_fees(self._settings), limits),
                ListenKeyEndpoints(self.keys, self.users),
            ),
        }
        return RestFace(routes, self.dispatcher)

    def socket_api(self, face: RestFace) -> SocketApi:
        """The WebSocket API of what `face` answers; private events are not heard over it."""
        return SocketApi(socket_methods(face.routes), self.dispatcher, None, self._clock, self.request_limits)

    def stream_front(self, flooded: Callable[[Socket], None]) -> UsdmStreamFront:
        rules = RULES.relaxed() if self._is_relaxed else RULES
        return UsdmStreamFront(self.hub, rules, self.keys, self.users, flooded)

    def open_books(self) -> None:
        """Take up what was stored; before the market opens. Raises `JournalError`."""
        books = self._store.books
        snapshot = account_snapshot(books, self.exchange.symbols)
        try:
            self.exchange.restore_accounts(snapshot)
        except ValueError as error:
            raise JournalError(f"the venue's USD-M accounts can't be resumed: {error}") from error
        self._records.recall(snapshot["accounts"])
        self._sequence = stored_sequence(books)
        if (keys := books.fact(LISTEN_KEYS)) is not None:
            self.keys.recall(keys)
        remember_listed(self._store, self.exchange)

    def open_account(self, account: str, deposit: Mapping[str, Decimal] | None = None) -> None:
        """Give an account its wallet; one that has one keeps it. `deposit` `None`: the default one."""
        self.floor.open_account(account, self._settings.usdm_deposit if deposit is None else deposit)

    def open_missing(self) -> None:
        """Give a wallet to the accounts that are older than the perpetuals."""
        for account in self._registry:
            self.open_account(account)

    def remember(self) -> None:
        """Keep where the market is."""
        remember_numbers(self._store, self.exchange, max(self._sequence, self.floor.last_sequence))

    def turn(self) -> None:
        """What is due, and what the floor has to send."""
        self.countdowns.turn()
        self.floor.turn()

    def health(self) -> dict[str, object]:
        return {
            "symbols": len(self.exchange.symbols),
            "engineEvents": self.floor.events,
            "messagesSent": self.hub.messages_sent,
            "requestsAnswered": self.dispatcher.answered,
            "countdownsSet": self.countdowns.wound_up,
        }
