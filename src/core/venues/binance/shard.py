"""One connection's share of the market streams: subscribe at the venue's pace, read, publish."""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import structlog
from websockets.exceptions import ConnectionClosed

from core.domain.instruments import InstrumentId
from core.domain.market import MarketEvent, StreamInterrupted, StreamRestored
from core.ports.clock import MonotonicClock
from core.venues.binance.decode import UNREADABLE, ControlFrame
from core.venues.binance.routes import Route, by_frame_name
from core.venues.socket import WatchedConnection, keep_dialling

log = structlog.get_logger()

_SEND_EVERY_S = 0.25
"""Four frames of ours a second; the venue cuts the connection above five, pings included."""
_BATCH = 200
"""Streams in one SUBSCRIBE."""
_MAX_COMMANDS = 64
_MAX_COMPLAINTS = 64
_TURN = 64
"""Frames handled before others get a turn of the loop."""
_NAME_AT = len(b'{"stream":"')
_SHOWN_BYTES = 200

_control = msgspec.json.Decoder(ControlFrame)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class _Command:
    method: str
    instrument_ids: tuple[InstrumentId, ...]
    params: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Pending:
    """A command that the venue has not answered; `timeout` ends the connection if it never does."""

    command: _Command
    timeout: asyncio.TimerHandle


class Shard:
    """`streams`: names and routes by instrument. Counters are of all connections so far."""

    def __init__(
        self,
        url: str,
        streams: Mapping[InstrumentId, Mapping[str, Route]],
        monotonic_clock: MonotonicClock,
        chance: random.Random,
        *,
        stale_s: float,
    ) -> None:
        self.instrument_ids = tuple(streams)
        self.n_streams = sum(len(names) for names in streams.values())
        self.messages = self.malformed = self.refused = self.reconnects = 0
        self._url = url
        self._streams = streams
        self._routes = by_frame_name(streams)
        self._now_ns = monotonic_clock.now_ns
        self._chance = chance
        self._stale_s = stale_s
        self._publish: Callable[[MarketEvent], None] = lambda event: None
        self._connection: WatchedConnection | None = None
        self._commands: asyncio.Queue[_Command] = asyncio.Queue(_MAX_COMMANDS)
        self._pending: dict[int, _Pending] = {}
        self._acknowledged: set[InstrumentId] = set()
        self._complaints: set[bytes] = set()
        self._last_id = 0
        self._is_down = False

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    @property
    def n_acknowledged(self) -> int:
        return len(self._acknowledged)

    async def run(self, publish: Callable[[MarketEvent], None]) -> None:
        """See `MarketStreams.run`."""
        self._publish = publish
        await keep_dialling(self._url, self._serve, self._lost, stale_s=self._stale_s, chance=self._chance)

    def resubscribe(self, instrument_ids: Iterable[InstrumentId]) -> None:
        """Leaves and takes up these streams again. When too much is queued already it is dropped and said so: whoever
        asked will ask again. A connection that is down subscribes to everything anyhow."""
        wanted = set(instrument_ids)
        ours = tuple(instrument_id for instrument_id in self.instrument_ids if instrument_id in wanted)
        if self._connection is None or not ours:
            return
        commands = [
            _Command(method, *batch) for batch in self._batches(ours) for method in ("UNSUBSCRIBE", "SUBSCRIBE")
        ]
        if self._commands.qsize() + len(commands) > _MAX_COMMANDS:
            log.warning("resubscription_dropped", venue="binance", instruments=len(ours))
            return
        for command in commands:
            self._commands.put_nowait(command)

    def reconnect(self, instrument_ids: Iterable[InstrumentId]) -> None:
        """Drops the connection if it carries any of these."""
        if self._connection is not None and not set(self.instrument_ids).isdisjoint(instrument_ids):
            self._connection.abort("RECONNECT_REQUESTED")

    async def _serve(self, connection: WatchedConnection) -> None:
        self._connection = connection
        self._complaints.clear()
        self._commands = asyncio.Queue(max(_MAX_COMMANDS, len(self.instrument_ids)))
        for batch in self._batches(self.instrument_ids):
            self._commands.put_nowait(_Command("SUBSCRIBE", *batch))
        ended: ConnectionClosed | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                sender = tasks.create_task(self._send(connection), name="stream subscriptions")
                try:
                    await self._read(connection)
                except ConnectionClosed as closed:
                    ended = closed
                finally:
                    sender.cancel()
        finally:
            self._connection = None
            self._acknowledged.clear()
            for pending in self._pending.values():
                pending.timeout.cancel()
            self._pending.clear()
        if ended is not None:
            raise ended

    async def _send(self, connection: WatchedConnection) -> None:
        while True:
            command = await self._commands.get()
            self._last_id += 1
            request_id = self._last_id
            timeout = connection.loop.call_later(self._stale_s, connection.abort, "SUBSCRIBE_UNANSWERED")
            self._pending[request_id] = _Pending(command, timeout)
            request = {"method": command.method, "params": command.params, "id": request_id}
            try:
                await connection.send(_encode(request).decode())
            except ConnectionClosed:
                return  # the reader says so, too
            await asyncio.sleep(_SEND_EVERY_S)

    async def _read(self, connection: WatchedConnection) -> None:
        while True:
            for _ in range(_TURN):
                self._handle(await connection.recv(decode=False))
            await asyncio.sleep(0)

    def _handle(self, frame: bytes) -> None:
        name = frame[_NAME_AT : frame.find(b'"', _NAME_AT)]
        route = self._routes.get(name)
        if route is None:
            self._handle_other(frame)
            return
        self._deliver(frame, route, name)

    def _deliver(self, frame: bytes, route: Route, name: bytes) -> None:
        self.messages += 1
        try:
            event = route(frame, self._now_ns())
        except UNREADABLE as error:
            self._complain(name, error, frame)
            return
        self._publish(event)

    def _handle_other(self, frame: bytes) -> None:
        """Answers and notices, and data frames spelt in another order than the venue's usual one."""
        try:
            control = _control.decode(frame)
        except UNREADABLE as error:
            self._complain(b"unknown", error, frame)
            return
        if control.id is not None:
            self._answered(control)
        elif control.event == "serverShutdown" and self._connection is not None:
            self._connection.abort("SERVER_SHUTDOWN")
        elif control.code is not None or control.error is not None:
            self._refuse(control, ())
        elif control.stream is not None and (route := self._routes.get(name := control.stream.encode())) is not None:
            self._deliver(frame, route, name)

    def _answered(self, control: ControlFrame) -> None:
        pending = self._pending.pop(control.id, None) if isinstance(control.id, int) else None
        if pending is None:
            return
        pending.timeout.cancel()
        ids = pending.command.instrument_ids
        if control.error is not None or control.code is not None:
            self._refuse(control, ids)
        elif pending.command.method == "SUBSCRIBE":
            self._acknowledged.update(ids)
            if self._is_down:
                log.info("stream_back", venue="binance", instruments=len(self.instrument_ids))
            self._is_down = False
            self._publish(StreamRestored(ids, self._now_ns()))

    def _refuse(self, control: ControlFrame, ids: Sequence[InstrumentId]) -> None:
        """Not asked again by itself: feed health sees the silence and asks, with its own patience."""
        self.refused += 1
        code, words = (control.error.code, control.error.msg) if control.error else (control.code, control.msg)
        log.warning("subscription_refused", venue="binance", instruments=len(ids), code=code, answer=words)
        if ids:
            self._acknowledged.difference_update(ids)
            self._publish(StreamInterrupted(tuple(ids), f"SUBSCRIBE_REFUSED code={code}", self._now_ns()))

    def _complain(self, name: bytes, error: Exception, frame: bytes) -> None:
        """Counts a frame that cannot be read; says so once a connection and stream, of so many streams at most."""
        self.malformed += 1
        if name not in self._complaints and len(self._complaints) < _MAX_COMPLAINTS:
            self._complaints.add(name)
            text = frame[:_SHOWN_BYTES].decode(errors="replace")
            stream = name.decode(errors="replace")
            log.warning("frame_malformed", venue="binance", stream=stream, error=str(error), frame=text)

    def _lost(self, reason: str) -> None:
        """Said once; while the venue cannot be reached again there is nothing new to say."""
        if self._is_down:
            return
        self._is_down = True
        self.reconnects += 1
        log.warning("stream_lost", venue="binance", reason=reason, instruments=len(self.instrument_ids))
        self._publish(StreamInterrupted(self.instrument_ids, reason, self._now_ns()))

    def _batches(self, ids: Sequence[InstrumentId]) -> list[tuple[tuple[InstrumentId, ...], tuple[str, ...]]]:
        """(instruments, stream names), at most `_BATCH` names each; an instrument's streams stay together, so that one
        acknowledgement covers all of them."""
        batches: list[tuple[tuple[InstrumentId, ...], tuple[str, ...]]] = []
        batch_ids: list[InstrumentId] = []
        names: list[str] = []
        for instrument_id in ids:
            of_instrument = self._streams[instrument_id]
            if names and len(names) + len(of_instrument) > _BATCH:
                batches.append((tuple(batch_ids), tuple(names)))
                batch_ids, names = [], []
            batch_ids.append(instrument_id)
            names.extend(of_instrument)
        if names:
            batches.append((tuple(batch_ids), tuple(names)))
        return batches
