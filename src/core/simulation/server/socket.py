"""One WebSocket connection: websockets' sans-I/O protocol between uvicorn's transport and a `SocketHandler`.

uvicorn's own bridge passes every message through ASGI; here frames that are already encoded go straight to the
transport, so that one market event costs each subscriber a list append and a share of one write.
"""

import asyncio
import logging
import socket as sockets
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from core.simulation.server.frames import text_frame

MAX_MESSAGE_BYTES = 256 * 1024
MAX_BUFFER_BYTES = 4 * 1024 * 1024
"""A reader that leaves more than this unread is closed with 1008."""
PING_INTERVAL_S = 20.0
PONG_TIMEOUT_S = 60.0
_CLOSE_TIMEOUT_S = 5.0
_LINGER_NOT = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing discards what was not sent and resets the connection."""

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_log = logging.getLogger("websockets.server")


class SocketHandler(Protocol):
    """What a path does with its connection. All calls come from the event loop and must not block or raise."""

    def opened(self, socket: "Socket", path: str, query: str) -> None: ...

    def message(self, socket: "Socket", text: bytes) -> None: ...

    def control_frame(self, socket: "Socket") -> None: ...

    def closed(self, socket: "Socket") -> None: ...

    def goodbye(self, now_ms: int) -> bytes | None:
        """The message that the connection will soon be ended by the venue; `None`: it has none."""
        ...


@dataclass(frozen=True, slots=True)
class Refused:
    """A handshake that is answered with an HTTP error. `status` is any code: proxies use some that have no name."""

    status: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Doorkeeper(Protocol):
    """Who may connect, and who is there."""

    def refusal(self, address: str, path: str) -> Refused | None: ...

    def entered(self, socket: "Socket") -> None: ...

    def left(self, socket: "Socket") -> None: ...


class SocketRoutes(Protocol):
    def route(self, path: str) -> SocketHandler | None:
        """`None`: no such path; the handshake is answered with 404."""
        ...


class Socket(asyncio.Protocol):
    """A connection as uvicorn makes it (`Config(ws=...)`); `routes` decides who handles it, `gate` who gets in
    (`None`: everybody)."""

    def __init__(
        self, *, config: Any, server_state: Any, app_state: Any, routes: SocketRoutes, gate: Doorkeeper | None = None
    ) -> None:
        self._connections: set[Any] = server_state.connections
        self._routes = routes
        self._gate = gate
        self._protocol = ServerProtocol(max_size=MAX_MESSAGE_BYTES, logger=_log)
        self._handler: SocketHandler | None = None
        self.transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._fragments: list[bytes] = []
        self._pending: list[bytes] = []
        self._timers: set[asyncio.TimerHandle] = set()
        self._ping_timer: asyncio.TimerHandle | None = None
        self._last_pong_s = self._loop.time()
        self._is_frozen = False
        self.address = ""
        self.path = ""
        """Of the handshake, with its query."""
        self.streams: Collection[str] = ()
        """Names of what it is subscribed to, as the handler keeps them."""
        self.accounts: set[str] = set()
        """Whose private events it gets, or who logged on."""

    @property
    def is_open(self) -> bool:
        return self._protocol.state is State.OPEN

    def send(self, payload: bytes) -> None:
        """Send one text message now. Nothing happens on a connection that is closing."""
        self.queue(text_frame(payload))
        self.flush()

    def queue(self, frame: bytes) -> bool:
        """Keep an encoded frame for the next `flush`; true if it is the first one."""
        self._pending.append(frame)
        return len(self._pending) == 1

    def flush(self) -> None:
        """Write what is queued; a reader too slow to take it is closed with 1008."""
        pending, self._pending = self._pending, []
        if not pending or self._is_frozen or self._protocol.state is not State.OPEN or self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() > MAX_BUFFER_BYTES:
            self.close(CloseCode.POLICY_VIOLATION, "slow reader")
            return
        self.transport.write(pending[0] if len(pending) == 1 else b"".join(pending))

    def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Start the closing handshake; the connection is cut if the peer does not answer it in time."""
        if self._protocol.state is not State.OPEN:
            return
        self.flush()
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
            self._write_protocol_data()
        self._after(_CLOSE_TIMEOUT_S, self.transport.abort)

    def say_goodbye(self, now_ms: int) -> None:
        """Tell the peer that the venue will end this connection."""
        message = self._handler.goodbye(now_ms) if self._handler is not None else None
        if message is not None:
            self.send(message)

    def freeze(self, *, deaf: bool) -> None:
        """Write nothing any more, no pong either, while the connection stays; `deaf`: read nothing either."""
        self._is_frozen = True
        if deaf and not self.transport.is_closing():
            self.transport.pause_reading()

    def thaw(self) -> None:
        """End a freeze. What was to be written meanwhile is lost."""
        self._is_frozen = False
        self._last_pong_s = self._loop.time()
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def reset(self) -> None:
        """Cut the connection with a TCP reset: no closing handshake, no goodbye."""
        reset(self.transport)

    def shutdown(self) -> None:
        """uvicorn stops."""
        if self._protocol.state is State.OPEN:
            self.close(CloseCode.GOING_AWAY, "server shutdown")
        else:
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else "unknown"

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        for timer in (*self._timers, self._ping_timer):
            if timer is not None:
                timer.cancel()
        self._pending.clear()
        handler, self._handler = self._handler, None
        if handler is not None:
            handler.closed(self)
            if self._gate is not None:
                self._gate.left(self)

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        self._handle_events()

    def eof_received(self) -> bool:
        self._protocol.receive_eof()
        self._handle_events()
        return False

    def _handle_events(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._handshake(event)
            elif isinstance(event, Frame):
                self._frame(event)
        self._write_protocol_data()
        if self._protocol.close_expected():
            self._after(_CLOSE_TIMEOUT_S, self.transport.abort)

    def _handshake(self, request: Request) -> None:
        target = urlsplit(request.path)
        self.path = request.path
        handler = self._routes.route(target.path)
        refused = self._gate.refusal(self.address, request.path) if self._gate is not None else None
        if handler is None and refused is None:
            refused = Refused(HTTPStatus.NOT_FOUND, "Not Found\n")
        response = self._protocol.accept(request) if refused is None else self._no(refused)
        self._protocol.send_response(response)
        self._write_protocol_data()
        if handler is not None and self._protocol.state is State.OPEN:
            self._handler = handler
            if self._gate is not None:
                self._gate.entered(self)
            self._ping_timer = self._loop.call_later(PING_INTERVAL_S, self._ping)
            handler.opened(self, target.path, target.query)

    def _no(self, refused: Refused) -> Response:
        response = self._protocol.reject(HTTPStatus.SERVICE_UNAVAILABLE, refused.text)
        response.status_code = refused.status
        response.reason_phrase = _PHRASES.get(refused.status, "Refused")
        for name, value in refused.headers.items():
            response.headers[name] = value
        return response

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                message, self._fragments = b"".join(self._fragments), []
                if self._handler is not None:
                    self._handler.message(self, message)
            return
        if frame.opcode is Opcode.PONG:
            self._last_pong_s = self._loop.time()
        if frame.opcode is not Opcode.CLOSE and self._handler is not None:
            self._handler.control_frame(self)

    def _ping(self) -> None:
        if self._protocol.state is not State.OPEN:
            return
        if self._loop.time() - self._last_pong_s > PONG_TIMEOUT_S + PING_INTERVAL_S:
            self.transport.abort()
            return
        self._protocol.send_ping(str(int(self._loop.time() * 1_000)).encode())
        self._write_protocol_data()
        self._ping_timer = self._loop.call_later(PING_INTERVAL_S, self._ping)

    def _write_protocol_data(self) -> None:
        self.flush()
        for data in self._protocol.data_to_send():
            if self._is_frozen:
                continue
            if data:
                self.transport.write(data)
            elif self.transport.can_write_eof():
                self.transport.write_eof()
            else:  # TLS knows no half-closed connection
                self.transport.close()

    def _after(self, delay_s: float, callback: Any) -> None:
        self._timers.add(self._loop.call_later(delay_s, callback))


def reset(transport: asyncio.Transport) -> None:
    """Cut a connection with a TCP reset; what was written and not sent is lost."""
    connection = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, _LINGER_NOT)
    transport.abort()
