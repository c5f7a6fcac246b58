"""A TCP proxy between a daemon and its venue, that stops passing on what a test says."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

CHUNK = 65_536


class Proxy:
    """Forwards bytes both ways. `holds` decides by a request's first line; what it holds stays in the proxy, its
    connection open and mute, until it is let go. Runs in a thread of its own."""

    def __init__(self, port: int) -> None:
        """`port`: of the venue, on loopback."""
        self._venue_port = port
        self._loop: asyncio.AbstractEventLoop
        self._flows: asyncio.Event
        self._ended: asyncio.Event
        self._started = threading.Event()
        self._holds: Callable[[str], bool] = lambda _: False
        self._freezes = False
        self.held: list[str] = []
        """First lines of the requests that were held."""
        self.answers: list[bytes] = []
        """What came back after something was held, as it came."""
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()
        assert self._started.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)

    def hold(self, holds: Callable[[str], bool]) -> None:
        """Requests that `holds` names reach the venue no more; connections that carry none (streams) flow on."""
        self._holds = holds

    def freeze(self) -> None:
        """Nothing passes any more in either direction, and nobody is told."""
        self._freezes = True
        self._loop.call_soon_threadsafe(self._flows.clear)

    def cut(self) -> None:
        """End all connections at once, as a router would that was restarted."""
        self._loop.call_soon_threadsafe(lambda: [writer.transport.abort() for writer in self._writers])

    def let_go(self) -> None:
        """Everything flows again; what was held meanwhile goes on first."""
        self._holds, self._freezes = (lambda _: False), False
        self._loop.call_soon_threadsafe(self._flows.set)

    async def _serve(self) -> None:
        self._loop, self._flows, self._ended = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        self._flows.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._ended.wait()
        server.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            venue_reader, venue_writer = await asyncio.open_connection("127.0.0.1", self._venue_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, venue_writer}
        try:
            async with asyncio.TaskGroup() as pipes:
                pipes.create_task(self._pipe(reader, venue_writer, is_request=True))
                pipes.create_task(self._pipe(venue_reader, writer, is_request=False))
        except* OSError:
            pass
        finally:
            self._writers -= {writer, venue_writer}
            writer.transport.abort()
            venue_writer.transport.abort()

    async def _pipe(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_request: bool) -> None:
        while data := await source.read(CHUNK):
            await self._flows.wait()
            if is_request:
                await self._pass_request(data)
            elif self.held:
                self.answers.append(data)
            target.write(data)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()

    async def _pass_request(self, data: bytes) -> None:
        first_line = data.partition(b"\r\n")[0].decode("latin-1")
        if self._holds(first_line):
            self.held.append(first_line)
            while self._holds(first_line):
                await asyncio.sleep(0.01)


@contextmanager
def proxied(port: int) -> Iterator[Proxy]:
    proxy = Proxy(port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
