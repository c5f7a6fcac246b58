"""Lanes with real threads that wait on events of the test's own."""

import asyncio
import contextvars
import functools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from core.compute.lanes import Lane, LaneStatistics, name_of
from core.compute.priority import Priority
from core.domain.errors import ComputeError, DeadlineExceeded, LaneBroken, QueueFull, VenueUnavailable


async def until(lane: Lane, condition: Callable[[LaneStatistics], bool]) -> LaneStatistics:
    async with asyncio.timeout(20):
        while not condition(lane.statistics()):
            await asyncio.sleep(0.001)
    return lane.statistics()


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Lets hung calls of a test go, at its end at the latest."""
    event = threading.Event()
    yield event
    event.set()


async def test_gives_back_results_and_errors_of_the_call() -> None:
    lane = Lane("data", 2)
    assert await lane.run(divmod, 7, 3, deadline_s=20) == (2, 1)
    assert await lane.run(int, "ff", base=16, deadline_s=20) == 255

    def refuse() -> None:
        raise VenueUnavailable("maintenance", retry_after_s=3)

    with pytest.raises(VenueUnavailable) as raised:
        await lane.run(refuse, deadline_s=20)
    assert raised.value.retry_after_s == 3
    statistics = lane.statistics()
    assert (statistics.done, statistics.failed, statistics.busy) == (2, 1, 0)
    assert statistics.run_ms.count == statistics.wait_ms.count == 3


async def test_runs_in_a_named_daemon_thread_with_the_callers_context() -> None:
    lane, cycle = Lane("order", 1), contextvars.ContextVar("cycle", default="")
    cycle.set("c1")
    thread, seen = await lane.run(lambda: (threading.current_thread(), cycle.get()), deadline_s=20)
    assert thread.name == "lane-order-1"
    assert thread.daemon
    assert seen == "c1"


async def test_threads_start_when_needed_and_no_more_than_asked_for(release: threading.Event) -> None:
    lane = Lane("wide", 3)
    before = {thread.name for thread in threading.enumerate()}
    assert not before & {"lane-wide-1", "lane-wide-2", "lane-wide-3"}
    calls = [asyncio.create_task(lane.run(release.wait, deadline_s=20)) for _ in range(10)]
    statistics = await until(lane, lambda now: now.busy == 3)
    assert (statistics.depth, statistics.replaced_total) == (7, 0)
    release.set()
    assert await asyncio.gather(*calls) == [True] * 10
    idents = {await lane.run(threading.get_ident, deadline_s=20) for _ in range(20)}
    assert len(idents) <= 3


async def test_a_call_over_its_deadline_is_abandoned_and_its_thread_replaced(release: threading.Event) -> None:
    lane = Lane("data", 1)
    with pytest.raises(DeadlineExceeded, match=r"lane data: .*wait still runs after 0\.3 s") as exceeded:
        await lane.run(release.wait, deadline_s=0.3)
    assert exceeded.value.started
    assert await lane.run(lambda: "fresh", deadline_s=20) == "fresh"
    statistics = lane.statistics()
    assert (statistics.abandoned, statistics.abandoned_total, statistics.replaced_total) == (1, 1, 1)
    release.set()
    statistics = await until(lane, lambda now: now.abandoned == 0)
    assert (statistics.done, statistics.expired) == (1, 1)
    assert len({await lane.run(threading.get_ident, deadline_s=20) for _ in range(5)}) == 1, "narrow again"


async def test_a_job_that_could_not_start_never_runs(release: threading.Event) -> None:
    lane, ran = Lane("order", 1), threading.Event()
    first = asyncio.create_task(lane.run(release.wait, deadline_s=20))
    await until(lane, lambda now: now.busy == 1)
    with pytest.raises(DeadlineExceeded, match="could not start") as exceeded:
        await lane.run(ran.set, deadline_s=0.3)
    assert not exceeded.value.started
    release.set()
    await first
    await lane.run(int, deadline_s=20)
    assert not ran.is_set()


async def test_cancelling_frees_the_waiter_at_once(release: threading.Event) -> None:
    lane, ran = Lane("data", 1), threading.Event()
    running = asyncio.create_task(lane.run(release.wait, deadline_s=20))
    await until(lane, lambda now: now.busy == 1)
    queued = asyncio.create_task(lane.run(ran.set, deadline_s=20))
    await until(lane, lambda now: now.depth == 1)
    queued.cancel()
    with pytest.raises(asyncio.CancelledError):
        await queued
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    statistics = lane.statistics()
    assert (statistics.depth, statistics.busy, statistics.abandoned) == (0, 0, 1)
    release.set()
    await until(lane, lambda now: now.abandoned == 0)
    assert not ran.is_set()


async def test_a_lane_whose_threads_all_hang_is_broken_until_one_comes_back(release: threading.Event) -> None:
    lane = Lane("data", 2, thread_limit=3)
    for _ in range(3):
        with pytest.raises(DeadlineExceeded):
            await lane.run(release.wait, deadline_s=0.3)
    assert lane.statistics().is_broken
    with pytest.raises(LaneBroken, match="lane data: all 3 threads hang"):
        await lane.run(int, deadline_s=20)
    release.set()
    await until(lane, lambda now: not now.is_broken)
    assert await lane.run(int, deadline_s=20) == 0
    assert lane.statistics().refused == 1


async def test_cancels_go_before_other_work(release: threading.Event) -> None:
    lane, order = Lane("order", 1), list[str]()
    calls = [asyncio.create_task(lane.run(release.wait, deadline_s=20))]
    await until(lane, lambda now: now.busy == 1)
    for name, priority in (("read", Priority.RECONCILE), ("place", Priority.ORDER), ("cancel", Priority.CANCEL)):
        calls.append(asyncio.create_task(lane.run(order.append, name, priority=priority, deadline_s=20)))
    await until(lane, lambda now: now.depth == 3)
    release.set()
    await asyncio.gather(*calls)
    assert order == ["cancel", "place", "read"]


async def test_a_full_queue_refuses(release: threading.Event) -> None:
    lane = Lane("data", 1, queue_size=2)
    calls = [asyncio.create_task(lane.run(release.wait, deadline_s=20))]
    await until(lane, lambda now: now.busy == 1)
    calls += [asyncio.create_task(lane.run(release.wait, deadline_s=20)) for _ in range(2)]
    await until(lane, lambda now: now.depth == 2)
    with pytest.raises(QueueFull) as full:
        await lane.run(int, deadline_s=20)
    assert full.value.depth == 2
    assert lane.statistics().oldest_age_s >= full.value.oldest_age_s > 0
    release.set()
    await asyncio.gather(*calls)


@pytest.mark.parametrize("wild", [SystemExit(3), KeyboardInterrupt(), StopIteration(), asyncio.CancelledError()])
async def test_what_would_end_the_loop_comes_back_as_an_error_of_the_job(wild: BaseException) -> None:
    lane = Lane("data", 1)

    def go_wild() -> None:
        raise wild

    with pytest.raises(ComputeError, match=type(wild).__name__):
        await lane.run(go_wild, deadline_s=20)
    assert await lane.run(int, deadline_s=20) == 0


async def test_closing_fails_what_waits_and_waits_for_nothing(release: threading.Event) -> None:
    lane = Lane("data", 1)
    running = asyncio.create_task(lane.run(release.wait, deadline_s=20))
    await until(lane, lambda now: now.busy == 1)
    queued = asyncio.create_task(lane.run(int, deadline_s=20))
    await until(lane, lambda now: now.depth == 1)
    lane.close()
    lane.close()
    with pytest.raises(ComputeError, match="was closed before int could run"):
        await queued
    with pytest.raises(ComputeError, match="is closed"):
        await lane.run(int, deadline_s=20)
    release.set()
    assert await running is True


@pytest.mark.parametrize("deadline_s", [0, -1, float("nan")])
async def test_a_deadline_must_lie_ahead(deadline_s: float) -> None:
    with pytest.raises(ValueError, match="deadline must be above 0"):
        await Lane("data", 1).run(int, deadline_s=deadline_s)


async def test_an_answer_after_the_loop_was_closed_is_dropped(release: threading.Event) -> None:
    lane, went_on = Lane("data", 1), threading.Event()

    def other_loop() -> None:
        async def main() -> None:
            task = asyncio.create_task(lane.run(release.wait, deadline_s=20))
            await until(lane, lambda now: now.busy == 1)
            task.cancel()

        asyncio.run(main())
        release.set()
        went_on.set()

    await asyncio.to_thread(other_loop)
    assert went_on.is_set()
    await until(lane, lambda now: now.abandoned == 0)


def test_functions_are_named_through_partials() -> None:
    assert name_of(functools.partial(functools.partial(int, "1"), base=2)) == "int"
    assert name_of(threading.Event().wait) == "Event.wait"


async def test_under_a_storm_of_deadlines_and_cancellations_every_job_has_one_end() -> None:
    lane, chance = Lane("storm", 4, queue_size=400, thread_limit=50), random.Random(7)
    ran = Counter[int]()

    def work(number: int, seconds: float) -> int:
        ran[number] += 1
        time.sleep(seconds)
        return number

    async def ask(number: int) -> str:
        call = asyncio.create_task(
            lane.run(work, number, chance.choice([0, 0.001, 0.02]), deadline_s=chance.choice([0.005, 0.05, 20]))
        )
        if chance.random() < 0.2:
            asyncio.get_running_loop().call_later(chance.random() / 50, call.cancel)
        try:
            return "done" if await call == number else "mixed up"
        except DeadlineExceeded as error:
            return "expired" if error.started or not ran[number] else "ran all the same"
        except asyncio.CancelledError:
            return "cancelled"

    ends = Counter(await asyncio.gather(*(ask(number) for number in range(400))))
    statistics = await until(lane, lambda now: now.abandoned == 0)
    assert set(ends) == {"done", "expired", "cancelled"}
    assert (statistics.busy, statistics.depth, statistics.failed) == (0, 0, 0)
    assert statistics.done >= ends["done"]
    assert statistics.expired >= ends["expired"], "a cancellation may come after the deadline"
    assert set(ran.values()) == {1}
    assert statistics.run_ms.count == len(ran)
