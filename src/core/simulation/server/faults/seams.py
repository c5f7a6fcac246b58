"""What stands at each seam while something is armed there: asks every fault in the order of arming."""

import functools
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, Protocol, Self, TypeVar

from core.simulation.server.dispatcher import Answer, Request
from core.simulation.server.faults.address import Target
from core.simulation.server.faults.injector import (
    CancelInjector,
    EventInjector,
    FrameInjector,
    HandshakeInjector,
    Injector,
    RequestInjector,
)
from core.simulation.server.payloads import Json
from core.simulation.server.socket import Refused


class Armed(Protocol):
    @property
    def injector(self) -> Injector: ...

    def strikes(self, target: Target) -> bool: ...


_Kind = TypeVar("_Kind", bound=Injector)


class _Seam(Generic[_Kind]):
    kind: type[_Kind]

    def __init__(self, armed: list[tuple[Armed, _Kind]]) -> None:
        self._armed = armed

    @classmethod
    def of(cls, faults: Iterable[Armed]) -> Self | None:
        """`None`: none of them stands here."""
        armed = [(fault, fault.injector) for fault in faults if isinstance(fault.injector, cls.kind)]
        return cls(armed) if armed else None

    def _struck(self, target: Target, applies: Callable[[_Kind], bool] = lambda injector: True) -> list[_Kind]:
        return [injector for fault, injector in self._armed if applies(injector) and fault.strikes(target)]


class RequestSeam(_Seam[RequestInjector]):
    """`dispatcher.RequestFaults`."""

    kind = RequestInjector

    async def answer(self, request: Request, proceed: Callable[[], Awaitable[Answer]]) -> Answer:
        account, symbol = request.api_key or request.session_account, request.values.get("symbol")
        target = Target(
            accounts=() if account is None else (account,),
            routes=(request.route,),
            symbols=() if symbol is None else (symbol,),
        )
        for injector in reversed(self._struck(target, lambda each: each.applies(request))):
            proceed = functools.partial(injector.answer, request, proceed)
        return await proceed()


class FrameSeam(_Seam[FrameInjector]):
    """`stream_hub.FrameFaults`."""

    kind = FrameInjector

    def send(self, stream: str, symbol: str | None, payload: bytes, deliver: Callable[[bytes], None]) -> None:
        target = Target(streams=(stream,), symbols=() if symbol is None else (symbol,))
        for injector in reversed(self._struck(target, lambda each: each.applies_to_frame(payload))):
            deliver = functools.partial(injector.send, deliver=deliver)
        deliver(payload)


class EventSeam(_Seam[EventInjector]):
    """`user_streams.EventFaults`."""

    kind = EventInjector

    def send(self, account: str, payload: Json, deliver: Callable[[Json], None]) -> None:
        for injector in reversed(self._struck(Target(accounts=(account,)))):
            deliver = functools.partial(injector.tell, account, deliver=deliver)
        deliver(payload)

    def subscribed(self, account: str, deliver: Callable[[Json], None]) -> None:
        for _, injector in self._armed:
            injector.subscribed(account, deliver)


class HandshakeSeam(_Seam[HandshakeInjector]):
    """`gate.HandshakeFaults`."""

    kind = HandshakeInjector

    def refusal(self, address: str, path: str) -> Refused | None:
        target = Target(routes=(path.partition("?")[0],))
        refusals = (injector.refusal() for injector in self._struck(target))
        return next((refusal for refusal in refusals if refusal is not None), None)


class CancelSeam(_Seam[CancelInjector]):
    """`floor.Meddler`."""

    kind = CancelInjector

    def before_cancel(self, account: str, symbol: str, order_id: int | None, client_order_id: str | None) -> None:
        for _, injector in self._armed:
            injector.before_cancel(account, symbol, order_id, client_order_id)
