"""The WebSocket: calls and their answers, subscriptions, heartbeats (`/ws/api/v2`)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog
from websockets.frames import CloseCode

from core.simulation.server.clock import VenueClock
from core.simulation.server.deribit import errors
from core.simulation.server.deribit.calls import Calls
from core.simulation.server.deribit.channels import Channel, ChannelFrames, parse_channel
from core.simulation.server.deribit.errors import RpcError
from core.simulation.server.deribit.front import read_message
from core.simulation.server.dispatcher import Answer, Request
from core.simulation.server.made_data import MadeData
from core.simulation.server.socket import Socket
from core.simulation.server.stream_hub import FrameFaults

_log = structlog.get_logger(__name__)

PATH = "/ws/api/v2"
TURN_S = 0.1
_MOST_IN_FLIGHT = 50
_MOST_CHANNELS = 500
"""On one connection."""
_LEAST_HEARTBEAT_S = 10
_LONGEST_HEARTBEAT_S = 3_600


@dataclass(slots=True)
class _Session:
    channels: dict[str, None] = field(default_factory=dict)
    """A set that keeps its order."""
    in_flight: int = 0
    heartbeat_s: float | None = None
    """`None`: the client wants none."""
    due_s: float = 0.0
    is_tested: bool = False
    """It has been asked for a sign of life, and has given none yet."""


@dataclass(slots=True)
class _Heard:
    channel: Channel
    sockets: dict[Socket, None] = field(default_factory=dict)
    newcomers: list[Socket] = field(default_factory=list)
    """Those that were told nothing yet of a channel that others hear."""


class DeribitSockets:
    """A `SocketHandler`. `run` owns the answers under way and tells the channels; connections made while it does not
    run are not answered."""

    def __init__(
        self, calls: Calls, frames: ChannelFrames, data: MadeData, clock: VenueClock, coins: tuple[str, ...]
    ) -> None:
        self._calls = calls
        self._frames = frames
        self._data = data
        self._clock = clock
        self._coins = coins
        self._sessions: dict[Socket, _Session] = {}
        self._heard: dict[str, _Heard] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self.faults: FrameFaults | None = None

    async def run(self) -> None:
        """Until cancelled; calls under way are cancelled with it."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            while True:
                await asyncio.sleep(TURN_S)
                self._beat(asyncio.get_running_loop().time())
                await self._tell()

    def opened(self, socket: Socket, path: str, query: str) -> None:
        session = self._sessions[socket] = _Session()
        socket.streams = session.channels.keys()

    def control_frame(self, socket: Socket) -> None:
        """Pings are free."""

    def goodbye(self, now_ms: int) -> bytes | None:
        return None

    def closed(self, socket: Socket) -> None:
        session = self._sessions.pop(socket, None)
        if session is not None:
            self._leave(socket, session, list(session.channels))

    def message(self, socket: Socket, text: bytes) -> None:
        session = self._sessions[socket]
        try:
            method, params, request_id = read_message(text)
            if session.in_flight >= _MOST_IN_FLIGHT:
                raise errors.too_many_requests()
        except RpcError as error:
            socket.send(self._calls.refused(error).body)
            return
        if self._tasks is None:
            return
        session.in_flight += 1
        self._tasks.create_task(self._serve(socket, session, method, params, request_id), name=f"deribit {method}")

    async def _serve(
        self, socket: Socket, session: _Session, method: str, params: Mapping[str, Any], request_id: object
    ) -> None:
        async def proceed() -> Answer:
            if method.startswith("public/") and method[7:] in _SESSION_METHODS:
                return await self._session_answer(socket, session, method[7:], params, request_id)
            if method == "public/test":
                session.is_tested = False
            return await self._calls.answer(method, params, request_id, socket.address)

        try:
            request = Request({}, "", None, socket.address, route=method)
            answer = await self._calls.ask(request, proceed)
            if answer.delivery is None:
                socket.send(answer.body)
            else:
                answer.delivery.over_socket(socket, answer.body)
        finally:
            session.in_flight -= 1

    async def _session_answer(
        self, socket: Socket, session: _Session, method: str, params: Mapping[str, Any], request_id: object
    ) -> Answer:
        try:
            if method == "subscribe":
                result: object = await self._subscribe(socket, session, _channel_names(params))
            elif method == "unsubscribe":
                result = self._leave(socket, session, _channel_names(params))
            elif method == "unsubscribe_all":
                self._leave(socket, session, list(session.channels))
                result = "ok"
            elif method == "auth":
                raise RpcError(13004, "invalid_credentials")
            else:
                result = self._set_heartbeat(session, params if method == "set_heartbeat" else None)
        except RpcError as error:
            return self._calls.refused(error, request_id)
        return self._calls.told(result, request_id)

    async def _subscribe(self, socket: Socket, session: _Session, names: list[str]) -> list[str]:
        """The names that there are."""
        if len(session.channels.keys() | set(names)) > _MOST_CHANNELS:
            raise errors.invalid("channels", f"at most {_MOST_CHANNELS} on one connection")
        parsed = [each for name in names if (each := parse_channel(name, self._coins)) is not None]
        now_ms = self._clock.shown_ms()
        there = await self._data.make(lambda: [each for each in parsed if self._frames.exists(each, now_ms)])
        if not socket.is_open:
            return []
        for channel in there:
            if channel.name in session.channels:
                continue
            session.channels[channel.name] = None
            heard = self._heard.setdefault(channel.name, _Heard(channel))
            heard.sockets[socket] = None
            heard.newcomers.append(socket)
        return [each.name for each in there]

    def _leave(self, socket: Socket, session: _Session, names: list[str]) -> list[str]:
        left = [name for name in names if session.channels.pop(name, ...) is None]
        for name in left:
            heard = self._heard[name]
            heard.sockets.pop(socket, None)
            if socket in heard.newcomers:
                heard.newcomers.remove(socket)
            if not heard.sockets:
                del self._heard[name]
        return left

    @staticmethod
    def _set_heartbeat(session: _Session, params: Mapping[str, Any] | None) -> str:
        """`None`: no heartbeats any more."""
        if params is None:
            session.heartbeat_s = None
            return "ok"
        interval = params.get("interval")
        is_number = isinstance(interval, int | float) and not isinstance(interval, bool)
        if not is_number or not _LEAST_HEARTBEAT_S <= float(interval or 0) <= _LONGEST_HEARTBEAT_S:
            raise errors.invalid("interval", f"must be from {_LEAST_HEARTBEAT_S} to {_LONGEST_HEARTBEAT_S}")
        session.heartbeat_s, session.is_tested = float(interval or 0), False
        session.due_s = asyncio.get_running_loop().time() + session.heartbeat_s
        return "ok"

    def _beat(self, now_s: float) -> None:
        """Heartbeats, and an end for those who were asked for a sign of life an interval ago and gave none."""
        for socket, session in list(self._sessions.items()):
            if session.heartbeat_s is None or now_s < session.due_s:
                continue
            if session.is_tested:
                session.heartbeat_s = None
                socket.close(CloseCode.NORMAL_CLOSURE, "no answer to test_request")
                continue
            session.due_s, session.is_tested = now_s + session.heartbeat_s, True
            for kind in ("heartbeat", "test_request"):
                message = {"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": kind}}
                socket.send(msgspec.json.encode(message))

    async def _tell(self) -> None:
        if not self._heard:
            return
        now_ms = self._clock.shown_ms()
        asked = [(heard, tuple(heard.newcomers)) for heard in self._heard.values()]
        for heard, newcomers in asked:
            del heard.newcomers[: len(newcomers)]
        told = await self._data.make(lambda: [self._looked_at(heard, newcomers, now_ms) for heard, newcomers in asked])
        for (heard, newcomers), (first, payloads) in zip(asked, told, strict=True):
            for payload in first:
                self._send(heard.channel, payload, newcomers)
            # Who came first of all is told with the others.
            sockets = [each for each in heard.sockets if each not in heard.newcomers]
            for payload in payloads:
                self._send(heard.channel, payload, sockets)

    def _looked_at(self, heard: _Heard, newcomers: tuple[Socket, ...], now_ms: int) -> tuple[list[Any], list[Any]]:
        """What newcomers are told first, and what all are told then."""
        try:
            first = self._frames.snapshot(heard.channel, now_ms) if newcomers else []
            return first, self._frames.frames(heard.channel, now_ms)
        except Exception:  # the boundary of one channel: a fault in it must not cost the others
            _log.exception("channel_failed", channel=heard.channel.name)
            return [], []

    def _send(self, channel: Channel, payload: object, sockets: "list[Socket] | tuple[Socket, ...]") -> None:
        message = {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel.name, "data": payload}}
        text = msgspec.json.encode(message)

        def deliver(frame: bytes) -> None:
            for socket in sockets:
                socket.send(frame)

        if self.faults is None:
            deliver(text)
        else:
            symbol = None if channel.instrument is None else channel.instrument.name
            self.faults.send(channel.name, symbol, text, deliver)


_SESSION_METHODS = frozenset(
    ("subscribe", "unsubscribe", "unsubscribe_all", "set_heartbeat", "disable_heartbeat", "auth")
)


def _channel_names(params: Mapping[str, Any]) -> list[str]:
    names = params.get("channels")
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise errors.invalid("channels")
    return list(dict.fromkeys(names))
