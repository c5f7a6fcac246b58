"""Which WebSocket path leads where."""

from core.simulation.server.socket import SocketHandler
from core.simulation.server.socket_api import PATH as SOCKET_API_PATH
from core.simulation.server.socket_api import SocketApi
from core.simulation.server.stream_front import StreamFront


class VenueSocketRoutes:
    def __init__(self, streams: StreamFront, api: SocketApi) -> None:
        self._streams = streams
        self._api = api

    def route(self, path: str) -> SocketHandler | None:
        if path.rstrip("/") == SOCKET_API_PATH:
            return self._api
        return self._streams if self._streams.accepts(path) else None
