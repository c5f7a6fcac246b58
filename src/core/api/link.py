"""What the daemon and the process that serves its API say to each other: msgpack frames over a stream socket."""

import asyncio
import struct
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, cast

import msgspec

_LENGTH = struct.Struct("!I")
LONGEST_FRAME = 16 << 20
"""Bytes; a picture of a thousand symbols takes a third of a megabyte."""


class _Frame(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Bodies are JSON, encoded once by whoever made them and handed on as they are, save where they say otherwise."""


class Welcome(_Frame, frozen=True):
    """First of all: what the serving process is to do."""

    orders: bytes
    """A `core.api.orders.Orders`."""


class Standing(_Frame, frozen=True):
    """The daemon as it stands; also the proof that its loop turns."""

    status: bytes
    """A `DaemonStatus` as msgpack: JSON would lose what is not a number."""
    at_ns: int
    """Monotonic; all processes of a machine share that clock."""


class Happened(_Frame, frozen=True):
    """Since the last of these, oldest first."""

    events: bytes
    """A list of objects, each with its `type`."""


class Told(_Frame, frozen=True):
    """The answer to an `Ask` or an `Order`."""

    number: int
    body: bytes


class Denied(_Frame, frozen=True):
    number: int
    kind: str
    """The name of the error's class."""
    words: str


class Ready(_Frame, frozen=True):
    """It listens."""


class Watch(_Frame, frozen=True):
    """Whether anybody looks at what happens: pictures come more often then, and events come at all."""

    wanted: bool


class Refresh(_Frame, frozen=True):
    """Somebody looks at a picture that is not new any more."""


class Ask(_Frame, frozen=True):
    number: int
    what: str
    arguments: dict[str, str | int | None]


class Order(_Frame, frozen=True):
    """Do something, once: a `key` that comes again gets the answer of the first time."""

    number: int
    name: str
    body: bytes
    key: str
    who: str
    """Whose token it was."""


ToApi = Welcome | Standing | Happened | Told | Denied
ToDaemon = Ready | Watch | Refresh | Ask | Order
F = TypeVar("F")


class Link(asyncio.Protocol, Generic[F]):
    """One end. `on_frame` is called on the loop with each frame that comes, and must not block; `closed` is done when
    the other end has gone, whatever it was that ended it."""

    def __init__(self, comes: Any, on_frame: Callable[[F], None]) -> None:
        """`comes`: the union of frames that the other end may send."""
        self._decoder = msgspec.msgpack.Decoder(comes)
        self._on_frame = on_frame
        self._buffer = bytearray()
        self._transport: asyncio.WriteTransport | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def backlog(self) -> int:
        """Bytes that the other end has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def send(self, frame: ToApi | ToDaemon) -> None:
        """Nothing where the other end has gone."""
        if self._transport is not None:
            body = msgspec.msgpack.encode(frame)
            self._transport.write(_LENGTH.pack(len(body)) + body)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are not declared as such

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        for frame in self._frames():
            self._on_frame(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self.closed.done():
            self.closed.set_result(None)

    def _frames(self) -> Iterator[F]:
        try:
            yield from map(self._decoder.decode, self._bodies())
        except ValueError:  # no frame of ours: there is no way back into step
            self.close()

    def _bodies(self) -> Iterator[bytes]:
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > LONGEST_FRAME:
                raise ValueError(f"a frame of {length} bytes, above the limit of {LONGEST_FRAME}")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(memoryview(self._buffer)[_LENGTH.size : end])
            del self._buffer[:end]
            yield body
