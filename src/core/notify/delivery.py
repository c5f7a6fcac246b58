"""When a notice may go, and what is put together: the whole policy, a pure function of what waits and of the moment.

- What is critical goes at once, at any hour.
- Everything else goes one by one while there is room, and never in quiet hours.
- What has waited for `digest_s`, for whichever reason, goes together in one digest.
- Never more than `max_messages` in any `period_s`, digests included; some of them are kept for what is critical.
- Of more notices than `capacity` the oldest of the least urgent go, and the next message says how many.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

from core.domain.notices import Notice, NoticeLevel
from core.settings.notify import NotifySettings

_MOST_TITLES = 40
"""In one digest, each a line."""
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Rules:
    max_messages: int
    period_ns: int
    digest_ns: int
    capacity: int
    level: NoticeLevel
    quiet: tuple[time, time] | None
    """From, until; in `zone`. `None`: never."""
    zone: ZoneInfo

    @staticmethod
    def of(settings: NotifySettings) -> "Rules":
        quiet = None
        if settings.quiet_hours is not None:
            begin, _, end = settings.quiet_hours.partition("-")
            quiet = time.fromisoformat(begin), time.fromisoformat(end)
        return Rules(
            max_messages=settings.max_messages,
            period_ns=int(settings.period_s * _NS),
            digest_ns=int(settings.digest_s * _NS),
            capacity=settings.queue_size,
            level=NoticeLevel.of(settings.level),
            quiet=quiet,
            zone=ZoneInfo(settings.time_zone),
        )

    @property
    def ordinary_messages(self) -> int:
        """Of `max_messages`, how many single ones may be anything but critical."""
        return max(0, self.max_messages - max(2, self.max_messages // 4))

    @property
    def digests(self) -> int:
        """How many messages there may be before a digest of what is not critical."""
        return max(1, self.max_messages - 1)

    def is_quiet(self, at: datetime) -> bool:
        """`at` is aware of its zone. A night that goes over midnight is one; from and until the same: never."""
        if self.quiet is None:
            return False
        (begin, end), now = self.quiet, at.astimezone(self.zone).time()
        return begin <= now < end if begin <= end else now >= begin or now < end


@dataclass(frozen=True, slots=True)
class Instant:
    """On both clocks: real and monotonic for periods, the wall's for the hours of a day."""

    monotonic_ns: int
    wall: datetime
    """Aware of its zone."""


@dataclass(frozen=True, slots=True)
class Waiting:
    notice: Notice
    since_ns: int


@dataclass(frozen=True, slots=True)
class Message:
    """What goes out at once."""

    title: str
    body: str
    level: NoticeLevel
    """The highest of what is in it."""
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where one courier stands."""

    waiting: tuple[Waiting, ...] = ()
    """Oldest first."""
    sent_ns: tuple[int, ...] = ()
    """Messages of the last period."""
    dropped: int = 0
    """Notices lost since the last message."""


def offer(state: Delivery, notice: Notice, rules: Rules, now: Instant) -> Delivery:
    """Let it wait, unless nobody wants to know."""
    if notice.level < rules.level:
        return state
    waiting = (*state.waiting, Waiting(notice, now.monotonic_ns))
    if len(waiting) <= rules.capacity:
        return replace(state, waiting=waiting)
    least = min(each.notice.level for each in waiting)
    victim = next(index for index, each in enumerate(waiting) if each.notice.level == least)
    return replace(state, waiting=waiting[:victim] + waiting[victim + 1 :], dropped=state.dropped + 1)


def take(state: Delivery, rules: Rules, now: Instant, *, is_last: bool = False) -> tuple[Delivery, Message | None]:
    """The message to send now, and what is left; it counts as sent. Ask again as long as there is one. `is_last`: there
    will be no later one, so that what waits may go together now."""
    since_ns = now.monotonic_ns - rules.period_ns
    state = replace(state, sent_ns=tuple(each for each in state.sent_ns if each > since_ns))
    chosen = _chosen(state, rules, now, is_last=is_last)
    if not chosen:
        return state, None
    notices = [state.waiting[index].notice for index in chosen]
    left = tuple(each for index, each in enumerate(state.waiting) if index not in chosen)
    return Delivery(left, (*state.sent_ns, now.monotonic_ns)), _message(notices, state.dropped)


def _chosen(state: Delivery, rules: Rules, now: Instant, *, is_last: bool) -> Sequence[int]:
    """Where in `waiting` they are."""
    used = len(state.sent_ns)
    critical = [index for index, each in enumerate(state.waiting) if each.notice.level is NoticeLevel.CRITICAL]
    if critical:
        return critical if used < rules.max_messages else ()
    if not state.waiting or rules.is_quiet(now.wall):
        return ()
    if is_last or now.monotonic_ns - state.waiting[0].since_ns >= rules.digest_ns:
        return range(len(state.waiting)) if used < rules.digests else ()
    return (0,) if used < rules.ordinary_messages else ()


def _message(notices: list[Notice], dropped: int) -> Message:
    level = max(each.level for each in notices)
    lost = f"{dropped} earlier ones were lost: too many waited" if dropped else ""
    if len(notices) == 1:
        (only,) = notices
        return Message(only.title, "\n".join(filter(None, (only.body, lost))), level, (only,))
    lines = [f"{each.level.name.lower()}: {each.title}" for each in notices[-_MOST_TITLES:]]
    if hidden := len(notices) - len(lines):
        lines.insert(0, f"… {hidden} before these")
    return Message(f"{len(notices)} messages", "\n".join(filter(None, (*lines, lost))), level, tuple(notices))
