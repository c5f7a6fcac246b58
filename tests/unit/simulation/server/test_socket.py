"""One connection at a time, over real loopback sockets, without the venue around it."""

import asyncio
import functools
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from core.simulation.server import socket as socket_module
from core.simulation.server.frames import text_frame
from core.simulation.server.socket import MAX_BUFFER_BYTES, Socket
from tests.waiting import eventually


class Echo:
    """Routes every path but `/nowhere` to itself, echoes, and knows its connections."""

    def __init__(self) -> None:
        self.sockets: list[Socket] = []
        self.opened_with: list[tuple[str, str]] = []
        self.closed_count = 0
        self.control_frames = 0

    def route(self, path: str) -> "Echo | None":
        return None if path == "/nowhere" else self

    def opened(self, socket: Socket, path: str, query: str) -> None:
        self.sockets.append(socket)
        self.opened_with.append((path, query))

    def message(self, socket: Socket, text: bytes) -> None:
        socket.send(text)

    def control_frame(self, socket: Socket) -> None:
        self.control_frames += 1

    def closed(self, socket: Socket) -> None:
        self.closed_count += 1


@pytest.fixture
async def echo() -> Echo:
    return Echo()


@pytest.fixture
async def url(echo: Echo) -> AsyncIterator[str]:
    state = SimpleNamespace(connections=set())
    factory = functools.partial(Socket, config=None, server_state=state, app_state={}, routes=echo)
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield f"ws://127.0.0.1:{port}"
    for connection in list(state.connections):
        connection.shutdown()
    server.close()
    await server.wait_closed()
    await eventually(lambda: not state.connections)


async def test_messages_go_both_ways(url: str, echo: Echo) -> None:
    async with connect(f"{url}/a/path?with=query") as client:
        for text in ("", "x" * 200, "é" * 70_000):
            await client.send(text)
            assert await client.recv() == text
        assert echo.opened_with == [("/a/path", "with=query")]
    await eventually(lambda: echo.closed_count == 1)


async def test_fragments_are_joined_and_pings_answered(url: str, echo: Echo) -> None:
    async with connect(url) as client:
        await client.send(["one ", "two ", "three"])
        assert await client.recv() == "one two three"
        await (await client.ping())
        assert echo.control_frames == 1


async def test_a_path_that_leads_nowhere_is_404(url: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"{url}/nowhere").__aenter__()
    assert caught.value.response.status_code == 404


async def test_queued_frames_leave_together(url: str, echo: Echo) -> None:
    async with connect(url) as client:
        await eventually(lambda: echo.sockets)
        (socket,) = echo.sockets
        assert [socket.queue(text_frame(text)) for text in (b"a", b"b", b"c")] == [True, False, False]
        socket.flush()
        assert [await client.recv() for _ in range(3)] == ["a", "b", "c"]


async def test_what_was_queued_arrives_before_the_close(url: str, echo: Echo) -> None:
    async with connect(url) as client:
        await eventually(lambda: echo.sockets)
        echo.sockets[0].queue(text_frame(b"last words"))
        echo.sockets[0].close(1001, "bye")
        assert await client.recv() == "last words"
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1001, "bye")


async def test_a_slow_reader_is_closed_and_its_memory_bounded(url: str, echo: Echo) -> None:
    frame = text_frame(b"x" * 65_536)
    async with connect(url, max_queue=1, compression=None) as client:
        await eventually(lambda: echo.sockets)
        (socket,) = echo.sockets
        n_queued = 0
        while socket.is_open:
            socket.queue(frame)
            socket.flush()
            n_queued += 1
            # Lets the kernel's buffers take what they can.
            await asyncio.sleep(0)
        assert socket.transport.get_write_buffer_size() <= MAX_BUFFER_BYTES + 2 * len(frame)
        socket.queue(frame)
        socket.flush()
        received = 0
        with pytest.raises(ConnectionClosed) as caught:
            while await client.recv():
                received += 1
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1008, "slow reader")
        assert received == n_queued - 1, "the frame that found the buffer full is the only one lost"


async def test_who_reads_nothing_and_answers_nothing_is_cut(
    url: str, echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_module, "PING_INTERVAL_S", 0.02)
    monkeypatch.setattr(socket_module, "PONG_TIMEOUT_S", 0.05)
    host, port = url.removeprefix("ws://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    async with asyncio.timeout(10):
        try:
            received = await reader.read()
        except ConnectionResetError:
            received = b""
    await eventually(lambda: echo.closed_count == 1)
    assert not received or received.startswith(b"HTTP/1.1 101")
    writer.close()


async def test_a_message_too_large_is_1009(url: str) -> None:
    async with connect(url) as client:
        await client.send("x" * (socket_module.MAX_MESSAGE_BYTES + 1))
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009


async def test_garbage_ends_the_connection(url: str, echo: Echo) -> None:
    host, port = url.removeprefix("ws://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"\x00\xff garbage\r\n\r\n")
    async with asyncio.timeout(10):
        await reader.read()
    writer.close()
    assert echo.sockets == []
