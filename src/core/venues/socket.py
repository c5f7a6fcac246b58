"""One WebSocket connection that cannot die unnoticed, and the loop that dials it again."""

import asyncio
import functools
import random
import ssl
from collections.abc import Awaitable, Callable
from typing import cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from core.venues.backoff import Backoff

_CLOSE_TIMEOUT_S = 1.0
_HEALTHY_AFTER_S = 20.0
_MAX_FRAME_BYTES = 16 * 2**20
_MAX_QUEUED_FRAMES = 256


class LeaveConnection(Exception):
    """Raised by a server of a connection to drop it and dial again; its text is a reason code."""


class WatchedConnection(ClientConnection):
    """Knows when it last heard anything (data, pings, pongs, part of a frame), and aborts itself when that was too long
    ago. A peer that still answers pings is never silent."""

    heard_s = 0.0
    aborted_for: str | None = None
    """Reason code, when it was us who ended it."""

    def data_received(self, data: bytes) -> None:
        self.heard_s = self.loop.time()
        super().data_received(data)

    def abort(self, reason: str) -> None:
        """Ends the connection at once, without a closing handshake; `recv` raises when it has read what had come."""
        if self.aborted_for is None:
            self.aborted_for = reason
            self.transport.abort()

    def abort_when_silent(self, stale_s: float) -> None:
        """From now on. A check that comes late proves nothing: our own loop stood still, and what came meanwhile waits
        to be read."""
        every_s = stale_s / 10

        def check(due_s: float) -> None:
            now_s = self.loop.time()
            if self.transport.is_closing():
                return
            if now_s - due_s < every_s and now_s - self.heard_s > stale_s:
                self.abort("CONNECTION_SILENT")
                return
            self.loop.call_later(every_s, check, now_s + every_s)

        self.heard_s = self.loop.time()
        self.loop.call_later(every_s, check, self.heard_s + every_s)


Address = str | Callable[[], Awaitable[str]]
"""A URL, or what finds out the one to dial next; that may raise `LeaveConnection` where there is none now."""


async def keep_dialling(
    address: Address,
    serve: Callable[[WatchedConnection], Awaitable[None]],
    lost: Callable[[str], None],
    *,
    stale_s: float,
    chance: random.Random,
) -> None:
    """Dials, serves, and dials again until cancelled; never returns.

    `lost(reason)` is called each time a connection ends or cannot be made, with a reason such as
    `CONNECTION_CLOSED code=1006`. `serve` may raise `ConnectionClosed` and `LeaveConnection`; whatever else it raises
    is a mistake of ours and ends this loop too. Cancelling closes the connection and is safe at any await.
    """
    backoff = Backoff(chance)
    loop = asyncio.get_running_loop()
    while True:
        started_s = loop.time()
        retry_after_s: float | None = None
        try:
            url = address if isinstance(address, str) else await address()
            connection = await _dial(url, stale_s)
        except LeaveConnection as left:
            reason = str(left)
        except InvalidStatus as refusal:
            reason = f"HANDSHAKE_REFUSED status={refusal.response.status_code}"
            retry_after_s = _seconds(refusal.response.headers.get("Retry-After"))
        except (InvalidHandshake, OSError) as error:  # a TimeoutError is an OSError
            reason = _why_not_dialled(error)
        else:
            reason = await _serve_until_lost(connection, serve, stale_s)
            if loop.time() - started_s > _HEALTHY_AFTER_S:
                backoff.healthy()
        lost(reason)
        await asyncio.sleep(backoff.next_s(retry_after_s))


async def _dial(url: str, stale_s: float) -> WatchedConnection:
    connected = await connect(
        url,
        ssl=_tls() if url.startswith("wss:") else None,
        compression=None,
        create_connection=WatchedConnection,
        open_timeout=stale_s,
        ping_interval=stale_s / 3,
        ping_timeout=None,
        close_timeout=_CLOSE_TIMEOUT_S,
        max_size=_MAX_FRAME_BYTES,
        max_queue=_MAX_QUEUED_FRAMES,
        proxy=None,
    )
    return cast(WatchedConnection, connected)  # what `create_connection` makes


@functools.cache
def _tls() -> ssl.SSLContext:
    """Reading the system's certificates takes tens of milliseconds."""
    return ssl.create_default_context()


async def _serve_until_lost(
    connection: WatchedConnection, serve: Callable[[WatchedConnection], Awaitable[None]], stale_s: float
) -> str:
    """Why it ended."""
    async with connection:
        connection.abort_when_silent(stale_s)
        try:
            await serve(connection)
        except LeaveConnection as left:
            return str(left)
        except ConnectionClosed as closed:
            frame = closed.rcvd or closed.sent
            return connection.aborted_for or f"CONNECTION_CLOSED code={frame.code if frame is not None else 1006}"
    return "CONNECTION_LEFT"


def _why_not_dialled(error: InvalidHandshake | OSError) -> str:
    if isinstance(error, TimeoutError):
        return "CONNECT_TIMEOUT"
    if isinstance(error, OSError):
        return f"CONNECT_FAILED error={(error.strerror or type(error).__name__).replace(' ', '_')}"
    return f"HANDSHAKE_FAILED error={type(error).__name__}"


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdigit() else None
