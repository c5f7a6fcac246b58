"""Who listens to which market stream, and the cheap way to tell them all."""

from collections.abc import Callable
from typing import Protocol

from core.simulation.server.frames import text_frame
from core.simulation.server.socket import Socket
from core.simulation.server.stream_names import StreamKind, StreamName


class Topic:
    """One stream with its subscribers, apart by whether they get frames raw or wrapped (`combined`)."""

    __slots__ = ("_prefix", "combined", "name", "raw")

    def __init__(self, name: StreamName) -> None:
        self.name = name
        self.raw: set[Socket] = set()
        self.combined: set[Socket] = set()
        self._prefix = b'{"stream":"' + name.text.encode() + b'","data":'

    @property
    def is_deserted(self) -> bool:
        return not self.raw and not self.combined

    def wrap(self, payload: bytes) -> bytes:
        return self._prefix + payload + b"}"


class FrameFaults(Protocol):
    """What may happen to market frames between the venue and its subscribers."""

    def send(self, stream: str, symbol: str | None, payload: bytes, deliver: Callable[[bytes], None]) -> None:
        """Call `deliver` with what becomes of the payload: never, once or more often, now or later."""
        ...


class StreamHub:
    """Subscriptions by stream. `publish` only queues; `flush`, once a turn of the pump, writes each connection once.
    `faults` may be set at any time."""

    def __init__(self) -> None:
        self.faults: FrameFaults | None = None
        self._topics: dict[str, Topic] = {}
        self._by_subject: dict[tuple[StreamKind, str | None], dict[str, Topic]] = {}
        self._dirty: list[Socket] = []
        self.messages_sent = 0
        """Frames queued to subscribers since the start."""

    def subscribe(self, socket: Socket, name: StreamName, *, combined: bool) -> None:
        topic = self._topics.get(name.text)
        if topic is None:
            topic = self._topics[name.text] = Topic(name)
            self._by_subject.setdefault((name.kind, name.symbol), {})[name.text] = topic
        topic.raw.discard(socket)
        topic.combined.discard(socket)
        (topic.combined if combined else topic.raw).add(socket)

    def unsubscribe(self, socket: Socket, name: StreamName) -> None:
        topic = self._topics.get(name.text)
        if topic is None:
            return
        topic.raw.discard(socket)
        topic.combined.discard(socket)
        if topic.is_deserted:
            del self._topics[name.text]
            subject = (name.kind, name.symbol)
            del self._by_subject[subject][name.text]
            if not self._by_subject[subject]:
                del self._by_subject[subject]

    def topics(self, kind: StreamKind, symbol: str | None) -> tuple[Topic, ...]:
        """The streams of this kind and symbol that somebody listens to."""
        found = self._by_subject.get((kind, symbol))
        return tuple(found.values()) if found else ()

    def publish(self, topic: Topic, payload: bytes) -> None:
        """Queue one encoded event to all subscribers of `topic`."""
        if self.faults is not None:
            self.faults.send(topic.name.text, topic.name.symbol, payload, lambda made: self._publish(topic, made))
        else:
            self._publish(topic, payload)

    def _publish(self, topic: Topic, payload: bytes) -> None:
        if topic.raw:
            self._queue(topic.raw, text_frame(payload))
        if topic.combined:
            self._queue(topic.combined, text_frame(topic.wrap(payload)))

    def flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for socket in dirty:
            socket.flush()

    def _queue(self, sockets: set[Socket], frame: bytes) -> None:
        self.messages_sent += len(sockets)
        for socket in sockets:
            if socket.queue(frame):
                self._dirty.append(socket)
