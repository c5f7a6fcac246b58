"""Who may open a WebSocket, who is there, and for how long.

Connects and messages are counted in real time, whatever the clock's speed: they bound what the network carries, and
clients that wait do so in real seconds. A connection's life is of venue time. Figures as in Binance's "WebSocket
Limits": 300 connects in five minutes an address, 24 hours of life, `serverShutdown` ten minutes ahead of its end.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Protocol

from websockets.frames import CloseCode

from core.simulation.server.clock import VenueClock
from core.simulation.server.limits import RELAXED, RequestLimits
from core.simulation.server.socket import Refused, Socket
from core.simulation.server.stream_front import close_flooding

_WINDOW_S = 300.0
_FLOODS_BEFORE_BAN = 3
"""Connections cut for too many messages within the window; the next one brings a ban."""
_ADDRESSES_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What connections may do."""

    connects: int = 300
    """Of one address in five minutes."""
    life_s: float = 86_400.0
    """Venue seconds until the venue ends a connection."""
    warning_s: float = 600.0
    """Venue seconds between `serverShutdown` and that end."""

    def relaxed(self) -> "Allowance":
        """For tests of speed: a thousand times as many connects."""
        return replace(self, connects=self.connects * RELAXED)


class HandshakeFaults(Protocol):
    """What may come between a client and its connection."""

    def refusal(self, address: str, path: str) -> Refused | None: ...


@dataclass(slots=True)
class _Visitor:
    connects_s: deque[float] = field(default_factory=deque)
    floods_s: deque[float] = field(default_factory=deque)


class Gate:
    """One for all WebSockets of a venue; who is banned by any of `limits` stays outside. `faults` may be set at any
    time."""

    def __init__(
        self,
        limits: Sequence[RequestLimits],
        clock: VenueClock,
        allowance: Allowance,
        monotonic_s: Callable[[], float],
    ) -> None:
        self.allowance = allowance
        self.faults: HandshakeFaults | None = None
        self._limits = limits
        self._clock = clock
        self._monotonic_s = monotonic_s
        self._visitors: dict[str, _Visitor] = {}
        self._inside: dict[Socket, asyncio.TimerHandle] = {}

    def __iter__(self) -> Iterator[Socket]:
        """The open connections, oldest first."""
        return iter(tuple(self._inside))

    def refusal(self, address: str, path: str) -> Refused | None:
        """Asked for every handshake; `None`: come in."""
        for limits in self._limits:
            if (ban := limits.ban_of(address)) is not None:
                return Refused(ban.status, ban.message, ban.headers)
        if not self._may_connect(address):
            words = f"Too many connections; the limit is {self.allowance.connects} every 5 minutes."
            return Refused(HTTPStatus.TOO_MANY_REQUESTS, words, {"retry-after": str(int(_WINDOW_S))})
        return self.faults.refusal(address, path) if self.faults is not None else None

    def entered(self, socket: Socket) -> None:
        loop = asyncio.get_running_loop()
        real_s = (self.allowance.life_s - self.allowance.warning_s) / self._clock.speed
        self._inside[socket] = loop.call_later(real_s, self._warn, socket)

    def left(self, socket: Socket) -> None:
        timer = self._inside.pop(socket, None)
        if timer is not None:
            timer.cancel()

    def flooded(self, socket: Socket) -> None:
        """End a connection that talks too fast; an address that does it again and again is banned."""
        close_flooding(socket)
        floods_s = self._visitor(socket.address).floods_s
        if _count(floods_s, self._monotonic_s()) > _FLOODS_BEFORE_BAN:
            floods_s.clear()
            for limits in self._limits:
                limits.ban(socket.address)

    def _may_connect(self, address: str) -> bool:
        return _count(self._visitor(address).connects_s, self._monotonic_s()) <= self.allowance.connects

    def _visitor(self, address: str) -> _Visitor:
        visitor = self._visitors.pop(address, None) or _Visitor()
        if len(self._visitors) >= _ADDRESSES_KEPT:
            del self._visitors[next(iter(self._visitors))]
        self._visitors[address] = visitor
        return visitor

    def _warn(self, socket: Socket) -> None:
        socket.say_goodbye(self._clock.now_ms())
        loop, real_s = asyncio.get_running_loop(), self.allowance.warning_s / self._clock.speed
        self._inside[socket] = loop.call_later(real_s, socket.close, CloseCode.GOING_AWAY, "24 hours are over")


def _count(times_s: deque[float], now_s: float) -> int:
    """Add `now_s`; how many there are in the window. Only as many are kept as can matter."""
    times_s.append(now_s)
    while times_s[0] <= now_s - _WINDOW_S:
        times_s.popleft()
    return len(times_s)
