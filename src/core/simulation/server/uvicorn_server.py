"""uvicorn as a part of a larger process: own sockets, no signal handlers, an end that waits for nobody long."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any

import uvicorn

_GRACE_S = 2


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class HttpServer:
    """Serves `application` on `listener`; `websockets` is uvicorn's protocol class for upgrades, `None`: none."""

    def __init__(self, application: Any, listener: socket.socket, websockets: Any = None) -> None:
        config = uvicorn.Config(
            application,
            http="httptools",
            ws=websockets or "none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = _Server(config)
        self._listener = listener

    async def run(self) -> None:
        """Until `stop`; cancelling cuts all connections."""
        await self._server.serve(sockets=[self._listener])

    def stop(self) -> None:
        self._server.should_exit = True

    async def started(self) -> None:
        while not self._server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
            await asyncio.sleep(0.005)
