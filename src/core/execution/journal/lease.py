"""One writer for an account: who holds the lease, how long, and what somebody else who wants it does. Pure.

No venue checks a fencing token, so two things together keep two writers apart:

- The holder renews in time. What it sends carries a window that closes before the lease does (`fence_ns`), so that the
  venue itself refuses what a paused holder sends late.
- A successor waits until the lease is over, and then for the grace: the longest time that any request may take to
  reach the venue after it was sent, and what two clocks may differ by.

Where the holder's process is seen to be gone there is nothing to wait for: it renews and sends no more, and what it
sent last is in the journal, which the successor replays before it decides anything. Each request that may still arrive
blocks its instrument until the venue's own clock is past its window.

All times are of one clock, the database's: a server's own, or for a file the kernel's since its start, which no setting
of the wall clock moves.
"""

from dataclasses import dataclass
from enum import Enum

SKEW_S = 1.0
"""What clocks may differ by: Binance takes stamps up to 1,000 ms ahead of its own clock (REST API, "Timing security"),
so that a request may be taken so much after its window."""
RENEWALS = 5
"""Tries to renew in a lease's length."""


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    length_s: float = 15.0
    grace_s: float = 5.0 + SKEW_S
    """How long after its end a request of the holder may still reach the venue."""

    @property
    def renew_s(self) -> float:
        return self.length_s / RENEWALS

    def fence_ns(self, asked_ns: int) -> int:
        """Until when the venue may take what the holder sends, on the holder's clock; `asked_ns`: before it asked for
        the lease, or for more of it."""
        return asked_ns + int((self.length_s - SKEW_S) * 1e9)


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has or wants the account."""

    token: str
    """Random: tells this life of the process from every other."""
    host: str
    pid: int
    place: str
    """Where the pid means something: a start of a kernel, and a pid namespace in it."""
    started: str
    """When the process started, in words of its place: pids are used again."""
    since: str
    """UTC, for people."""


@dataclass(frozen=True, slots=True)
class Lease:
    holder: Holder
    expires_ns: int
    grace_ns: int


class Sight(Enum):
    """What can be seen of a holder's process from here."""

    RUNNING = "running"
    """Or stopped: it may go on at any moment."""
    GONE = "gone"
    UNSEEN = "unseen"
    """It is on another machine, or in another container."""


@dataclass(frozen=True, slots=True)
class Take:
    pass


@dataclass(frozen=True, slots=True)
class Refuse:
    """The holder is at work."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again until then, and take it if it has not been renewed."""

    until_ns: int


Verdict = Take | Refuse | Wait


def judge(found: Lease | None, *, token: str, now_ns: int, sight: Sight, first: Lease | None) -> Verdict:
    """What `token` may do about the lease as it stands. `first`: as it stood when one began to wait; `None`: this is
    the first look.

    | lease                               | its process      | verdict |
    | ----------------------------------- | ---------------- | ------- |
    | none, ours, or past its grace       | any              | take    |
    | any                                 | gone             | take    |
    | renewed, or taken, since we look    | running, unseen  | refuse  |
    | not over                            | running          | refuse  |
    | not over, not renewed yet           | unseen           | wait    |
    | over, but not its grace             | running, unseen  | wait    |
    """
    if found is None or found.holder.token == token or sight is Sight.GONE:
        return Take()
    free_ns = found.expires_ns + found.grace_ns
    if now_ns >= free_ns:
        return Take()
    if first is not None and (first.holder.token, first.expires_ns) != (found.holder.token, found.expires_ns):
        return Refuse()
    if sight is Sight.RUNNING and now_ns < found.expires_ns:
        return Refuse()
    return Wait(free_ns)
