"""`python -m core.api.web.serving`: the process that serves the API, as `core.api.server` starts it."""

import asyncio
import contextlib
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import uvicorn
import uvloop

from core.api.link import Link, ToApi
from core.api.orders import Orders
from core.api.tokens import TokenFile, Tokens
from core.api.web.access import Access
from core.api.web.application import build_application
from core.api.web.audit import Audit
from core.api.web.commands import Commands
from core.api.web.connections import PatientProtocol
from core.api.web.daemon import DaemonSilent, RemoteDaemon
from core.api.web.equity import EquityCurve
from core.api.web.feed import Events
from core.api.web.guard import MOST_BODY_BYTES, Guard
from core.api.web.house import House
from core.api.web.record import Record
from core.runtime.lifeline import follow_parent
from core.runtime.loop import leave

_NICENESS = 10
"""Trading goes first."""
_LONGEST_MESSAGE = 4_096
"""Of what a page may send over its WebSocket: nothing is expected."""


async def serve(listener: socket.socket, link_end: socket.socket) -> None:
    """Until the daemon has gone. Cancelling is safe."""
    loop = asyncio.get_running_loop()
    daemon = RemoteDaemon()
    link: Link[ToApi] = Link(ToApi, daemon.take)
    daemon.attach(link)
    await loop.create_unix_connection(lambda: link, sock=link_end)
    serving = asyncio.create_task(_serve(listener, daemon), name="serve")
    try:
        await asyncio.wait({serving, link.closed}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        link.close()


async def _serve(listener: socket.socket, daemon: RemoteDaemon) -> None:
    orders = msgspec.msgpack.decode(await daemon.welcome(), type=Orders)
    daemon.silent_after_s = orders.silent_after_s
    await daemon.first_picture()
    server = _Embedded(_config(_application(orders, daemon), orders))
    daemon.ready()
    try:
        await server.serve([listener])
    finally:
        if server.started:
            await server.shutdown([])


def _application(orders: Orders, daemon: RemoteDaemon) -> Guard:
    data_dir = Path(orders.data_dir)
    audit = Audit(data_dir)
    events = Events(daemon.watch)
    equity = EquityCurve()

    def standing() -> None:
        try:
            now = daemon.status()
        except DaemonSilent:  # this process itself was held up for so long that the picture is old
            return
        events.standing(now)
        if now.equity is not None:
            equity.add(now.trading_time_ms, float(now.equity))

    daemon.on_standing, daemon.on_happened = standing, events.happened
    house = House(daemon, Access(audit), Commands(daemon, audit), events, equity, Record(_path(orders.ledger)))
    return Guard(
        build_application(house),
        tokens=Tokens(orders.tokens, TokenFile(data_dir)),
        hosts=orders.hosts,
        requests_per_s=orders.requests_per_s,
        commands_per_s=orders.commands_per_s,
        now_s=time.monotonic,
    )


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)


def _config(application: Guard, orders: Orders) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=PatientProtocol,
        ws="websockets-sansio",
        ws_max_size=_LONGEST_MESSAGE,
        ws_per_message_deflate=False,
        loop="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=MOST_BODY_BYTES,
        ssl_certfile=orders.tls_certificate,
        ssl_keyfile=orders.tls_key,
    )


class _Embedded(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Whoever runs it has its own."""
        yield


def main() -> None:
    """Arguments: the file descriptors of the listening socket and of the link."""
    follow_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4_096) if most != resource.RLIM_INFINITY else 4_096, most))
    listener, link_end = (socket.socket(fileno=int(each)) for each in sys.argv[1:3])
    for each in (listener, link_end):
        each.setblocking(False)
        each.set_inheritable(False)

    async def until_told() -> None:
        serving = asyncio.ensure_future(serve(listener, link_end))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_told())


if __name__ == "__main__":
    main()
    leave(0)
