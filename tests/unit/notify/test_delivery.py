"""When a notice may go, on a clock that a test turns."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.notices import Notice, NoticeLevel
from core.notify.delivery import Delivery, Instant, Message, Rules, offer, take
from core.settings.notify import NotifySettings

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LEVELS = st.sampled_from([NoticeLevel.INFO, NoticeLevel.WARNING, NoticeLevel.CRITICAL])


def rules(**changes: object) -> Rules:
    return Rules.of(NotifySettings(**changes))


def notice(title: str, level: NoticeLevel = NoticeLevel.INFO) -> Notice:
    return Notice(level, title)


@dataclass
class Phone:
    """One courier whose service takes everything, looked after once a second."""

    rules: Rules
    now_s: float = 0.0
    begins: datetime = NOON
    state: Delivery = field(default_factory=Delivery)
    got: list[tuple[float, Message]] = field(default_factory=list)
    lost: int = 0

    @property
    def now(self) -> Instant:
        return Instant(int(self.now_s * 1e9), self.begins + timedelta(seconds=self.now_s))

    def tell(self, *notices: Notice) -> None:
        for each in notices:
            before = self.state.dropped
            self.state = offer(self.state, each, self.rules, self.now)
            self.lost += max(0, self.state.dropped - before)
        self.look()

    def look(self, *, is_last: bool = False) -> None:
        while True:
            self.state, message = take(self.state, self.rules, self.now, is_last=is_last)
            if message is None:
                return
            self.got.append((self.now_s, message))

    def wait(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s = min(end_s, self.now_s + 15)
            self.look()

    @property
    def titles(self) -> list[str]:
        return [message.title for _, message in self.got]


def test_one_by_one_while_there_is_room_then_a_digest() -> None:
    phone = Phone(rules(max_messages=8, period_s=600, digest_s=900))
    phone.tell(*(notice(f"fill {n}") for n in range(20)))
    assert phone.titles == [f"fill {n}" for n in range(6)]
    phone.wait(599)
    assert len(phone.got) == 6
    phone.wait(2)
    assert phone.titles[6:] == [f"fill {n}" for n in range(6, 12)]
    phone.wait(900)
    assert phone.titles[12:] == ["8 messages"]
    assert phone.got[-1][1].body.splitlines()[0] == "info: fill 12"


def test_what_is_critical_goes_at_once_at_any_hour() -> None:
    phone = Phone(rules(quiet_hours="22:00-07:00"), begins=NOON.replace(hour=23))
    phone.tell(notice("filled"), notice("halted", NoticeLevel.CRITICAL))
    assert phone.titles == ["halted"]
    phone.wait(8 * 3_600 - 60)
    assert phone.titles == ["halted"]
    phone.wait(120)
    assert phone.titles == ["halted", "filled"]


def test_after_a_night_one_digest() -> None:
    phone = Phone(rules(quiet_hours="22:00-07:00"), begins=NOON.replace(hour=23))
    phone.tell(*(notice(f"fill {n}") for n in range(50)))
    phone.wait(9 * 3_600)
    assert phone.titles == ["50 messages"]
    assert phone.got[0][1].body.splitlines()[0] == "… 10 before these"


@pytest.mark.parametrize(
    ("quiet", "zone", "at", "is_quiet"),
    [
        ("22:00-07:00", "UTC", NOON.replace(hour=22), True),
        ("22:00-07:00", "UTC", NOON.replace(hour=6, minute=59), True),
        ("22:00-07:00", "UTC", NOON.replace(hour=7), False),
        ("12:00-13:00", "UTC", NOON, True),
        ("12:00-13:00", "Europe/Berlin", NOON, False),
        ("13:00-14:00", "Europe/Berlin", NOON, True),
        ("02:00-03:00", "Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), True),  # the hour that comes twice
        ("02:00-03:00", "Europe/Berlin", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), True),
        ("08:00-08:00", "UTC", NOON.replace(hour=8), False),
        (None, "UTC", NOON, False),
    ],
)
def test_quiet_hours_are_those_of_the_zone(quiet: str | None, zone: str, at: datetime, is_quiet: bool) -> None:
    assert rules(quiet_hours=quiet, time_zone=zone).is_quiet(at) is is_quiet


def test_what_nobody_wants_to_know_is_not_told() -> None:
    phone = Phone(rules(level="warning"))
    phone.tell(notice("filled"), notice("breaker", NoticeLevel.WARNING))
    assert phone.titles == ["breaker"]


def test_of_too_many_the_oldest_of_the_least_urgent_go_and_are_counted() -> None:
    phone = Phone(rules(queue_size=10, max_messages=1, digest_s=60, quiet_hours="11:00-13:00"))
    phone.tell(notice("breaker", NoticeLevel.WARNING), *(notice(f"fill {n}") for n in range(15)))
    phone.wait(3_660)
    ((_, digest),) = phone.got
    assert [each.title for each in digest.notices] == ["breaker", *(f"fill {n}" for n in range(6, 15))]
    assert digest.body.endswith("6 earlier ones were lost: too many waited")


def test_at_the_end_what_waits_goes_together() -> None:
    phone = Phone(rules(max_messages=4))
    phone.tell(*(notice(f"fill {n}") for n in range(5)))
    phone.look(is_last=True)
    assert phone.titles == ["fill 0", "fill 1", "3 messages"]


steps = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, 30.0, 400.0, 7_200.0]), st.lists(LEVELS, max_size=6)), min_size=1, max_size=12
)
limits = st.fixed_dictionaries(
    {
        "max_messages": st.integers(1, 6),
        "period_s": st.sampled_from([60.0, 600.0]),
        "digest_s": st.sampled_from([30.0, 900.0]),
        "queue_size": st.sampled_from([10, 1_000]),
        "quiet_hours": st.sampled_from([None, "13:00-15:00", "11:30-12:10"]),
    }
)


@settings(max_examples=30, deadline=None)
@given(limits, steps)
def test_whatever_comes_there_is_no_flood_nothing_is_told_twice_and_nothing_vanishes(
    given_limits: dict[str, object], given_steps: list[tuple[float, list[NoticeLevel]]]
) -> None:
    phone = Phone(rules(**given_limits))
    told: list[Notice] = []
    for pause_s, levels in given_steps:
        phone.wait(pause_s)
        notices = [notice(f"{len(told) + index}", level) for index, level in enumerate(levels)]
        told += notices
        used = sum(at_s > phone.now_s - phone.rules.period_ns / 1e9 for at_s, _ in phone.got)
        phone.tell(*notices)
        if used + len(notices) <= phone.rules.max_messages:  # there was room
            got = {each for _, message in phone.got for each in message.notices}
            assert {each for each in notices if each.level is NoticeLevel.CRITICAL} <= got
    phone.wait(30 * 3_600)
    got = Counter(each for _, message in phone.got for each in message.notices)
    assert set(got.values()) <= {1}
    assert not phone.state.waiting
    assert len(told) == got.total() + phone.lost
    times_s = [at_s for at_s, _ in phone.got]
    most = phone.rules.max_messages
    period_s = phone.rules.period_ns / 1e9
    assert all(later - earlier >= period_s for earlier, later in zip(times_s, times_s[most:], strict=False))
    assert all(earlier <= later for earlier, later in pairwise(times_s))
