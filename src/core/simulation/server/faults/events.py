"""Private events that are lost, late, told twice, out of order, or that end."""

from collections import deque
from collections.abc import Callable
from typing import Annotated

import msgspec

from core.simulation.server.faults.address import Target
from core.simulation.server.faults.frames import DuplicateParameters, Held, LateFramesParameters, ReorderParameters
from core.simulation.server.faults.hands import PrivateStreams
from core.simulation.server.faults.injector import EventInjector, Injector
from core.simulation.server.payloads import Json

Deliver = Callable[[Json], None]


class LoseEvents(EventInjector):
    """What happens meanwhile is never told."""

    def tell(self, account: str, payload: Json, deliver: Deliver) -> None:
        pass


class LateEvents(EventInjector):
    """REST knows before the stream does."""

    params: LateFramesParameters

    def tell(self, account: str, payload: Json, deliver: Deliver) -> None:
        delay_ms = self.params.delay_ms + self.work.rng.uniform(0, self.params.jitter_ms)
        self.work.later(self.hands.clock.now_ms() + int(delay_ms), lambda: deliver(payload))


class DuplicateEvents(EventInjector):
    """Private events are told again."""

    params: DuplicateParameters

    def tell(self, account: str, payload: Json, deliver: Deliver) -> None:
        deliver(payload)
        due_ms = self.hands.clock.now_ms() + int(self.params.after_ms)
        for _ in range(self.params.times):
            if self.params.after_ms:
                self.work.later(due_ms, lambda: deliver(payload))
            else:
                deliver(payload)


class ReorderEvents(EventInjector):
    """CANCELED before the last TRADE, TRADE before NEW: what one window holds is told in another order."""

    params: ReorderParameters

    def begin(self) -> None:
        self._held: dict[str, Held] = {}

    def tell(self, account: str, payload: Json, deliver: Deliver) -> None:
        held = self._held.get(account)
        if held is None:
            held = self._held[account] = Held(self.work, self.hands.clock.now_ms, self.params)
        held.add(lambda: deliver(payload))


class RepeatEventsParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    last: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 10


class RepeatEvents(EventInjector):
    """Who subscribes anew is told the last events once more."""

    params: RepeatEventsParameters

    def begin(self) -> None:
        self._told: dict[str, deque[Json]] = {}

    def tell(self, account: str, payload: Json, deliver: Deliver) -> None:
        self._told.setdefault(account, deque(maxlen=self.params.last)).append(payload)
        deliver(payload)

    def subscribed(self, account: str, deliver: Deliver) -> None:
        for payload in self._told.get(account, ()):
            deliver(payload)


class ExpireStream(Injector):
    """The venue ends private streams (`eventStreamTerminated`); those who listen must subscribe anew."""

    def begin(self) -> None:
        for streams in self.hands.private_streams:
            self._end(streams)

    def _end(self, streams: PrivateStreams) -> None:
        for account in streams.accounts():
            if self.work.strikes(Target(accounts=(account,))):
                streams.terminate(account)
