"""When a value was true, when we had it, and how old that makes it now."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on both clocks, read together."""

    trading_ns: int
    """Venue time, UTC ns."""
    monotonic_ns: int
    """Real time."""
    speed: float = 1.0
    """Trading seconds per real second."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a value comes from in time.

    `confirmed_ns` (monotonic) is the last proof that the value still holds: its own arrival, or, for values that are
    only sent when they change (quotes, balances), the last sign of life of a healthy stream that would have told.
    """

    event_ns: int | None
    """Trading time at which it became true; `None` where the venue's message says none."""
    confirmed_ns: int
    sequence: int | None = None
    """The venue's own numbering; `None` where there is none."""

    def age_s(self, now: Moment) -> float:
        """Real seconds since the last proof; never negative."""
        return max(0, now.monotonic_ns - self.confirmed_ns) / 1e9


def event_age_s(event_ns: int, now: Moment) -> float:
    """Real seconds since `event_ns` (trading time), by the trading clock's speed; 0 for the future (clock skew)."""
    return max(0, now.trading_ns - event_ns) / 1e9 / now.speed


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask as money. Quantities in base (spot) or contracts."""

    bid: Decimal
    ask: Decimal
    stamp: Stamp

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2
