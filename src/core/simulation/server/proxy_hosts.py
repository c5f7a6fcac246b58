"""The hosts that clients of the real venue connect to, and what of the simulated venue stands behind each.

Names and ports are those of the documentation of Binance (REST "General API information", "WebSocket Streams",
"WebSocket API"), Alpaca and Deribit. On its own port the simulated venue tells products apart by path alone; behind the
proxy the host decides, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from core.simulation.server.alpaca.front import PREFIXES as ALPACA_PREFIXES
from core.simulation.server.http_exchange import Application, HttpExchange, Receive, Scope, Send
from core.simulation.server.rest_front import send_page
from core.simulation.server.socket import SocketHandler, SocketRoutes
from core.simulation.server.usdm.streams import PREFIX as USDM_PREFIX


@dataclass(frozen=True, slots=True)
class HostFace:
    """What one host answers: requests and sockets whose path begins with one of these segments; `()` is none."""

    rest: tuple[str, ...] = ()
    sockets: tuple[str, ...] = ()
    socket_prefix: str = ""
    """What stands before these paths on the venue's own port."""


_SPOT = HostFace(rest=("/api/", "/sapi/"))
_SPOT_DATA = HostFace(rest=("/api/",))
_SPOT_STREAMS = HostFace(sockets=("/ws/", "/stream/"))
_SPOT_SOCKET_API = HostFace(sockets=("/ws-api/",))
_USD_FUTURES = HostFace(rest=("/fapi/",))
_USD_STREAMS = HostFace(sockets=("/ws/", "/stream/", "/public/", "/market/", "/private/"), socket_prefix=USDM_PREFIX)
_USD_SOCKET_API = HostFace(sockets=("/ws-fapi/",))
_COIN_FUTURES = HostFace(rest=("/dapi/",))
_OPTIONS = HostFace(rest=("/eapi/",))

_ALPACA_DATA = HostFace(rest=ALPACA_PREFIXES)
_DERIBIT = HostFace(rest=("/api/v2/",), sockets=("/ws/api/v2/",))

HOSTS: Mapping[tuple[str, int], HostFace] = {
    **{(f"api{suffix}.binance.com", 443): _SPOT for suffix in ("", "-gcp", "1", "2", "3", "4")},
    ("data-api.binance.vision", 443): _SPOT_DATA,
    ("stream.binance.com", 9443): _SPOT_STREAMS,
    ("stream.binance.com", 443): _SPOT_STREAMS,
    ("data-stream.binance.vision", 9443): _SPOT_STREAMS,
    ("data-stream.binance.vision", 443): _SPOT_STREAMS,
    ("ws-api.binance.com", 443): _SPOT_SOCKET_API,
    ("ws-api.binance.com", 9443): _SPOT_SOCKET_API,
    ("fapi.binance.com", 443): _USD_FUTURES,
    ("fstream.binance.com", 443): _USD_STREAMS,
    ("ws-fapi.binance.com", 443): _USD_SOCKET_API,
    ("dapi.binance.com", 443): _COIN_FUTURES,
    ("eapi.binance.com", 443): _OPTIONS,
    ("data.alpaca.markets", 443): _ALPACA_DATA,
    ("www.deribit.com", 443): _DERIBIT,
    ("test.deribit.com", 443): _DERIBIT,
}


class HostApplication:
    """`application`, as far as `face` shows it; an ASGI application."""

    def __init__(self, face: HostFace, application: Application) -> None:
        self._face = face
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(self._face.rest):
            await send_page(HttpExchange(scope, receive, send), 404)
            return
        await self._application(scope, receive, send)


class HostSockets:
    """`routes`, as far as `face` shows them."""

    def __init__(self, face: HostFace, routes: SocketRoutes) -> None:
        self._face = face
        self._routes = routes

    def route(self, path: str) -> SocketHandler | None:
        if not f"{path}/".startswith(self._face.sockets):
            return None
        return self._routes.route(self._face.socket_prefix + path)
