"""Market stream connections: paths, SUBSCRIBE and its relatives, and their limits.

`/ws`, `/ws/<stream>` and anything below another prefix (`/stream/ws/7`) carry raw payloads, `/stream?streams=a/b`
carries wrapped ones. A last path segment that names no stream is ignored, as clients number their connections there.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, unquote

import msgspec
from websockets.frames import CloseCode

from core.simulation.server.limits import RELAXED
from core.simulation.server.socket import Socket
from core.simulation.server.stream_hub import StreamHub
from core.simulation.server.stream_names import SPOT_STREAMS, StreamName, Vocabulary, parse_stream_name
from core.simulation.server.user_frames import server_shutdown

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_MAX_ID_LENGTH = 36


@dataclass(frozen=True, slots=True)
class StreamRules:
    """What one market's stream connections may do."""

    vocabulary: Vocabulary
    max_streams: int
    """On one connection."""
    max_messages_per_s: int
    """From one connection, pings and pongs included."""

    def relaxed(self) -> "StreamRules":
        """For tests of speed: a thousand times as many messages."""
        return replace(self, max_messages_per_s=self.max_messages_per_s * RELAXED)


SPOT_RULES = StreamRules(SPOT_STREAMS, max_streams=1_024, max_messages_per_s=5)


class StreamError(Exception):
    """Answered as `{"error": {"code", "msg"}, "id"}`; codes 0 to 3 as in Binance's stream documentation."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(slots=True)
class Connection:
    """One client's subscriptions. `combined`: its frames are wrapped with the name of their stream."""

    combined: bool
    inbound_s: deque[float]
    """When its last messages came."""
    streams: dict[str, StreamName] = field(default_factory=dict)


def close_flooding(socket: Socket) -> None:
    """End a connection that talks too fast."""
    socket.close(CloseCode.POLICY_VIOLATION, "Too many requests")


class StreamFront:
    """A `SocketHandler` for market streams. `flooded` gets each connection that sends more than the rules allow."""

    def __init__(
        self, hub: StreamHub, rules: StreamRules = SPOT_RULES, flooded: Callable[[Socket], None] = close_flooding
    ) -> None:
        self._hub = hub
        self._rules = rules
        self._flooded = flooded
        self._connections: dict[Socket, Connection] = {}

    @property
    def n_connections(self) -> int:
        return len(self._connections)

    @staticmethod
    def accepts(path: str) -> bool:
        segments = path.strip("/").split("/")
        return "ws" in segments or segments[-1] == "stream"

    def opened(self, socket: Socket, path: str, query: str) -> None:
        combined, texts = requested(path, query)
        inbound_s: deque[float] = deque(maxlen=self._rules.max_messages_per_s + 1)
        connection = self._connections[socket] = Connection(combined, inbound_s)
        socket.streams = connection.streams.keys()
        names = [name for text in texts if (name := self._parse(text)) is not None]
        if len(names) > self._rules.max_streams:
            socket.close(CloseCode.POLICY_VIOLATION, "Too many streams")
            return
        self._subscribe(socket, connection, names)

    def message(self, socket: Socket, text: bytes) -> None:
        connection = self._connections[socket]
        if self._is_flooding(socket, connection):
            return
        request_id: object = None
        try:
            request = _decode(text)
            request_id = _request_id(request)
            answer: dict[str, object] = {"result": self._answer(socket, connection, request), "id": request_id}
        except StreamError as error:
            answer = {"error": {"code": error.code, "msg": error.message}, "id": request_id}
        socket.send(msgspec.json.encode(answer))

    def control_frame(self, socket: Socket) -> None:
        self._is_flooding(socket, self._connections[socket])

    def goodbye(self, now_ms: int) -> bytes:
        return msgspec.json.encode(server_shutdown(now_ms))

    def closed(self, socket: Socket) -> None:
        connection = self._connections.pop(socket, None)
        if connection is not None:
            for name in connection.streams.values():
                self._hub.unsubscribe(socket, name)

    def _is_flooding(self, socket: Socket, connection: Connection) -> bool:
        now_s = time.monotonic()
        inbound = connection.inbound_s
        inbound.append(now_s)
        if len(inbound) > self._rules.max_messages_per_s and now_s - inbound[0] < 1.0:
            inbound.clear()
            self._flooded(socket)
            return True
        return False

    def _answer(self, socket: Socket, connection: Connection, request: dict[str, object]) -> object:
        method = request.get("method")
        params = request.get("params", [])
        if method == "LIST_SUBSCRIPTIONS":
            return list(connection.streams)
        if not isinstance(params, list):
            raise StreamError(2, "Invalid request: params must be an array")
        if method == "GET_PROPERTY":
            _require_combined(params, count=1)
            return connection.combined
        if method == "SET_PROPERTY":
            self._set_combined(socket, connection, params)
            return None
        names = self._stream_names(params)
        if method == "SUBSCRIBE":
            if len(connection.streams.keys() | {name.text for name in names}) > self._rules.max_streams:
                message = f"Invalid request: more than {self._rules.max_streams} streams on one connection"
                raise StreamError(2, message)
            self._subscribe(socket, connection, names)
        else:
            for name in names:
                if connection.streams.pop(name.text, None) is not None:
                    self._hub.unsubscribe(socket, name)
        return None

    def _subscribe(self, socket: Socket, connection: Connection, names: list[StreamName]) -> None:
        for name in names:
            connection.streams[name.text] = name
            self._hub.subscribe(socket, name, combined=connection.combined)

    def _stream_names(self, params: list[object]) -> list[StreamName]:
        names = []
        for text in params:
            name = self._parse(text) if isinstance(text, str) else None
            if name is None:
                raise StreamError(2, "Invalid request: invalid stream")
            names.append(name)
        return names

    def _parse(self, text: str) -> StreamName | None:
        return parse_stream_name(text, self._rules.vocabulary)

    def _set_combined(self, socket: Socket, connection: Connection, params: list[object]) -> None:
        _require_combined(params, count=2)
        if not isinstance(params[1], bool):
            raise StreamError(1, "Invalid value type: expected Boolean")
        connection.combined = params[1]
        self._subscribe(socket, connection, list(connection.streams.values()))


def requested(path: str, query: str) -> tuple[bool, list[str]]:
    """Whether a connection wants its frames wrapped, and the names of streams in its address."""
    segments = path.strip("/").split("/")
    if "ws" in segments:
        return False, [unquote(text) for text in segments[segments.index("ws") + 1 :]]
    return True, [unquote(text) for text in "/".join(parse_qs(query).get("streams", [])).split("/")]


def _decode(text: bytes) -> dict[str, object]:
    try:
        request = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise StreamError(3, "Invalid JSON: expected value at line 1 column 1") from None
    if not isinstance(request, dict):
        raise StreamError(2, "Invalid request: expected an object at line 1 column 1")
    return request


def _request_id(request: dict[str, object]) -> object:
    method = request.get("method")
    if method is None:
        raise StreamError(2, "Invalid request: missing field `method` at line 1 column 1")
    if method not in _METHODS:
        expected = ", ".join(f"`{known}`" for known in _METHODS)
        message = f"Invalid request: unknown variant `{method}`, expected one of {expected} at line 1 column 1"
        raise StreamError(2, message)
    request_id = request.get("id", ...)
    is_text = isinstance(request_id, str) and len(request_id) <= _MAX_ID_LENGTH
    is_number = isinstance(request_id, int) and not isinstance(request_id, bool) and abs(request_id) < 2**63
    if not (is_text or is_number or request_id is None):
        raise StreamError(2, "Invalid request: request ID must be an unsigned integer")
    return request_id


def _require_combined(params: list[object], count: int) -> None:
    if not params or not isinstance(params[0], str):
        raise StreamError(2, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise StreamError(0, "Unknown property")
    if len(params) != count:
        raise StreamError(2, "Invalid request: too many parameters")
