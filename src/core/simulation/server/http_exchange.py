"""One HTTP request and the way back to who asked."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

TRANSPORT = "venue.transport"
"""The extension of the ASGI scope that holds the connection."""


class HttpExchange:
    """`respond` sends a whole answer; `start`, `piece` and `finish` send one bit by bit."""

    __slots__ = ("_receive", "_send", "scope")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send

    @property
    def transport(self) -> asyncio.Transport:
        return cast(asyncio.Transport, self.scope["extensions"][TRANSPORT])

    async def body(self, at_most: int) -> bytes | None:
        """The whole body; `None` if it is larger than `at_most` bytes."""
        chunks: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                break
            chunk = message.get("body", b"")
            size += len(chunk)
            if size <= at_most:
                chunks.append(chunk)
            more = message.get("more_body", False)
        return b"".join(chunks) if size <= at_most else None

    async def start(self, status: int, headers: Headers) -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def respond(self, status: int, headers: Headers, body: bytes) -> None:
        await self.start(status, [*headers, (b"content-length", str(len(body)).encode())])
        await self._send({"type": "http.response.body", "body": body})

    async def gone(self) -> None:
        """Returns once the client has left, after its body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def piece(self, body: bytes) -> None:
        """A part of the body, after `start`; without a length in the headers it goes out chunked."""
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def finish(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})
