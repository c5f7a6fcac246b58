"""What clients meet: the gate, the dispatchers, REST, streams and WebSocket APIs of spot and USD-M, behind one door."""

import functools
import time
from pathlib import Path

import structlog

from core.settings.simulation import SimulationSettings
from core.simulation.server.account_endpoints import AccountEndpoints
from core.simulation.server.accounts import AccountRegistry
from core.simulation.server.alpaca.front import AlpacaFront
from core.simulation.server.deribit.side import DeribitSide
from core.simulation.server.deribit.sockets import PATH as DERIBIT_PATH
from core.simulation.server.dispatcher import Dispatcher
from core.simulation.server.doors import Doors
from core.simulation.server.faults.hands import Hands
from core.simulation.server.floor import TradingFloor
from core.simulation.server.gate import Allowance, Gate
from core.simulation.server.limits import RAW_REQUESTS, RELAXED, SPOT_ORDERS, OrderLimits, RateLimit, RequestLimits
from core.simulation.server.made_data import MadeData
from core.simulation.server.market_endpoints import MarketEndpoints
from core.simulation.server.order_change_endpoints import OrderChangeEndpoints
from core.simulation.server.order_endpoints import OrderEndpoints
from core.simulation.server.order_list_endpoints import OrderListEndpoints
from core.simulation.server.rest_front import RestFace, RestFront
from core.simulation.server.routes import Routes, build_routes
from core.simulation.server.socket import Socket
from core.simulation.server.socket_api import SocketApi
from core.simulation.server.socket_routes import VenueSocketRoutes
from core.simulation.server.store import AccountStore
from core.simulation.server.stream_front import SPOT_RULES, StreamFront
from core.simulation.server.stream_hub import StreamHub
from core.simulation.server.usdm.side import UsdmSide
from core.simulation.server.user_streams import UserStreams
from core.simulation.server.uvicorn_server import HttpServer
from core.simulation.server.venue_market import fee_schedule
from core.simulation.server.venue_proxy import VenueProxy

_log = structlog.get_logger(__name__)


class Fronts:
    """Constructing puts them together on their floors and opens nothing: `server`, `apis` and, where there is one,
    `proxy` are for the venue to run. `usdm` `None`: no perpetual is listed."""

    def __init__(
        self,
        settings: SimulationSettings,
        floor: TradingFloor,
        usdm: UsdmSide | None,
        *,
        hub: StreamHub,
        users: UserStreams,
        store: AccountStore,
        registry: AccountRegistry,
        doors: Doors,
        folder: Path,
        epoch: str,
        seed: int,
    ) -> None:
        self._settings = settings
        self._floor = floor
        self._clock = floor.clock
        self._usdm = usdm
        self._hub = hub
        self._users = users
        self._registry = registry
        self._identity = {
            "X-Venue-Epoch": epoch,
            "X-Venue-Clock-Speed": f"{settings.speed:g}",
            "X-Venue-Admin-Url": doors.urls["admin_url"],
        }
        self._set_bounds()
        self.dispatcher = Dispatcher(registry, self._clock, store, self._request_limits, self._order_limits)
        routes = self._routes()
        self.streams = StreamFront(hub, self._rules, self._gate.flooded)
        self.apis = [SocketApi(routes.socket, self.dispatcher, users, self._clock, self._request_limits)]
        faces = [RestFace(routes.rest, self.dispatcher)]
        sockets = VenueSocketRoutes(self.streams, self.apis[0])
        if usdm is not None:
            face = usdm.face(self._identity)
            faces.append(face)
            self.apis.append(usdm.socket_api(face))
            sockets = VenueSocketRoutes(
                self.streams, self.apis[0], usdm.stream_front(self._gate.flooded), self.apis[-1]
            )
        self.data = MadeData(seed)
        self.alpaca = AlpacaFront(
            settings.alpaca,
            self.data,
            self._clock,
            registry,
            latency_s=settings.latency_ms / 1_000,
            is_relaxed=settings.limits == "relaxed",
        )
        self.deribit = DeribitSide(
            settings.deribit,
            self.data,
            self._clock,
            latency_s=settings.latency_ms / 1_000,
            is_relaxed=settings.limits == "relaxed",
        )
        sockets.add(DERIBIT_PATH, self.deribit.sockets)
        rest = RestFront(faces, latency_s=settings.latency_ms / 1_000, foreign=[self.alpaca, self.deribit.front])
        self.server = HttpServer(rest, doors.public, functools.partial(Socket, routes=sockets, gate=self._gate))
        self.proxy: VenueProxy | None = None
        """`None`: the settings ask for none."""
        if doors.proxy is not None:
            self.proxy = VenueProxy(doors.proxy, folder, self.server, rest, sockets, gate=self._gate)

    def _set_bounds(self) -> None:
        """What a client may ask for, stream and send."""
        settings, now_ms = self._settings, self._clock.now_ms
        self._orders: tuple[RateLimit, ...] = SPOT_ORDERS
        raw, weight = RAW_REQUESTS, settings.weight_limit
        allowance, self._rules = Allowance(), SPOT_RULES
        if settings.limits == "relaxed":
            self._orders = tuple(limit.relaxed() for limit in self._orders)
            raw, weight = raw.relaxed(), weight * RELAXED
            allowance, self._rules = allowance.relaxed(), self._rules.relaxed()
            _log.warning("limits_relaxed", times=RELAXED)
        self._order_limits = OrderLimits(now_ms, self._orders)
        self._request_limits = RequestLimits(now_ms, settings.speed, weight, raw=raw)
        self._all_limits = [self._request_limits]
        if self._usdm is not None:
            self._all_limits.append(self._usdm.request_limits)
        self._gate = Gate(self._all_limits, self._clock, allowance, time.monotonic)

    def _routes(self) -> Routes:
        floor, limits = self._floor, self._order_limits
        return build_routes(
            MarketEndpoints(floor, self._request_limits, self._orders),
            OrderEndpoints(floor, limits),
            OrderChangeEndpoints(floor, limits),
            OrderListEndpoints(floor, limits),
            AccountEndpoints(floor, fee_schedule(self._settings), limits, self._registry.rights),
            time_headers=self._identity,
        )

    def hands(self) -> Hands:
        """What faults may be injected into."""
        sides = [] if self._usdm is None else [self._usdm]
        return Hands(
            clock=self._clock,
            gate=self._gate,
            floor=self._floor,
            server=self.server,
            dispatchers=[self.dispatcher, *(side.dispatcher for side in sides), self.alpaca, self.deribit.calls],
            hubs=[self._hub, *(side.hub for side in sides), self.deribit.sockets],
            private_streams=[self._users, *(side.users for side in sides)],
            rules=[self._floor.rules, *(side.floor.rules for side in sides)],
            limits=self._all_limits,
            accounts=lambda: tuple(self._registry),
            identity=self._identity,
        )
