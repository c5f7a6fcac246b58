"""The proxy's own protocol, with an echo where the venue would be."""

import asyncio
import contextlib
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import cast

import pytest

from core.simulation.server import proxy_door
from core.simulation.server.proxy_certificate import ProxyCertificate, make_certificate
from core.simulation.server.proxy_door import ProxyDoor

NAME = "venue.test"
HELLO = b"CONNECT venue.test:443 HTTP/1.1\r\nHost: venue.test:443\r\n\r\n"


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


@pytest.fixture(scope="module")
def certificate() -> ProxyCertificate:
    return make_certificate([NAME])


@pytest.fixture
def trusting(certificate: ProxyCertificate) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=certificate.authority_pem.decode())


@contextlib.asynccontextmanager
async def running(certificate: ProxyCertificate) -> AsyncIterator[int]:
    """A proxy's port."""
    listener = socket.create_server(("127.0.0.1", 0))
    door = ProxyDoor(listener, certificate.context, {(NAME, 443): Echo})
    task = asyncio.create_task(door.run())
    try:
        yield listener.getsockname()[1]
    finally:
        task.cancel()
        await asyncio.wait((task,))
        listener.close()


async def answer(port: int, *parts: bytes) -> bytes:
    """All that the proxy says before it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    said = await reader.read()
    writer.close()
    return said


async def tunnelled(port: int, context: ssl.SSLContext, name: str = NAME) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HELLO[:20])
    await writer.drain()
    writer.write(HELLO[20:])
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 Connection Established\r\n\r\n"
    try:
        await writer.start_tls(context, server_hostname=name)
        writer.write(b"first words")
        return await reader.readexactly(11)
    finally:
        writer.close()
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            await writer.wait_closed()


async def test_a_tunnel_ends_in_this_process(certificate: ProxyCertificate, trusting: ssl.SSLContext) -> None:
    async with running(certificate) as port:
        for _ in range(20):
            assert await tunnelled(port, trusting) == b"first words"


async def test_only_the_venues_names_are_vouched_for(certificate: ProxyCertificate, trusting: ssl.SSLContext) -> None:
    async with running(certificate) as port:
        with pytest.raises(ssl.SSLCertVerificationError, match=r"other\.test"):
            await tunnelled(port, trusting, "other.test")
        with pytest.raises(ssl.SSLCertVerificationError):
            await tunnelled(port, ssl.create_default_context())
        assert await tunnelled(port, trusting) == b"first words"


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        (b"CONNECT other.test:443 HTTP/1.1\r\n\r\n", b"403", b"venue.test:443"),
        (b"CONNECT venue.test:80 HTTP/1.1\r\n\r\n", b"403", b"it dials nobody"),
        (b"CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\n", b"403", b"127.0.0.1:443"),
        (b"CONNECT venue.test HTTP/1.1\r\n\r\n", b"400", b"host:port"),
        (b"CONNECT venue.test:443443 HTTP/1.1\r\n\r\n", b"400", b"host:port"),
        (HELLO + b"\x16\x03\x01", b"400", b"wait for the answer"),
        (b"GET http://venue.test/ HTTP/1.1\r\n\r\n", b"405", b"CONNECT"),
        (b"\x16\x03\x01\r\n\r\n", b"400", b"no HTTP request"),
        (b"x" * 10_000, b"431", b"8192"),
    ],
)
async def test_what_is_refused(certificate: ProxyCertificate, said: bytes, status: bytes, words: bytes) -> None:
    async with running(certificate) as port:
        refusal = await answer(port, said)
        assert refusal.startswith(b"HTTP/1.1 " + status)
        assert words in refusal


async def test_names_may_be_written_as_dns_takes_them(certificate: ProxyCertificate) -> None:
    async with running(certificate) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"CONNECT Venue.TEST.:443 HTTP/1.1\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_who_says_nothing_is_cut(certificate: ProxyCertificate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_door, "HEAD_TIMEOUT_S", 0.05)
    async with running(certificate) as port:
        with contextlib.suppress(ConnectionError):
            assert await answer(port, b"CONNECT venue.test:443") == b""
        with contextlib.suppress(ConnectionError):
            assert (await answer(port, HELLO)).startswith(b"HTTP/1.1 200")


async def test_stopping_cuts_who_has_not_come_to_tls(certificate: ProxyCertificate) -> None:
    async with running(certificate) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HELLO)
        await reader.readuntil(b"\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()


class Recorder(asyncio.Protocol):
    def __init__(self) -> None:
        self.said: list[object] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.said.append("made")

    def data_received(self, data: bytes) -> None:
        self.said.append(data)


class TransportStub(asyncio.Transport):
    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        pass


def test_what_comes_with_the_end_of_the_handshake_is_not_lost() -> None:
    early, recorder = proxy_door.EarlyData(), Recorder()
    early.data_received(b"a")
    early.data_received(b"b")
    early.hand_over(TransportStub(), lambda: recorder)
    assert recorder.said == ["made", b"a", b"b"]


def test_who_went_during_the_handshake_gets_no_protocol() -> None:
    early, recorder = proxy_door.EarlyData(), Recorder()
    early.data_received(b"a")
    early.connection_lost(None)
    early.hand_over(TransportStub(), lambda: recorder)
    assert recorder.said == []


_dialled: list[str] = []
_watched: set[int] = set()


def _watch(event: str, _: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname") and threading.get_ident() in _watched:
        _dialled.append(event)


@pytest.fixture
def watched_port(certificate: ProxyCertificate) -> Iterator[int]:
    """A proxy on an event loop of its own, in a thread whose every attempt to dial is noted."""
    ports: list[int] = []
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with running(certificate) as port:
            ports.append(port)
            ready.set()
            await stop.wait()

    def work() -> None:
        _watched.add(threading.get_ident())
        loop.run_until_complete(serve())
        _watched.discard(threading.get_ident())
        loop.close()

    sys.addaudithook(_watch)
    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(10)
    yield ports[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join()


async def test_nothing_is_dialled(watched_port: int, trusting: ssl.SSLContext) -> None:
    stranger = socket.create_server(("127.0.0.1", 0))
    stranger.setblocking(False)
    target = f"CONNECT 127.0.0.1:{stranger.getsockname()[1]} HTTP/1.1\r\n\r\n".encode()
    assert (await answer(watched_port, target)).startswith(b"HTTP/1.1 403")
    assert (await answer(watched_port, b"CONNECT localhost:80 HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 403")
    assert await tunnelled(watched_port, trusting) == b"first words"
    with pytest.raises(BlockingIOError):
        stranger.accept()
    stranger.close()
    assert _dialled == []
    _watched.add(threading.get_ident())  # the watch sees what it is there to see
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", watched_port), timeout=1):
        pass
    _watched.discard(threading.get_ident())
    assert _dialled
    _dialled.clear()
