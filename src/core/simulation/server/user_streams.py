"""Who listens to which account's private events."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from core.simulation.engine.events import BalancesChanged, OrderChanged
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server import user_frames
from core.simulation.server.books import PrivateEvent
from core.simulation.server.payloads import Json
from core.simulation.server.socket import Socket


@dataclass(frozen=True, slots=True)
class Subscription:
    """`number` is the id the connection knows it by."""

    socket: Socket
    number: int


class EventFaults(Protocol):
    """What may happen to private events between the venue and their owner; falsy when there is nothing."""

    def __bool__(self) -> bool: ...

    def send(self, account: str, payload: Json, deliver: Callable[[Json], None]) -> None:
        """Call `deliver` with what becomes of the event: never, once or more often, now or later."""
        ...

    def subscribed(self, account: str, deliver: Callable[[Json], None]) -> None:
        """`account` has a new subscriber, to whom alone `deliver` speaks."""
        ...


class UserStreams:
    """`faults` may be set at any time."""

    def __init__(self, symbols: Mapping[str, SymbolSpec], now_ms: Callable[[], int]) -> None:
        self.faults: EventFaults | None = None
        self._symbols = symbols
        self._now_ms = now_ms
        self._by_account: dict[str, list[Subscription]] = {}

    def subscribe(self, account: str, subscription: Subscription) -> None:
        self._by_account.setdefault(account, []).append(subscription)
        if self.faults:
            self.faults.subscribed(account, lambda payload: _tell(subscription, payload))

    def unsubscribe(self, account: str, subscription: Subscription) -> None:
        subscriptions = self._by_account.get(account, [])
        if subscription in subscriptions:
            subscriptions.remove(subscription)
        if not subscriptions:
            self._by_account.pop(account, None)

    def publish(self, events: Sequence[PrivateEvent]) -> None:
        for event in events:
            account = event.order.account if isinstance(event, OrderChanged) else event.account
            if self.faults:
                self.faults.send(account, self._payload(event), functools.partial(self._send, account))
            elif account in self._by_account:
                self._send(account, self._payload(event))

    def terminate(self, account: str | None = None) -> None:
        """Tell every subscriber (of `account`, `None`: of all) that this was the last event."""
        payload = user_frames.stream_terminated(self._now_ms())
        for name in list(self._by_account) if account is None else [account]:
            self._send(name, payload)
            self._by_account.pop(name, None)

    def accounts(self) -> tuple[str, ...]:
        """Those that somebody listens to."""
        return tuple(self._by_account)

    def _payload(self, event: PrivateEvent) -> Json:
        event_ms = self._now_ms()
        if isinstance(event, OrderChanged):
            return user_frames.execution_report(self._symbols[event.order.symbol], event, event_ms)
        if isinstance(event, BalancesChanged):
            return user_frames.account_position(event, event_ms)
        return user_frames.balance_update(event, event_ms)

    def _send(self, account: str, payload: Json) -> None:
        for subscription in self._by_account.get(account, ()):
            _tell(subscription, payload)


def _tell(subscription: Subscription, payload: Json) -> None:
    wrapped = {"subscriptionId": subscription.number, "event": payload}
    subscription.socket.send(msgspec.json.encode(wrapped))
