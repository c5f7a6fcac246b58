"""A WebSocket server that answers subscriptions as Binance does, unless its test wants otherwise."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Answer = Callable[[dict[str, Any]], dict[str, Any] | None]


def acknowledge(request: dict[str, Any]) -> dict[str, Any]:
    return {"result": None, "id": request["id"]}


@dataclass
class Client:
    """One connection as the server saw it."""

    socket: ServerConnection
    path: str
    began_s: float
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def streams(self) -> set[str]:
        """Names subscribed now."""
        names: set[str] = set()
        for request in self.requests:
            change = names.update if request["method"] == "SUBSCRIBE" else names.difference_update
            change(request["params"])
        return names

    async def send(self, frame: str | bytes | dict[str, Any]) -> None:
        text = json.dumps(frame, separators=(",", ":")) if isinstance(frame, dict) else frame
        await self.socket.send(text, text=True)


class StreamServer:
    """`answer` makes the reply to each request (`None`: none); `greet` runs before the first request is read."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.answer: Answer = acknowledge
        self.greet: Callable[[Client], Awaitable[None]] | None = None
        self.refuse: Callable[[ServerConnection], Response | None] = lambda _: None
        self.refused_s: list[float] = []
        self.port = 0
        self._server: Server | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await serve(
            self._serve, "127.0.0.1", self.port, process_request=self._process, ping_interval=None, close_timeout=0.2
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for client in self.clients:
                client.socket.transport.abort()
            await self._server.wait_closed()
            self._server = None

    def _process(self, connection: ServerConnection, request: Request) -> Response | None:
        refusal = self.refuse(connection)
        if refusal is not None:
            self.refused_s.append(time.monotonic())
        return refusal

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        client = Client(socket, socket.request.path, time.monotonic())
        self.clients.append(client)
        try:
            if self.greet is not None:
                await self.greet(client)
            async for message in socket:
                request = json.loads(message)
                client.requests.append(request)
                reply = self.answer(request)
                if reply is not None:
                    await client.send(reply)
        except ConnectionClosed:
            return


@asynccontextmanager
async def stream_server() -> AsyncIterator[StreamServer]:
    server = StreamServer()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
