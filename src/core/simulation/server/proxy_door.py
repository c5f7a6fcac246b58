"""A loopback proxy for clients that insist on the real venue's addresses: CONNECT, then TLS that ends here.

A tunnel to a host of the venue is served by this very process, any other is refused. Nothing is dialled: this module
has sockets that were accepted and no others, so that no mistake here or in a client's settings reaches the real venue.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from typing import cast

import structlog

MAX_HEAD_BYTES = 8_192
HEAD_TIMEOUT_S = 10.0
"""For the client's CONNECT, and again for its TLS handshake."""
_REQUEST_LINE = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.[01]")
_PHRASES = {400: "Bad Request", 403: "Forbidden", 405: "Method Not Allowed", 431: "Request Header Fields Too Large"}

_log = structlog.get_logger(__name__)

Host = tuple[str, int]
ProtocolFactory = Callable[[], asyncio.Protocol | None]
"""`None`: nobody is served there now."""


class ProxyDoor:
    """`hosts`: who serves a tunnel to that name and port, once it is decrypted. `run` owns `listener`."""

    def __init__(self, listener: socket.socket, context: ssl.SSLContext, hosts: Mapping[Host, ProtocolFactory]) -> None:
        self._listener = listener
        self._context = context
        self._hosts = hosts
        self._greeted: set[asyncio.Transport] = set()
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Until cancelled, which cuts connections that have not come to TLS; those beyond belong to their server."""
        server = await asyncio.get_running_loop().create_server(lambda: _Greeting(self), sock=self._listener)
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await asyncio.get_running_loop().create_future()
        finally:
            self._tasks = None
            server.close()
            for transport in list(self._greeted):
                transport.abort()

    def greet(self, transport: asyncio.Transport) -> None:
        self._greeted.add(transport)

    def forget(self, transport: asyncio.Transport) -> None:
        self._greeted.discard(transport)

    def knows(self, host: Host) -> bool:
        return host in self._hosts

    def names(self) -> Iterable[str]:
        return (f"{name}:{port}" for name, port in self._hosts)

    def tunnel(self, transport: asyncio.Transport, host: Host) -> None:
        """Let the client begin TLS on `transport`."""
        if self._tasks is None:
            transport.abort()
            return
        self._tasks.create_task(self._serve(transport, self._hosts[host]), name=f"tunnel to {host[0]}")

    async def _serve(self, transport: asyncio.Transport, factory: ProtocolFactory) -> None:
        early = EarlyData()
        try:
            tls = await asyncio.get_running_loop().start_tls(
                transport, early, self._context, server_side=True, ssl_handshake_timeout=HEAD_TIMEOUT_S
            )
        except OSError as error:  # the client went, was too slow, or does not trust the certificate
            _log.info("proxy_handshake_failed", error=str(error) or type(error).__name__)
            transport.abort()
            return
        finally:
            self.forget(transport)
        early.hand_over(tls, factory)


class _Greeting(asyncio.Protocol):
    """A connection up to its TLS handshake."""

    def __init__(self, door: ProxyDoor) -> None:
        self._door = door
        self._head = b""
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._timer = asyncio.get_running_loop().call_later(HEAD_TIMEOUT_S, self._transport.abort)
        self._door.greet(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._door.forget(self._transport)

    def data_received(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if end:
            self._answer(head.partition(b"\r\n")[0], rest)
        elif len(self._head) > MAX_HEAD_BYTES:
            self._refuse(431, f"The request's head is larger than {MAX_HEAD_BYTES} bytes.")

    def _answer(self, request_line: bytes, rest: bytes) -> None:
        request = _REQUEST_LINE.fullmatch(request_line)
        if request is None:
            self._refuse(400, "This is no HTTP request. The proxy takes CONNECT and, in the tunnel, TLS.")
            return
        method, target = request[1].decode(), request[2].decode("latin-1")
        if method != "CONNECT":
            self._refuse(405, f"{method} is not for this proxy: it takes CONNECT and, in the tunnel, TLS.")
            return
        host = _host(target)
        if host is None or rest:
            self._refuse(400, "Write CONNECT host:port, and wait for the answer before the TLS handshake.")
        elif not self._door.knows(host):
            names = "\n".join(f"  {name}" for name in self._door.names())
            self._refuse(403, f"{target} is none of the hosts that this proxy answers for; it dials nobody.\n{names}")
        else:
            self._timer.cancel()
            self._transport.write(b"HTTP/1.1 200 Connection Established\r\n\r\n")
            self._door.tunnel(self._transport, host)

    def _refuse(self, status: int, text: str) -> None:
        body = f"{text}\n".encode()
        head = (
            f"HTTP/1.1 {status} {_PHRASES[status]}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        self._transport.close()


class EarlyData(asyncio.Protocol):
    """Stands in until a handshake's end is known: a client's first bytes may come with its end."""

    def __init__(self) -> None:
        self._data: list[bytes] = []
        self._is_lost = False

    def data_received(self, data: bytes) -> None:
        self._data.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True

    def hand_over(self, transport: asyncio.Transport | None, factory: ProtocolFactory) -> None:
        """Put a protocol of `factory` in this one's place. Nothing happens where the client has gone."""
        if transport is None or self._is_lost:
            return
        protocol = factory()
        if protocol is None:
            transport.abort()
            return
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        for data in self._data:
            protocol.data_received(data)


def _host(target: str) -> Host | None:
    name, separator, port = target.rpartition(":")
    if not separator or not name or not port.isascii() or not port.isdigit() or len(port) > 5:
        return None
    return name.lower().removesuffix("."), int(port)
