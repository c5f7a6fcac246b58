import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.runtime.clocks import NS_PER_S, VirtualClock
from core.runtime.scheduler import DueTime, JobStatistics, Scheduler


@asynccontextmanager
async def running(scheduler: Scheduler) -> AsyncIterator[None]:
    task = asyncio.create_task(scheduler.run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def job(scheduler: Scheduler, name: str) -> JobStatistics:
    return next(statistics for statistics in scheduler.statistics().jobs if statistics.name == name)


@given(
    every_ns=st.integers(1, 10**6),
    first_ns=st.integers(0, 10**6),
    jitter=st.floats(0, 0.99),
    looks=st.lists(st.tuples(st.integers(0, 3 * 10**6), st.floats(0, 1, exclude_max=True)), max_size=50),
)
def test_grid_times_are_counted_exactly_once(
    every_ns: int, first_ns: int, jitter: float, looks: list[tuple[int, float]]
) -> None:
    """However late and irregular the looks: the grid times passed add up, and none is taken early."""
    due = DueTime(every_ns, first_ns, int(jitter * every_ns))
    now_ns = taken = 0
    for step_ns, chance in looks:
        now_ns += step_ns
        due_ns = due.due_ns
        passed = due.take(now_ns, chance)
        taken += passed
        assert (passed > 0) == (now_ns >= due_ns)
        assert due.grid_ns == first_ns + taken * every_ns
        assert due.due_ns > now_ns
        assert 0 <= due.due_ns - due.grid_ns < every_ns


@settings(max_examples=40)
@given(
    intervals_s=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    moves_s=st.lists(st.integers(0, 30), max_size=8),
)
async def test_every_job_runs_exactly_as_often_as_it_is_due(intervals_s: list[int], moves_s: list[int]) -> None:
    clock = VirtualClock()
    scheduler = Scheduler(clock, sleep=clock.sleep)
    seen: dict[str, list[int]] = {}

    def record(name: str) -> None:
        seen[name] = []

        async def run() -> None:
            seen[name].append(clock.now_ns() // NS_PER_S)

        scheduler.every(name, int(name.split("-")[1]), run)

    for number, interval_s in enumerate(intervals_s):
        record(f"{number}-{interval_s}")
    async with running(scheduler):
        for move_s in moves_s:
            await clock.advance(move_s)
        await clock.settle()
    for name, times_s in seen.items():
        every_s = int(name.split("-")[1])
        assert times_s == list(range(every_s, sum(moves_s) + 1, every_s))


async def test_a_late_job_runs_once_and_keeps_its_grid() -> None:
    clock = VirtualClock()
    scheduler = Scheduler(clock, sleep=clock.sleep)
    runs: list[int] = []

    async def tick() -> None:
        runs.append(clock.now_ns() // NS_PER_S)

    scheduler.every("tick", 10, tick)
    async with running(scheduler):
        await clock.settle()
        clock.jump(47)  # the loop was stuck: four due times passed
        await clock.advance(0)
        await clock.settle()
        assert runs == [47]
        assert job(scheduler, "tick").missed == 3
        await clock.advance(3)
        assert runs == [47, 50]


async def test_a_job_never_overlaps_itself() -> None:
    clock = VirtualClock()
    scheduler = Scheduler(clock, sleep=clock.sleep)
    at_once = most = 0

    async def slow() -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await clock.sleep(25)
        at_once -= 1

    scheduler.every("slow", 10, slow)
    async with running(scheduler):
        await clock.advance(61)
        assert (most, job(scheduler, "slow").runs, job(scheduler, "slow").missed) == (1, 2, 4)
        assert job(scheduler, "slow").last_duration_s == 25


async def test_a_failing_job_is_counted_and_goes_on() -> None:
    clock = VirtualClock()
    scheduler = Scheduler(clock, sleep=clock.sleep)
    outcomes = iter([RuntimeError("venue down"), None, None])

    async def flaky() -> None:
        if (error := next(outcomes)) is not None:
            raise error

    scheduler.every("flaky", 1, flaky)
    async with running(scheduler):
        await clock.advance(1)
        await clock.settle()
        assert job(scheduler, "flaky").last_error == "RuntimeError('venue down')"
        await clock.advance(2)
        await clock.settle()
        assert (job(scheduler, "flaky").runs, job(scheduler, "flaky").failures) == (3, 1)
        assert job(scheduler, "flaky").last_error == ""


async def test_one_hanging_job_does_not_hold_up_the_others() -> None:
    clock = VirtualClock()
    scheduler = Scheduler(clock, sleep=clock.sleep)
    ticks = 0

    async def hang() -> None:
        await asyncio.Event().wait()

    async def tick() -> None:
        nonlocal ticks
        ticks += 1

    scheduler.every("hang", 1, hang, timeout_s=60)
    scheduler.every("tick", 1, tick)
    async with running(scheduler):
        await clock.advance(10)
        assert ticks == 10


async def test_a_job_over_its_timeout_fails() -> None:
    clock = VirtualClock()
    scheduler = Scheduler(clock, sleep=clock.sleep)

    async def hang() -> None:
        await asyncio.Event().wait()

    scheduler.every("hang", 1, hang, timeout_s=0.01)
    async with running(scheduler):
        await clock.advance(1)
        while job(scheduler, "hang").is_running or not job(scheduler, "hang").runs:
            await asyncio.sleep(0.001)
        assert "took longer" in job(scheduler, "hang").last_error


async def test_trigger_runs_now_and_keeps_the_grid() -> None:
    clock = VirtualClock()
    scheduler = Scheduler(clock, sleep=clock.sleep)
    runs: list[int] = []

    async def tick() -> None:
        runs.append(clock.now_ns() // NS_PER_S)

    scheduler.every("tick", 10, tick)
    async with running(scheduler):
        await clock.advance(3)
        scheduler.trigger("tick")
        await clock.settle()
        await clock.advance(7)
        await clock.settle()
    assert runs == [3, 10]


async def test_trigger_during_a_run_runs_again_afterwards() -> None:
    clock = VirtualClock()
    scheduler = Scheduler(clock, sleep=clock.sleep)
    runs: list[int] = []

    async def slow() -> None:
        runs.append(clock.now_ns() // NS_PER_S)
        await clock.sleep(5)

    scheduler.every("slow", 100, slow, first_in_s=0)
    async with running(scheduler):
        await clock.advance(1)
        scheduler.trigger("slow")
        await clock.settle()
        await clock.advance(10)
    assert runs == [0, 5]


async def test_jobs_may_be_added_and_removed_while_it_runs() -> None:
    clock = VirtualClock()
    scheduler = Scheduler(clock, sleep=clock.sleep)
    runs = 0

    async def tick() -> None:
        nonlocal runs
        runs += 1

    async with running(scheduler):
        await clock.advance(5)
        scheduler.every("tick", 2, tick, first_in_s=1)
        await clock.advance(1)
        assert runs == 1
        await clock.advance(2)
        assert runs == 2
        scheduler.remove("tick")
        await clock.advance(20)
        assert runs == 2
        assert scheduler.statistics().jobs == ()


async def test_cancelling_the_scheduler_cancels_its_jobs() -> None:
    clock = VirtualClock()
    scheduler = Scheduler(clock, sleep=clock.sleep)
    ended = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    scheduler.every("hang", 1, hang, timeout_s=60)
    async with running(scheduler):
        await clock.advance(1)
        await clock.settle()
    assert ended.is_set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"every_s": 0},
        {"every_s": float("nan")},
        {"every_s": -1},
        {"jitter_s": 10},
        {"jitter_s": -1},
        {"first_in_s": -1},
        {"timeout_s": 0},
    ],
)
def test_wrong_numbers_are_refused(wrong: dict[str, float]) -> None:
    async def nothing() -> None: ...

    with pytest.raises(ValueError, match="job 'x'"):
        Scheduler(VirtualClock()).every("x", **{"every_s": 10.0, "job": nothing, **wrong})


def test_names_are_unique() -> None:
    async def nothing() -> None: ...

    scheduler = Scheduler(VirtualClock())
    scheduler.every("x", 1, nothing)
    with pytest.raises(ValueError, match="a job 'x' already"):
        scheduler.every("x", 1, nothing)
    with pytest.raises(KeyError):
        scheduler.trigger("y")
