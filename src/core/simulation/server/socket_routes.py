"""Which WebSocket path leads where."""

from core.simulation.server.socket import SocketHandler
from core.simulation.server.socket_api import PATH as SOCKET_API_PATH
from core.simulation.server.socket_api import SocketApi
from core.simulation.server.stream_front import StreamFront
from core.simulation.server.usdm.routes import SOCKET_API_PATH as USDM_API_PATH
from core.simulation.server.usdm.streams import PREFIX as USDM_PREFIX


class VenueSocketRoutes:
    """`usdm` has all that is below its prefix, `usdm_api` its own path; `None`: there are no perpetuals."""

    def __init__(
        self,
        streams: StreamFront,
        api: SocketApi,
        usdm: StreamFront | None = None,
        usdm_api: SocketApi | None = None,
    ) -> None:
        self._streams = streams
        self._usdm = usdm
        self._apis: dict[str, SocketHandler | None] = {SOCKET_API_PATH: api, USDM_API_PATH: usdm_api}

    def add(self, path: str, handler: SocketHandler) -> None:
        """Another protocol's sockets, at this very path."""
        self._apis[path] = handler

    def route(self, path: str) -> SocketHandler | None:
        if path.rstrip("/") in self._apis:
            return self._apis[path.rstrip("/")]
        if f"{path}/".startswith(f"{USDM_PREFIX}/"):
            return self._usdm if self._usdm is not None and self._usdm.accepts(path) else None
        return self._streams if self._streams.accepts(path) else None
