"""Answers that leave in a way no client hopes for: `dispatcher.Delivery`."""

import asyncio
import contextlib
import gzip
from dataclasses import dataclass
from typing import Literal

from core.simulation.server.dispatcher import Answer
from core.simulation.server.http_exchange import HttpExchange
from core.simulation.server.rest_front import HTML_TYPE, answer_headers, html_page
from core.simulation.server.socket import Socket, reset

BodyFault = Literal["slow", "fragmented", "gzip", "gzip_truncated", "huge", "empty", "truncated", "html"]
_GZIP = (b"content-encoding", b"gzip")
_PIECES = 20
_HUGE_BYTES = 16 * 1024 * 1024
_BLOCK = b" " * 65_536


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer; the connection stays until the client leaves, or is reset after `real_s` (`None`: never)."""

    real_s: float | None

    async def over_http(self, exchange: HttpExchange, answer: Answer) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.real_s):
                await exchange.gone()
                return
        reset(exchange.transport)

    def over_socket(self, socket: Socket, text: bytes) -> None:
        pass


class Reset:
    """The connection is cut with a TCP reset."""

    async def over_http(self, exchange: HttpExchange, answer: Answer) -> None:
        reset(exchange.transport)

    def over_socket(self, socket: Socket, text: bytes) -> None:
        socket.reset()


@dataclass(frozen=True, slots=True)
class Page:
    """What stands in front of the venue answers, in HTML. WebSockets know no pages: they are cut."""

    title: str
    """Status and words: `502 Bad Gateway`."""

    async def over_http(self, exchange: HttpExchange, answer: Answer) -> None:
        extra = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
        await exchange.respond(int(self.title.split()[0]), [HTML_TYPE, *extra], html_page(self.title))

    def over_socket(self, socket: Socket, text: bytes) -> None:
        socket.reset()


@dataclass(frozen=True, slots=True)
class OddBody:
    """The right answer in a body that is hard or impossible to read. `slow` takes `real_s` for the whole."""

    how: BodyFault
    real_s: float

    async def over_http(self, exchange: HttpExchange, answer: Answer) -> None:
        headers, body = answer_headers(answer), answer.body
        match self.how:
            case "empty":
                await exchange.respond(200, headers, b"")
            case "gzip":
                await exchange.respond(answer.status, [*headers, _GZIP], gzip.compress(body, mtime=0))
            case "gzip_truncated":
                packed = gzip.compress(body, mtime=0)
                await exchange.respond(answer.status, [*headers, _GZIP], packed[: len(packed) // 2])
            case "html":
                await exchange.respond(200, [HTML_TYPE], html_page("Welcome"))
            case "truncated":
                await exchange.respond(answer.status, headers, body[: len(body) // 2])
            case "huge":
                await self._huge(exchange, answer)
            case "slow":
                await self._in_pieces(exchange, answer, self.real_s / _PIECES)
            case "fragmented":
                await self._in_pieces(exchange, answer, 0)

    def over_socket(self, socket: Socket, text: bytes) -> None:
        match self.how:
            case "empty":
                socket.send(b"")
            case "truncated" | "gzip_truncated":
                socket.send(text[: len(text) // 2])
            case _:
                socket.send(text)

    async def _in_pieces(self, exchange: HttpExchange, answer: Answer, pause_s: float) -> None:
        """Chunked, cut wherever it falls: inside numbers, names and escapes."""
        await exchange.start(answer.status, answer_headers(answer))
        size = max(1, len(answer.body) // _PIECES)
        for first in range(0, len(answer.body), size):
            await exchange.piece(answer.body[first : first + size])
            await asyncio.sleep(pause_s)
        await exchange.finish()

    async def _huge(self, exchange: HttpExchange, answer: Answer) -> None:
        """Valid JSON behind megabytes of white space."""
        await exchange.start(answer.status, answer_headers(answer))
        for _ in range(_HUGE_BYTES // len(_BLOCK)):
            await exchange.piece(_BLOCK)
        await exchange.piece(answer.body)
        await exchange.finish()
