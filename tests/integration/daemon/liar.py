"""A venue that tells untruths about trades or candles: a proxy over real sockets that rewrites what it says."""

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.venues import VenueProcess

Trade = dict[str, str]
"""`price`, `quantity`, `fee` and `id` of a trade as text."""
Lie = Callable[[Trade], list[Trade]]
"""What is told in the place of a trade."""

_PUSHED = {"price": "L", "quantity": "l", "fee": "n", "id": "t"}
_ANSWERED = {"price": "price", "quantity": "qty", "fee": "commission", "id": "tradeId"}
_HISTORY = {"price": "price", "quantity": "qty", "fee": "commission", "id": "id"}


def truth(trade: Trade) -> list[Trade]:
    return [trade]


class Liar:
    """Lies in the private stream and in answers to new orders; where `in_history` is set, in the trade history too."""

    def __init__(self, venue: VenueProcess) -> None:
        self._venue = venue
        self.lie: Lie = truth
        self.in_history = False
        self.contradicts = ""
        """Of this pair (`BTCUSDT`), every third candle of the past is lower at its high than at its low."""
        self.told = 0
        """How many messages it has rewritten."""
        self._http = _RewritingServer(self, venue.url)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._loop: asyncio.AbstractEventLoop
        self._ended: asyncio.Event
        self._ready = threading.Event()
        self.ws_url = ""

    def start(self) -> None:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)

    def frames(self, text: str) -> list[str]:
        """What is passed on in place of a frame of the private stream."""
        frame = json.loads(text)
        event = frame.get("event") or {}
        if event.get("e") != "executionReport" or event.get("x") != "TRADE":
            return [text]
        return [json.dumps({**frame, "event": told}) for told in self._retell(event, _PUSHED)]

    def body(self, method: str, path: str, content: bytes) -> bytes:
        """What is answered in place of a body."""
        if method == "POST" and path.startswith("/api/v3/order"):
            answer = json.loads(content)
            if answer.get("fills"):
                fills = [told for fill in answer["fills"] for told in self._retell(fill, _ANSWERED)]
                return json.dumps({**answer, "fills": fills}).encode()
        if self.contradicts and "lines?" in path and f"symbol={self.contradicts}" in path:
            rows = json.loads(content)
            return json.dumps([row if n % 3 else _upside_down(row) for n, row in enumerate(rows)]).encode()
        if self.in_history and method == "GET" and path.startswith("/api/v3/myTrades"):
            trades = json.loads(content)
            return json.dumps([told for trade in trades for told in self._retell(trade, _HISTORY)]).encode()
        return content

    def _retell(self, message: dict[str, Any], names: dict[str, str]) -> list[dict[str, Any]]:
        trade = {name: str(message[key]) for name, key in names.items()}
        told = self.lie(dict(trade))
        self.told += told != [trade]
        return [message | {names[name]: _like(message[names[name]], one[name]) for name in names} for one in told]

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with serve(self._pass_on, "127.0.0.1", 0, max_size=None) as server:
            self.ws_url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self._ready.set()
            await self._ended.wait()

    async def _pass_on(self, client: ServerConnection) -> None:
        assert client.request is not None
        is_private = client.request.path.startswith("/ws-api")
        async with connect(self._venue.ws_url + client.request.path, max_size=None) as venue:

            async def up() -> None:
                async for message in client:
                    await venue.send(message)

            async def down() -> None:
                async for message in venue:
                    text = message if isinstance(message, str) else message.decode()
                    for told in self.frames(text) if is_private else [text]:
                        await client.send(told)

            ways = {asyncio.create_task(up()), asyncio.create_task(down())}
            _, waiting = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in waiting:
                way.cancel()
            for ended in await asyncio.gather(*ways, return_exceptions=True):
                if isinstance(ended, Exception) and not isinstance(ended, ConnectionClosed):
                    raise ended


def _upside_down(row: list[Any]) -> list[Any]:
    opened, first, high, low, *rest = row
    return [opened, first, low, high, *rest]


def _like(before: object, text: str) -> object:
    """Ids are numbers, amounts are text."""
    return int(text) if isinstance(before, int) else text


class _RewritingServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, liar: Liar, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _RewritingHandler)
        self.liar = liar
        self.upstream = urlsplit(upstream).netloc


class _RewritingHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _RewritingServer

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in ("host", "accept-encoding")
        }
        connection = http.client.HTTPConnection(self.server.upstream, timeout=20)
        connection.request(self.command, self.path, body or None, headers)
        answered = connection.getresponse()
        content = answered.read()
        if answered.status == 200:
            content = self.server.liar.body(self.command, self.path, content)
        self.send_response(answered.status)
        for name, value in answered.headers.items():
            if name.lower().startswith("x-"):
                self.send_header(name, value)
        self.send_header("Content-Type", answered.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        connection.close()

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def lying(venue: VenueProcess) -> Iterator[Liar]:
    liar = Liar(venue)
    liar.start()
    try:
        yield liar
    finally:
        liar.stop()
