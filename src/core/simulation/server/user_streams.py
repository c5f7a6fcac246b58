"""Who listens to which account's private events."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import msgspec

from core.simulation.engine.events import BalancesChanged, ListChanged, OrderChange, OrderChanged
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server import user_frames
from core.simulation.server.books import PrivateEvent
from core.simulation.server.payloads import Json
from core.simulation.server.socket import Socket


class Subscriber(Protocol):
    """Somebody who listens to an account's private events."""

    def tell(self, payload: Json) -> None: ...


@dataclass(frozen=True, slots=True)
class Subscription:
    """One made over the WebSocket API. `number` is the id the connection knows it by."""

    socket: Socket
    number: int

    def tell(self, payload: Json) -> None:
        self.socket.send(msgspec.json.encode({"subscriptionId": self.number, "event": payload}))


class EventFaults(Protocol):
    """What may happen to private events between the venue and their owner."""

    def send(self, account: str, payload: Json, deliver: Callable[[Json], None]) -> None:
        """Call `deliver` with what becomes of the event: never, once or more often, now or later."""
        ...

    def subscribed(self, account: str, deliver: Callable[[Json], None]) -> None:
        """`account` has a new subscriber, to whom alone `deliver` speaks."""
        ...


_E = TypeVar("_E")


class AccountStreams(Generic[_E], ABC):
    """Of one market. `faults` may be set at any time."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.faults: EventFaults | None = None
        self._now_ms = now_ms
        self._by_account: dict[str, list[Subscriber]] = {}

    def subscribe(self, account: str, subscriber: Subscriber) -> None:
        self._by_account.setdefault(account, []).append(subscriber)
        if self.faults is not None:
            self.faults.subscribed(account, subscriber.tell)

    def unsubscribe(self, account: str, subscriber: Subscriber) -> None:
        subscribers = self._by_account.get(account, [])
        if subscriber in subscribers:
            subscribers.remove(subscriber)
        if not subscribers:
            self._by_account.pop(account, None)

    def publish(self, events: Sequence[_E]) -> None:
        for event in events:
            account = self._account(event)
            if self.faults is None and account not in self._by_account:
                continue
            for payload in self._payloads(event, self._now_ms()):
                if self.faults is not None:
                    self.faults.send(account, payload, functools.partial(self._send, account))
                else:
                    self._send(account, payload)

    def accounts(self) -> tuple[str, ...]:
        """Those that somebody listens to."""
        return tuple(self._by_account)

    @abstractmethod
    def _account(self, event: _E) -> str:
        """Whose event it is."""

    @abstractmethod
    def _payloads(self, event: _E, event_ms: int) -> Iterable[Json]:
        """What its owner is told."""

    def _send(self, account: str, payload: Json) -> None:
        for subscriber in self._by_account.get(account, ()):
            subscriber.tell(payload)


class UserStreams(AccountStreams[PrivateEvent]):
    """Of spot."""

    def __init__(self, symbols: Mapping[str, SymbolSpec], now_ms: Callable[[], int]) -> None:
        super().__init__(now_ms)
        self._symbols = symbols

    def terminate(self, account: str | None = None) -> None:
        """Tell every subscriber (of `account`, `None`: of all) that this was the last event."""
        payload = user_frames.stream_terminated(self._now_ms())
        for name in list(self._by_account) if account is None else [account]:
            self._send(name, payload)
            self._by_account.pop(name, None)

    def _account(self, event: PrivateEvent) -> str:
        if isinstance(event, OrderChanged):
            return event.order.account
        return event.order_list.account if isinstance(event, ListChanged) else event.account

    def _payloads(self, event: PrivateEvent, event_ms: int) -> Iterable[Json]:
        if isinstance(event, OrderChanged):
            if event.change is not OrderChange.TRACKED:
                yield user_frames.execution_report(self._symbols[event.order.symbol], event, event_ms)
        elif isinstance(event, ListChanged):
            yield user_frames.list_status(event, event_ms)
        elif isinstance(event, BalancesChanged):
            yield user_frames.account_position(event, event_ms)
        else:
            yield user_frames.balance_update(event, event_ms)
