"""uvicorn as a part of a larger process: own sockets, no signal handlers, an end that waits for nobody long."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Generator
from typing import Any

import uvicorn

from core.domain.errors import MetronomeError

_GRACE_S = 2


class VenueStartError(MetronomeError):
    """The venue can't begin: a port in use, a data folder that another venue holds."""


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
        """uvicorn offers no event for it."""
        while not self._server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def listen(host: str, port: int, what: str) -> socket.socket:
    """A listening socket. Raises `VenueStartError` that says which port is in use and what to do."""
    try:
        return socket.create_server((host, port), backlog=1_024)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise VenueStartError(
                f"{what}: port {port} on {host} is in use. Stop what listens there, or choose another port "
                "(0 takes any free one)."
            ) from None
        raise VenueStartError(f"{what}: can't listen on {host}:{port}: {error.strerror or error}") from None
