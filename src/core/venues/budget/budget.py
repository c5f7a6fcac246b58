"""Who may ask a venue now, and who has to wait for how long."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from core.domain.status import LimitUse
from core.ports.request_lane import RequestLane
from core.venues.budget.ledger import Counts, Ledger, OwnLedger
from core.venues.budget.windows import NS_PER_S, RateLimit, pruned, spent, used, wait_ns

Costs = Mapping[str, int]
"""What a request costs, by the limit's name; limits that it does not touch are left out."""


class NotYet(Exception):
    """Nothing was spent, nothing left. Raised inside an SDK's call, it must look like nothing that the SDK knows."""

    def __init__(self, wait_s: float, reason: str) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        self.reason = reason
        self.lane = RequestLane.ORDERS
        """Whose request it was."""


class StayAway(NotYet):
    """The venue has told this address to stay away: that is not waited for."""


class RateBudget:
    """Limits that are counted together: those of an address, or those of an account. Thread-safe; never blocks for
    longer than the ledger's moment."""

    def __init__(
        self,
        limits: Iterable[RateLimit],
        ledger: Ledger | None = None,
        *,
        speed: Callable[[], float] = lambda: 1.0,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`ledger` `None`: of this process. `speed`: venue seconds a real second. `monotonic_ns` must be a clock that
        all who share the ledger share."""
        self._limits = {limit.name: limit for limit in limits}
        self._ledger = ledger or OwnLedger()
        self._speed = speed
        self._monotonic_ns = monotonic_ns

    @property
    def is_limited(self) -> bool:
        return bool(self._limits)

    def learn(self, limits: Mapping[str, int]) -> None:
        """What the venue itself says of its limits, by name; unknown names are passed over."""
        with self._ledger.open() as counts:
            counts.limits |= {name: limit for name, limit in limits.items() if name in self._limits and limit > 0}
            counts.speed = self._speed()

    def take(self, costs: Costs, lane: RequestLane) -> None:
        """Spend them now. Raises `NotYet`, and spends nothing, where one of them is above what the lane may use."""
        with self._ledger.open() as counts:
            now_ns = self._monotonic_ns()
            self._require_welcome(counts, now_ns)
            limits = self._limits_in(counts)
            fitting = [self._fitting(counts, limits[name], cost, lane, now_ns) for name, cost in costs.items()]
            for name, marks in fitting:
                counts.marks[name] = marks

    def turn_s(self, every_s: float, cost: float, *, at_once: bool, longest_wait_s: float, burst: float = 1.0) -> float:
        """Where the venue wants requests apart: how long to wait for this one's turn, which is taken. `at_once`: go
        now, and push the others back; `burst`: so much cost at once is no haste after a rest. Raises `NotYet`, and
        takes none, where it is further off than `longest_wait_s`."""
        with self._ledger.open() as counts:
            now_ns = self._monotonic_ns()
            self._require_welcome(counts, now_ns)
            due_ns = max(counts.free_at_ns, now_ns - int(every_s * (burst - 1.0) * NS_PER_S))
            wait_s = 0.0 if at_once else max(0, due_ns - now_ns) / NS_PER_S
            if wait_s > longest_wait_s:
                raise NotYet(wait_s, f"requests wait {wait_s:.1f} s for their turn at this venue")
            counts.free_at_ns = due_ns + int(every_s * cost * NS_PER_S)
            return wait_s

    def heard(self, name: str, at_venue: int) -> None:
        """The venue's own count. What it has more than we is others' use of the same address or account. It is never
        less by our fault: it begins anew with its window."""
        limit = self._limits.get(name)
        if limit is None:
            return
        with self._ledger.open() as counts:
            now_ns, window_ns = self._monotonic_ns(), limit.window_ns(self._speed_in(counts))
            marks = pruned(counts.marks.get(name, []), now_ns, window_ns)
            if (more := at_venue - used(marks)) > 0:
                counts.marks[name] = spent(marks, more, now_ns, window_ns)

    def stay_away(self, seconds: float) -> None:
        """The venue has said so (429, 418): to everybody who shares this."""
        with self._ledger.open() as counts:
            until_ns = self._monotonic_ns() + int(seconds * NS_PER_S)
            counts.away_until_ns = max(counts.away_until_ns, until_ns)

    def away_s(self) -> float:
        """For how long nothing may be sent at all; 0: it may."""
        with self._ledger.open() as counts:
            return max(0, counts.away_until_ns - self._monotonic_ns()) / NS_PER_S

    def use(self) -> Sequence[LimitUse]:
        """By everybody who shares it, in the window that ends now."""
        with self._ledger.open() as counts:
            now_ns, speed = self._monotonic_ns(), self._speed_in(counts)
            return [
                LimitUse(name, used(pruned(counts.marks.get(name, []), now_ns, limit.window_ns(speed))), limit.limit)
                for name, limit in self._limits_in(counts).items()
            ]

    def _speed_in(self, counts: Counts) -> float:
        return self._speed() if counts.speed is None else counts.speed

    def _limits_in(self, counts: Counts) -> dict[str, RateLimit]:
        """As the venue has last told them; what it has said nothing of, as documented."""
        return {
            name: replace(limit, limit=counts.limits.get(name, limit.limit)) for name, limit in self._limits.items()
        }

    def _fitting(
        self, counts: Counts, limit: RateLimit, cost: int, lane: RequestLane, now_ns: int
    ) -> tuple[str, list[tuple[int, int]]]:
        """The limit's marks with this cost. Raises `NotYet`."""
        window_ns = limit.window_ns(self._speed_in(counts))
        marks = pruned(counts.marks.get(limit.name, []), now_ns, window_ns)
        ceiling = limit.ceiling(lane)
        if wait := wait_ns(marks, cost, ceiling, now_ns, window_ns):
            wait_s = wait / NS_PER_S
            raise NotYet(
                wait_s,
                f"{limit.name}: {used(marks)} of {limit.limit} are used, and requests of the lane {lane.name} leave"
                f" {limit.limit - ceiling} to others; there is room in {wait_s:.1f} s",
            )
        return limit.name, spent(marks, cost, now_ns, window_ns)

    @staticmethod
    def _require_welcome(counts: Counts, now_ns: int) -> None:
        left_s = (counts.away_until_ns - now_ns) / NS_PER_S
        if left_s > 0:
            raise StayAway(left_s, "the venue asked us to stay away")
