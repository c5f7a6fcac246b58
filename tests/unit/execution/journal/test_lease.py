"""Who may write: the arithmetic of the lease, with processes that are paused, killed and woken at any moment."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.execution.journal.lease import Holder, Lease, LeaseTerms, Refuse, Sight, Take, Wait, judge

S = 1_000_000_000
OVER, FREE = 10 * S, 16 * S
HELD = Lease(Holder("theirs", "box", 7, "here", "1", "once"), OVER, FREE - OVER)
RENEWED = replace(HELD, expires_ns=OVER - 3 * S)
"""As it stood before it was renewed."""


@pytest.mark.parametrize(
    ("found", "token", "now_ns", "sight", "first", "verdict"),
    [
        (None, "mine", 5 * S, Sight.UNSEEN, None, Take()),
        (None, "mine", 5 * S, Sight.UNSEEN, HELD, Take()),
        (HELD, "theirs", 5 * S, Sight.RUNNING, None, Take()),
        (HELD, "mine", 5 * S, Sight.GONE, None, Take()),
        (HELD, "mine", FREE, Sight.RUNNING, None, Take()),
        (HELD, "mine", FREE, Sight.UNSEEN, RENEWED, Take()),
        (HELD, "mine", 5 * S, Sight.RUNNING, None, Refuse()),
        (HELD, "mine", 5 * S, Sight.UNSEEN, RENEWED, Refuse()),
        (HELD, "mine", OVER, Sight.RUNNING, RENEWED, Refuse()),
        (HELD, "mine", 5 * S, Sight.UNSEEN, None, Wait(FREE)),
        (HELD, "mine", 5 * S, Sight.UNSEEN, HELD, Wait(FREE)),
        (HELD, "mine", OVER, Sight.RUNNING, None, Wait(FREE)),
        (HELD, "mine", FREE - 1, Sight.UNSEEN, HELD, Wait(FREE)),
    ],
)
def test_what_one_may_do(
    found: Lease | None, token: str, now_ns: int, sight: Sight, first: Lease | None, verdict: object
) -> None:
    assert judge(found, token=token, now_ns=now_ns, sight=sight, first=first) == verdict


TERMS = LeaseTerms(length_s=15.0, grace_s=6.0)
WINDOW_NS = 5 * S
STAMP_ERROR_NS = S
"""What a stamp may be ahead of the venue's clock and still be taken."""


@dataclass
class Daemon:
    name: str
    paused: bool = False
    first: Lease | None = None
    fence_ns: int | None = None
    """Its own opinion of until when it may send; `None`: it has not got the account."""


WHO = st.integers(0, 2)
SLOW_S = st.sampled_from([0.0, 0.5, 2.0])
"""Between asking for the lease and getting it."""


class OneWriter(RuleBasedStateMachine):
    """Three machines that can't see each other's processes, one clock, and a venue that takes what is within its
    window, however late it comes. Whoever has ended is started anew."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.row: Lease | None = None
        self.sent: list[tuple[str, int]] = []
        """By whom, and until when the venue would take it."""
        self.lives = 0
        self.daemons = [self.start() for _ in range(3)]

    def start(self) -> Daemon:
        self.lives += 1
        return Daemon(f"life-{self.lives}")

    @rule(s=st.sampled_from([0.1, 1.0, 3.0, 8.0, 22.0]))
    def time_passes(self, s: float) -> None:
        self.now_ns += int(s * S)

    @rule(who=WHO)
    def pause_or_wake(self, who: int) -> None:
        self.daemons[who].paused = not self.daemons[who].paused

    @rule(who=WHO)
    def kill(self, who: int) -> None:
        self.daemons[who] = self.start()

    @rule(who=WHO, slow_s=SLOW_S)
    def take_or_renew(self, who: int, slow_s: float) -> None:
        daemon = self.daemons[who]
        if daemon.paused:
            return
        asked_ns = self.now_ns
        self.now_ns += int(slow_s * S)
        expires_ns = self.now_ns + int(TERMS.length_s * S)
        if daemon.fence_ns is not None:
            if self.row is None or self.row.holder.token != daemon.name:
                self.daemons[who] = self.start()
                return
            self.row, daemon.fence_ns = replace(self.row, expires_ns=expires_ns), TERMS.fence_ns(asked_ns)
            return
        verdict = judge(self.row, token=daemon.name, now_ns=self.now_ns, sight=Sight.UNSEEN, first=daemon.first)
        if isinstance(verdict, Take):
            holder = Holder(daemon.name, "box", 1, daemon.name, "1", "now")
            self.row = Lease(holder, expires_ns, int(TERMS.grace_s * S))
            daemon.fence_ns = TERMS.fence_ns(asked_ns)
        elif isinstance(verdict, Refuse):
            self.daemons[who] = self.start()
        else:
            daemon.first = daemon.first or self.row

    @rule(who=WHO, ahead=st.sampled_from([-1.0, 0.0, 1.0]))
    def send(self, who: int, ahead: float) -> None:
        """It may be paused right after the stamp: the bytes leave whenever they like, and arrive even later."""
        daemon = self.daemons[who]
        if daemon.paused or daemon.fence_ns is None:
            return
        left_ns = daemon.fence_ns - self.now_ns
        if left_ns > 0:
            stamp_ns = self.now_ns + int(ahead * STAMP_ERROR_NS)
            self.sent.append((daemon.name, stamp_ns + min(WINDOW_NS, left_ns)))

    @rule(who=WHO)
    def stop_cleanly(self, who: int) -> None:
        """Only with everything answered: nothing of it is on its way any more."""
        daemon = self.daemons[who]
        if daemon.paused or daemon.fence_ns is None:
            return
        self.sent = [(name, until_ns) for name, until_ns in self.sent if name != daemon.name]
        if self.row is not None and self.row.holder.token == daemon.name:
            self.row = None
        self.daemons[who] = self.start()

    @invariant()
    def nothing_of_an_earlier_holder_is_taken_while_another_has_the_account(self) -> None:
        holder = self.row.holder.token if self.row else None
        late = [name for name, until_ns in self.sent if until_ns > self.now_ns and name != holder]
        assert holder is None or not late


TestOneWriter = pytest.mark.slow(OneWriter.TestCase)
TestOneWriter.settings = settings(max_examples=200, stateful_step_count=40)
