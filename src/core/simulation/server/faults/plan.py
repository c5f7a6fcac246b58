"""What is armed now, and what will be: the schedule, the seams, and the log of what happened."""

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec
import structlog

from core.simulation.server.faults.address import Target
from core.simulation.server.faults.fault_spec import FaultSpec
from core.simulation.server.faults.hands import Hands
from core.simulation.server.faults.log import FaultLog
from core.simulation.server.faults.seams import CancelSeam, EventSeam, FrameSeam, HandshakeSeam, RequestSeam

_log = structlog.get_logger(__name__)


class FaultBusy(Exception):
    """Another one of its group is at work."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    at_ms: int
    """Venue time after the venue listens."""
    spec: FaultSpec


class ArmedFault:
    """One fault at work: `injector.Work` for its injector."""

    def __init__(self, number: int, spec: FaultSpec, seed: int | str, hands: Hands, log: FaultLog) -> None:
        self.id = f"{spec.kind.name}-{number}"
        self.spec = spec
        self.rng = Random(seed)
        self.seen = 0
        self.hits = 0
        self._hands = hands
        self._log = log
        self._waiting: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._is_over = False
        self.began_ms = hands.clock.now_ms()
        self.ends_ms = None if spec.for_ms is None else self.began_ms + spec.for_ms
        self.injector = spec.kind.injector(spec.params, self, hands)

    def begin(self) -> None:
        self._log.armed(self.began_ms, self.id, self.spec.kind.name, self.spec.text)
        self.injector.begin()

    def strikes(self, target: Target) -> bool:
        address = self.spec.address
        if self._is_over or not address.fits(target, self.injector.ROUTES, self.injector.STREAMS):
            return False
        self.seen += 1
        if self.seen < address.nth or (address.hits is not None and self.hits >= address.hits):
            return False
        if address.probability < 1 and self.rng.random() >= address.probability:
            return False
        self.hits += 1
        self._log.hit(self._hands.clock.now_ms(), self.id, self.spec.kind.name, target.text, self.hits)
        return True

    def later(self, due_ms: int, act: Callable[[], None]) -> None:
        if self._is_over:
            act()
        else:
            heapq.heappush(self._waiting, (due_ms, next(self._order), act))

    def turn(self, now_ms: int) -> bool:
        """Do what is due; whether the fault goes on."""
        self._act(now_ms)
        self.injector.turn()
        return self.ends_ms is None or now_ms < self.ends_ms

    def end(self) -> None:
        self._is_over = True
        self._act(None)
        self.injector.end()
        self._log.ended(self._hands.clock.now_ms(), self.id, self.spec.kind.name, self.hits)

    def state(self) -> dict[str, Any]:
        """As JSON."""
        address = {
            name: value for name, value in msgspec.structs.asdict(self.spec.address).items() if value is not None
        }
        return {
            "id": self.id,
            "kind": self.spec.kind.name,
            "began_ms": self.began_ms,
            "ends_ms": self.ends_ms,
            "seen": self.seen,
            "hits": self.hits,
            "address": address,
            "parameters": msgspec.structs.asdict(self.spec.params),
        }

    def _act(self, now_ms: int | None) -> None:
        """`None`: all that waits, in its order."""
        while self._waiting and (now_ms is None or self._waiting[0][0] <= now_ms):
            heapq.heappop(self._waiting)[2]()


class FaultPlan:
    """`turn` is called often; seams ask only while something is armed at them.

    `schedule` is in order of time and may be endless. `seed` gives each fault that brings none its own.
    """

    def __init__(self, hands: Hands, schedule: Iterable[Scheduled] = (), *, seed: int = 0) -> None:
        self.log = FaultLog()
        self._hands = hands
        self._schedule: Iterator[Scheduled] = iter(schedule)
        self._next = next(self._schedule, None)
        self._seed = seed
        self._start_ms: int | None = None
        self._armed: dict[str, ArmedFault] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._armed)

    def start(self) -> None:
        """The venue listens: offsets of the schedule count from now."""
        self._start_ms = self._hands.clock.now_ms()

    def turn(self) -> None:
        """Arm and end what is due."""
        if self._next is None and not self._armed:
            return
        now_ms = self._hands.clock.now_ms()
        self._arm_due(now_ms)
        for fault in [fault for fault in self._armed.values() if not fault.turn(now_ms)]:
            self.end(fault.id)

    def add(self, spec: FaultSpec) -> ArmedFault:
        """Arm it now. Raises `FaultBusy`."""
        for other in self._armed.values():
            if spec.kind.group is not None and other.spec.kind.group == spec.kind.group:
                raise FaultBusy(f"{other.id} is at work: only one of {spec.kind.group} can be at a time")
        number = next(self._numbers)
        seed = f"{self._seed}/{number}" if spec.seed is None else spec.seed
        fault = self._armed[f"{spec.kind.name}-{number}"] = ArmedFault(number, spec, seed, self._hands, self.log)
        self._place_seams()
        fault.begin()
        return fault

    def end(self, fault_id: str) -> bool:
        """False: there is no such fault at work."""
        fault = self._armed.pop(fault_id, None)
        if fault is None:
            return False
        self._place_seams()
        fault.end()
        return True

    def end_all(self) -> int:
        """How many there were; the schedule goes on."""
        ids = list(self._armed)
        for fault_id in ids:
            self.end(fault_id)
        return len(ids)

    def drop_schedule(self) -> None:
        """Nothing of it begins any more; what is at work goes on."""
        self._next = None

    def states(self) -> list[dict[str, Any]]:
        return [fault.state() for fault in self._armed.values()]

    def _arm_due(self, now_ms: int) -> None:
        while self._next is not None and self._start_ms is not None and now_ms >= self._start_ms + self._next.at_ms:
            due, self._next = self._next, next(self._schedule, None)
            try:
                self.add(due.spec)
            except FaultBusy as busy:
                _log.warning("fault_skipped", kind=due.spec.kind.name, reason=str(busy))

    def _place_seams(self) -> None:
        hands, armed = self._hands, list(self._armed.values())
        requests, frames, private = RequestSeam.of(armed), FrameSeam.of(armed), EventSeam.of(armed)
        for dispatcher in hands.dispatchers:
            dispatcher.faults = requests
        for hub in hands.hubs:
            hub.faults = frames
        for streams in hands.private_streams:
            streams.faults = private
        hands.gate.faults = HandshakeSeam.of(armed)
        hands.floor.meddler = CancelSeam.of(armed)
