"""A service may fail for hours: nobody waits, nothing that fits is lost, and its return is no flood."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from structlog.testing import capture_logs

from core.domain.errors import NotifyError
from core.domain.notices import Notice, NoticeLevel
from core.notify.courier import Courier, CourierPace
from core.notify.delivery import Message, Rules
from core.runtime.breaker import BreakerPolicy
from core.runtime.clocks import VirtualClock
from core.settings.notify import NotifySettings
from tests.waiting import eventually

HOUR_S = 3_600.0
PACE = CourierPace(0.002, BreakerPolicy(failures_to_open=1, first_backoff_s=5.0, max_backoff_s=900.0, jitter=0.0))


class Service:
    """Takes messages unless `fails`; waits for `answers` before it does either."""

    name = "1 fake"

    def __init__(self) -> None:
        self.fails = False
        self.answers = threading.Event()
        self.answers.set()
        self.tried = 0
        self.got: list[Message] = []

    def send(self, message: Message) -> None:
        self.tried += 1
        assert self.answers.wait(60)
        if self.fails:
            raise NotifyError("1 fake: gone")
        self.got.append(message)

    @property
    def titles(self) -> list[str]:
        return [each.title for each in self.got]


@asynccontextmanager
async def running(service: Service, clock: VirtualClock, **settings: object) -> AsyncIterator[Courier]:
    given = NotifySettings(**settings)
    courier = Courier(service, Rules.of(given), timeout_s=given.timeout_s, monotonic=clock, pace=PACE)
    task = asyncio.create_task(courier.run())
    try:
        yield courier
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def notice(title: str, level: NoticeLevel = NoticeLevel.INFO) -> Notice:
    return Notice(level, title)


async def test_after_hours_of_failure_one_retried_message_and_one_digest() -> None:
    service, clock = Service(), VirtualClock()
    service.fails = True
    with capture_logs() as logs:
        async with running(service, clock) as courier:
            courier.tell(notice("first"))
            for hour in range(3):
                await eventually(lambda hour=hour: courier.statistics().failed >= hour + 1)
                courier.tell(notice(f"fill {hour}"))
                clock.jump(HOUR_S)
            failing = courier.statistics()
            assert failing.failure == "1 fake: gone"
            assert failing.waiting == 4
            service.fails = False
            clock.jump(HOUR_S)
            await eventually(lambda: courier.statistics().sent == 2)
            assert courier.statistics().failure == ""
    assert service.titles == ["first", "3 messages"]
    events = [each["event"] for each in logs]
    assert events.count("messages_fail") == events.count("messages_work_again") == 1


async def test_other_rules_count_for_what_waits_too() -> None:
    service, clock = Service(), VirtualClock()
    async with running(service, clock, quiet_hours="00:00-23:59", level="warning") as courier:
        courier.tell(notice("too small to be told"))
        courier.tell(notice("waits", NoticeLevel.WARNING))
        courier.use(Rules.of(NotifySettings()), 1.0)
        courier.tell(notice("told"))
        await eventually(lambda: service.titles == ["waits", "told"])


async def test_attempts_are_spaced_by_a_growing_pause() -> None:
    service, clock = Service(), VirtualClock()
    service.fails = True
    async with running(service, clock) as courier:
        courier.tell(notice("first"))
        await eventually(lambda: courier.statistics().failed == 1)
        for tries, pause_s in ((2, 5.0), (3, 10.0), (4, 20.0)):
            clock.jump(pause_s - 0.1)
            courier.tell(notice("more"))
            for _ in range(20):
                await asyncio.sleep(0)
            assert service.tried == tries - 1
            clock.jump(0.2)
            await eventually(lambda tries=tries: courier.statistics().failed == tries)


async def test_telling_never_waits_for_a_service_that_hangs() -> None:
    service, clock = Service(), VirtualClock()
    service.answers.clear()
    async with running(service, clock, queue_size=10, timeout_s=0.05) as courier:
        for number in range(100):
            courier.tell(notice(f"{number}"))
        await eventually(lambda: courier.statistics().failed)
        assert courier.statistics().dropped >= 89
        service.answers.set()


async def test_one_that_fails_holds_up_no_other() -> None:
    sick, well, clock = Service(), Service(), VirtualClock()
    sick.answers.clear()
    async with running(sick, clock) as one, running(well, clock) as other:
        for courier in (one, other):
            courier.tell(notice("filled"))
        await eventually(lambda: well.got)
        assert sick.got == []
        sick.answers.set()


async def test_the_last_words_go_together_and_only_once() -> None:
    service, clock = Service(), VirtualClock()
    async with running(service, clock, max_messages=3) as courier:
        for number in range(4):
            courier.tell(notice(f"{number}"))
        await eventually(lambda: courier.statistics().sent == 1)
        assert await courier.flush(60.0)
        assert service.titles == ["0", "3 messages"]


async def test_last_words_to_a_service_that_hangs_are_given_up() -> None:
    service, clock = Service(), VirtualClock()
    service.answers.clear()
    courier = Courier(service, Rules.of(NotifySettings()), timeout_s=60.0, monotonic=clock, pace=PACE)
    courier.tell(notice("bye"))
    assert not await courier.flush(0.01)
    service.answers.set()
