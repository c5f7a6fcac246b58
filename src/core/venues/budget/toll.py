"""Stands where requests leave: each is charged before, and the venue's own counts are read off each answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from core.domain.errors import BudgetSpent, VenueUnavailable
from core.domain.status import LimitUse
from core.ports.request_lane import RequestLane, chosen_lane
from core.venues.budget.budget import NotYet, RateBudget, StayAway


@dataclass(frozen=True, slots=True)
class Charge:
    """What one request costs. Names are those of the limits."""

    lane: RequestLane
    """Where nobody has chosen another."""
    weight: Mapping[str, int] = field(default_factory=dict)
    """Of the address."""
    orders: Mapping[str, int] = field(default_factory=dict)
    """Of the account."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a venue charges."""

    charge: Callable[[str, str], Charge]
    """By method and URL."""
    counts: Mapping[str, str] = field(default_factory=dict)
    """From the header (lower case) of an answer to the name of the limit whose count it tells."""
    order_counts: Mapping[str, str] = field(default_factory=dict)
    """The same for the account's."""


FREE = Tariff(charge=lambda method, url: Charge(RequestLane.MARKET))

_LONGEST_WAIT_S = {
    RequestLane.BULK: 5.0,
    RequestLane.MARKET: 5.0,
    RequestLane.ACCOUNT: 0.5,
    RequestLane.ENTRY: 0.5,
    RequestLane.ORDERS: 1.0,
}
"""How long a thread waits for room: the few that serve orders must not stand about. What would take longer is told to
come back, at once."""


class Toll:
    """Thread-safe. `address` counts what this machine's address does at the venue, `account` what the account does."""

    def __init__(self, tariff: Tariff, address: RateBudget, account: RateBudget) -> None:
        self._tariff = tariff
        self.address = address
        self.account = account

    @classmethod
    def free(cls) -> "Toll":
        """Counts nothing, but stays away when told to."""
        return cls(FREE, RateBudget(()), RateBudget(()))

    def pay(self, method: str, url: str) -> None:
        """Before a request leaves. Raises `NotYet`, and nothing may leave."""
        charge = self._tariff.charge(method, url)
        lane = _lane(charge)
        try:
            if charge.orders:
                self.account.take(charge.orders, lane)
            self.address.take(charge.weight, lane)
        except NotYet as not_yet:
            not_yet.lane = lane
            raise

    def hear(self, headers: Mapping[str, str]) -> None:
        """After an answer; names in lower case."""
        for budget, counts in ((self.address, self._tariff.counts), (self.account, self._tariff.order_counts)):
            for header, name in counts.items():
                said = headers.get(header, "")
                if said.isdecimal():
                    budget.heard(name, int(said))

    def use(self) -> Sequence[LimitUse]:
        return [*self.address.use(), *self.account.use()]


def _lane(charge: Charge) -> RequestLane:
    """Whoever asks for a change of orders: nothing but an entry has to hold back."""
    chosen = chosen_lane()
    if charge.lane is RequestLane.ORDERS:
        return RequestLane.ENTRY if chosen is RequestLane.ENTRY else RequestLane.ORDERS
    return charge.lane if chosen is None else chosen


def refusal(not_yet: NotYet) -> VenueUnavailable:
    """The error for a request that is not waited for."""
    kind = VenueUnavailable if isinstance(not_yet, StayAway) else BudgetSpent
    return kind(not_yet.reason, retry_after_s=not_yet.wait_s)


def is_worth_waiting(not_yet: NotYet) -> bool:
    return not isinstance(not_yet, StayAway) and not_yet.wait_s <= _LONGEST_WAIT_S[not_yet.lane]
