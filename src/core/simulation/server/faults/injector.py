"""What every misbehaviour at work has in common, and the seams at which it can stand."""

from collections.abc import Awaitable, Callable, Collection
from random import Random
from typing import ClassVar, Protocol

import msgspec

from core.simulation.server.dispatcher import Answer, Request
from core.simulation.server.faults.address import Target
from core.simulation.server.faults.hands import Hands
from core.simulation.server.payloads import Json
from core.simulation.server.socket import Refused

Proceed = Callable[[], Awaitable[Answer]]


class Work(Protocol):
    """The armed fault that an injector works for."""

    @property
    def rng(self) -> Random:
        """Its own: the same seed makes the same choices."""
        ...

    @property
    def ends_ms(self) -> int | None:
        """Venue time; `None`: it has no end of its own."""
        ...

    def strikes(self, target: Target) -> bool:
        """Whether this target is hit; counts and logs."""
        ...

    def later(self, due_ms: int, act: Callable[[], None]) -> None:
        """Call `act` when venue time comes to `due_ms`, or when the fault ends if that is sooner."""
        ...


class NoParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Injector:
    """One misbehaviour at work, from `begin` to `end`. Neither may block or raise."""

    params: msgspec.Struct
    ROUTES: ClassVar[Collection[str]] = ()
    """Patterns of the routes it is for, where the address names none; empty: all."""
    STREAMS: ClassVar[Collection[str]] = ()
    """As `ROUTES`, for market streams."""

    def __init__(self, params: msgspec.Struct, work: Work, hands: Hands) -> None:
        self.params = params
        self.work = work
        self.hands = hands

    def begin(self) -> None:
        pass

    def turn(self) -> None:
        """A little venue time has passed."""

    def end(self) -> None:
        pass


class RequestInjector(Injector):
    """Stands between a request and its answer. `applies` is asked first; what it refuses counts as no hit."""

    def applies(self, request: Request) -> bool:
        return True

    async def answer(self, request: Request, proceed: Proceed) -> Answer:
        raise NotImplementedError


class FrameInjector(Injector):
    """Stands between a market frame and its subscribers."""

    def applies_to_frame(self, payload: bytes) -> bool:
        return True

    def send(self, payload: bytes, deliver: Callable[[bytes], None]) -> None:
        raise NotImplementedError


class EventInjector(Injector):
    """Stands between a private event and its owner."""

    def tell(self, account: str, payload: Json, deliver: Callable[[Json], None]) -> None:
        raise NotImplementedError

    def subscribed(self, account: str, deliver: Callable[[Json], None]) -> None:
        pass


class HandshakeInjector(Injector):
    """Stands before the door for WebSockets."""

    def refusal(self) -> Refused | None:
        raise NotImplementedError


class CancelInjector(Injector):
    """Comes between the receipt of a cancel and its effect."""

    def before_cancel(self, account: str, symbol: str, order_id: int | None, client_order_id: str | None) -> None:
        raise NotImplementedError
