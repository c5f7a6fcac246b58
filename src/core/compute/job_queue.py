"""A bounded priority queue with ageing, shared by lanes and workers. Pure: time is handed in. Not thread-safe."""

import heapq
import itertools
from collections import OrderedDict
from typing import Generic, TypeVar

from core.compute.priority import AGEING_S, Priority
from core.domain.errors import QueueFull
from core.runtime.clocks import NS_PER_S

J = TypeVar("J")


class JobQueue(Generic[J]):
    """First the lower priority, then the earlier. A job overtakes later ones of a higher priority once it has waited
    `AGEING_S` for each step between them, so that none starves."""

    def __init__(self, name: str, capacity: int) -> None:
        self._name = name
        self._capacity = capacity
        self._heap: list[tuple[int, int, J]] = []
        self._tickets = itertools.count()
        self._since_ns: OrderedDict[int, int] = OrderedDict()
        """When each waiting job came, by its ticket, oldest first."""

    def __len__(self) -> int:
        return len(self._since_ns)

    def put(self, job: J, priority: Priority, now_ns: int) -> int:
        """Its ticket, for `remove`. Raises `QueueFull`."""
        if len(self) >= self._capacity:
            oldest_s = self.oldest_age_s(now_ns)
            raise QueueFull(
                f"{self._name}: {len(self)} jobs wait already, the oldest for {oldest_s:.2f} s",
                depth=len(self),
                oldest_age_s=oldest_s,
            )
        ticket = next(self._tickets)
        self._since_ns[ticket] = now_ns
        heapq.heappush(self._heap, (now_ns + int(priority * AGEING_S * NS_PER_S), ticket, job))
        return ticket

    def pop(self) -> J | None:
        """The job whose turn it is; `None` where none waits."""
        while self._heap:
            _, ticket, job = heapq.heappop(self._heap)
            if self._since_ns.pop(ticket, None) is not None:
                return job
        return None

    def remove(self, ticket: int) -> bool:
        """Free a waiting job's place at once; false where it does not wait any more."""
        if self._since_ns.pop(ticket, None) is None:
            return False
        if len(self._heap) > 2 * len(self) + 16:
            self._heap = [entry for entry in self._heap if entry[1] in self._since_ns]
            heapq.heapify(self._heap)
        return True

    def clear(self) -> list[J]:
        """All that waited, in no order."""
        waiting = [job for _, ticket, job in self._heap if ticket in self._since_ns]
        self._heap.clear()
        self._since_ns.clear()
        return waiting

    def oldest_age_s(self, now_ns: int) -> float:
        """Of the job that waits longest; 0 where none waits."""
        return (now_ns - next(iter(self._since_ns.values()))) / NS_PER_S if self._since_ns else 0.0
