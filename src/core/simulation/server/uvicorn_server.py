"""uvicorn as a part of a larger process: own sockets, no signal handlers, an end that waits for nobody long."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from core.simulation.server.http_exchange import TRANSPORT

_GRACE_S = 2
_BACKLOG = 1_024


class _Protocol(HttpToolsProtocol):
    """Lets the application reach the connection, for what ASGI has no words for: a reset."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: self.transport}  # type: ignore[dict-item]  # its values are any objects


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class HttpServer:
    """Serves `application` on `listener`; `websockets` is uvicorn's protocol class for upgrades, `None`: none."""

    def __init__(self, application: Any, listener: socket.socket, websockets: Any = None) -> None:
        self._config = _config(application, websockets)
        self._server = _Server(self._config)
        self._listener = listener
        self._address = listener.getsockname()[:2]
        self._is_shut = False

    async def run(self) -> None:
        """Until `stop`; cancelling cuts all connections."""
        await self._server.serve(sockets=[self._listener])

    def connections(self, application: Any, websockets: Any) -> Callable[[], asyncio.Protocol | None]:
        """Makes protocols for connections that somebody else has accepted, which end with this server; `None` while it
        is shut."""
        config = _config(application, websockets)
        config.load()

        def make() -> asyncio.Protocol | None:
            return None if self._is_shut else _Protocol(config, self._server.server_state, {})

        return make

    def stop(self) -> None:
        self._server.should_exit = True

    async def started(self) -> None:
        while not self._server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
            await asyncio.sleep(0.005)

    def shut(self) -> None:
        """Refuse connections, as a host where nothing listens does, and cut those that are open; `reopen` ends it."""
        self._is_shut = True
        for server in self._server.servers:
            server.close()
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()

    async def reopen(self) -> bool:
        """Listen again at the same address; false when something else has taken it meanwhile."""
        if not self._is_shut or self._server.should_exit:
            return True
        try:
            listener = socket.create_server(self._address, backlog=_BACKLOG)
        except OSError:
            return False
        loop = asyncio.get_running_loop()
        self._server.servers = [await loop.create_server(self._connection, sock=listener, backlog=_BACKLOG)]
        self._is_shut = False
        return True

    def _connection(self) -> asyncio.Protocol:
        return _Protocol(self._config, self._server.server_state, self._server.lifespan.state)


def _config(application: Any, websockets: Any) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=_Protocol,
        ws=websockets or "none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_S,
        backlog=_BACKLOG,
    )
