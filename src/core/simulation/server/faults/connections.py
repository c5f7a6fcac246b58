"""WebSockets that hang, are cut, or never come to be."""

from typing import Annotated, Literal

import msgspec
from websockets.frames import CloseCode

from core.simulation.server.faults.address import Target
from core.simulation.server.faults.injector import HandshakeInjector, Injector, NoParameters
from core.simulation.server.socket import Refused, Socket


class ConnectionInjector(Injector):
    """Strikes the connections that are open when it begins, each once; with `also_new` those that open later, too."""

    def begin(self) -> None:
        self._seen: set[Socket] = set()
        self._look()

    def turn(self) -> None:
        if getattr(self.params, "also_new", False):
            self._look()

    def strike(self, socket: Socket) -> None:
        raise NotImplementedError

    def _look(self) -> None:
        inside = list(self.hands.gate)
        self._seen.intersection_update(inside)
        for socket in inside:
            if socket not in self._seen:
                self._seen.add(socket)
                if self.work.strikes(_target(socket)):
                    self.strike(socket)


class HalfOpenParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    deaf: bool = False
    """The venue reads nothing either: the client's writes pile up."""
    then: Literal["reset", "resume"] = "reset"
    """What becomes of the connections at the end."""
    also_new: bool = False


class HalfOpen(ConnectionInjector):
    """TCP stays up, nothing comes any more, no pong either."""

    params: HalfOpenParameters

    def begin(self) -> None:
        self._frozen: list[Socket] = []
        super().begin()

    def strike(self, socket: Socket) -> None:
        self._frozen.append(socket)
        socket.freeze(deaf=self.params.deaf)

    def end(self) -> None:
        for socket in self._frozen:
            if self.params.then == "reset":
                socket.reset()
            else:
                socket.thaw()


class CutParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    how: Literal["reset", "close"] = "reset"
    code: Annotated[int, msgspec.Meta(ge=1_000, le=4_999)] = CloseCode.GOING_AWAY.value
    """Of a `close`."""
    also_new: bool = False


class Cut(ConnectionInjector):
    """Connections are reset, or closed with a code."""

    params: CutParameters

    def strike(self, socket: Socket) -> None:
        if self.params.how == "reset":
            socket.reset()
        else:
            socket.close(self.params.code, "fault")


class ServerShutdown(ConnectionInjector):
    """The event `serverShutdown` when it begins, the close when it ends."""

    params: NoParameters

    def begin(self) -> None:
        self._warned: list[Socket] = []
        super().begin()

    def strike(self, socket: Socket) -> None:
        self._warned.append(socket)
        socket.say_goodbye(self.hands.clock.shown_ms())

    def end(self) -> None:
        for socket in self._warned:
            socket.close(CloseCode.GOING_AWAY, "server shutdown")


class RefuseHandshakeParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 503
    retry_after_s: Annotated[int, msgspec.Meta(ge=1)] = 1
    """Real seconds."""


class RefuseHandshake(HandshakeInjector):
    """WebSocket handshakes are answered with an HTTP error."""

    params: RefuseHandshakeParameters

    def refusal(self) -> Refused | None:
        return Refused(self.params.status, "", {"retry-after": str(self.params.retry_after_s)})


def _target(socket: Socket) -> Target:
    return Target(accounts=tuple(socket.accounts), routes=(socket.path.partition("?")[0],), streams=socket.streams)
