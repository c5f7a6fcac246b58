import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise

import pytest

from core.runtime.clocks import VirtualClock
from core.runtime.staged_stop import StopStage
from core.runtime.supervisor import RestartPolicy, Supervisor


async def forever() -> None:
    await asyncio.Event().wait()


def supervisor(clock: VirtualClock | None = None, *, final_timeout_s: float = 5.0) -> Supervisor:
    clock = clock or VirtualClock()
    return Supervisor(clock, sleep=clock.sleep, final_timeout_s=final_timeout_s)


@pytest.fixture
async def stubborn() -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A child that swallows its cancellations until the test is over."""
    release, ended = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        ended.set()

    yield run
    release.set()
    await asyncio.wait_for(ended.wait(), 5)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_stop_runs_the_stages_in_order_and_cancels_their_children() -> None:
    house = supervisor()
    events: list[str] = []

    async def child(name: str) -> None:
        try:
            await forever()
        finally:
            events.append(f"{name} ended")

    async def settle_orders() -> None:
        events.append("settling")

    for name in ("decider", "streams", "other"):
        house.add(name, lambda name=name: child(name))
    house.add_stage(StopStage("deciding", 1.0, children=("decider",)))
    house.add_stage(StopStage("orders", 1.0, action=settle_orders, children=("streams",)))
    run = asyncio.create_task(house.run())
    await settle()
    house.stop("SIGTERM")
    report = await run
    assert events == ["decider ended", "settling", "streams ended", "other ended"]
    assert (report.reason, report.cause, report.stragglers) == ("SIGTERM", None, ())
    assert [stage.name for stage in report.stages] == ["deciding", "orders"]
    assert {child.state for child in house.statistics().children} == {"cancelled"}


async def test_a_crash_without_a_policy_stops_the_daemon_with_its_reason() -> None:
    house = supervisor()
    stopped: list[str] = []

    async def crash() -> None:
        raise RuntimeError("disk gone")

    async def journal() -> None:
        stopped.append("journal")

    house.add("writer", crash)
    house.add("other", forever)
    house.add_stage(StopStage("journal", 1.0, action=journal, essential=True))
    report = await house.run()
    assert report.reason == "writer failed: RuntimeError('disk gone')"
    assert isinstance(report.cause, RuntimeError)
    assert stopped == ["journal"]


async def test_a_child_that_returns_or_is_cancelled_from_inside_has_failed() -> None:
    async def returns() -> None: ...

    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    for child, word in ((returns, "returned"), (cancels_itself, "cancelled from inside")):
        house = supervisor()
        house.add("child", child)
        assert word in (await house.run()).reason


async def test_a_child_that_may_end_may_and_frees_its_name() -> None:
    house = supervisor()

    async def once() -> None: ...

    house.add("once", once, may_end=True)
    run = asyncio.create_task(house.run())
    await settle()
    assert house.statistics().children[0].state == "ended"
    house.add("once", forever)
    await settle()
    assert house.statistics().children[0].state == "running"
    with pytest.raises(ValueError, match="a child 'once' already"):
        house.add("once", forever)
    house.stop("done")
    assert (await run).cause is None


async def test_restarts_with_backoff_until_the_budget_is_used_up() -> None:
    clock = VirtualClock()
    house = supervisor(clock)
    starts: list[float] = []

    async def crash() -> None:
        starts.append(clock.now_ns() / 1e9)
        raise OSError("no route")

    policy = RestartPolicy(crashes=3, window_s=100, first_backoff_s=2, max_backoff_s=5)
    house.add("stream", crash, restart=policy)
    run = asyncio.create_task(house.run())
    await clock.advance(60)
    report = await run
    assert report.reason == "stream failed: OSError('no route')"
    assert len(starts) == 4
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert all(low <= gap <= high for gap, (low, high) in zip(gaps, [(1, 2), (2, 4), (2.5, 5)], strict=True))
    assert house.statistics().children[0].crashes == 4


async def test_crashes_older_than_the_window_are_forgiven() -> None:
    clock = VirtualClock()
    house = supervisor(clock)
    starts = 0

    async def crash_each_minute() -> None:
        nonlocal starts
        starts += 1
        await clock.sleep(60)
        raise OSError

    policy = RestartPolicy(crashes=2, window_s=100, first_backoff_s=1, max_backoff_s=1)
    house.add("stream", crash_each_minute, restart=policy)
    run = asyncio.create_task(house.run())
    await clock.advance(1_000)
    assert starts > 10
    house.stop("done")
    assert (await run).cause is None


async def test_a_straggler_is_named_and_left_behind(stubborn: Callable[[], Awaitable[None]]) -> None:
    house = supervisor(final_timeout_s=0.01)
    house.add("stuck", stubborn)
    house.add_stage(StopStage("streams", 0.01, children=("stuck",)))
    run = asyncio.create_task(house.run())
    await settle()
    house.stop("SIGTERM")
    report = await run
    assert report.stages[0].stragglers == ("stuck",)
    assert report.stragglers == ("stuck",)


async def test_an_action_that_hangs_or_raises_costs_its_stage_only(
    stubborn: Callable[[], Awaitable[None]],
) -> None:
    house = supervisor()

    async def raises() -> None:
        raise RuntimeError("no")

    house.add_stage(StopStage("hangs", 0.01, action=forever))
    house.add_stage(StopStage("raises", 1.0, action=raises))
    house.add_stage(StopStage("stubborn", 0.01, action=stubborn))
    house.stop("SIGTERM")
    report = await house.run()
    assert [stage.error for stage in report.stages] == [
        "took longer than 0.01 s",
        "RuntimeError('no')",
        "took longer than 0.01 s",
    ]
    assert report.stragglers == ("stop stubborn",)


async def test_a_second_signal_skips_to_the_essential_stage() -> None:
    house = supervisor()
    written = asyncio.Event()
    in_orders = asyncio.Event()

    async def settle_orders() -> None:
        in_orders.set()
        await forever()

    async def journal() -> None:
        await asyncio.sleep(0.01)
        written.set()

    house.add_stage(StopStage("orders", 3600, action=settle_orders))
    house.add_stage(StopStage("streams", 3600, action=forever))
    house.add_stage(StopStage("journal", 10, action=journal, essential=True))
    run = asyncio.create_task(house.run())
    house.stop("SIGTERM")
    await in_orders.wait()
    assert house.statistics().stopping == "orders"
    house.stop("SIGTERM")
    report = await run
    assert [(stage.error, stage.skipped) for stage in report.stages] == [("cut short", False), ("", True), ("", False)]
    assert written.is_set()


async def test_the_first_signal_after_a_crash_is_not_a_second_one() -> None:
    house = supervisor()
    in_orders, may_end = asyncio.Event(), asyncio.Event()

    async def crash() -> None:
        raise RuntimeError

    async def settle_orders() -> None:
        in_orders.set()
        await may_end.wait()

    house.add("crash", crash)
    house.add_stage(StopStage("orders", 60, action=settle_orders))
    run = asyncio.create_task(house.run())
    await in_orders.wait()
    house.stop("SIGTERM")
    await settle()
    may_end.set()
    report = await run
    assert report.stages[0].error == ""
    assert report.reason.startswith("crash failed")


async def test_cancelling_run_cancels_the_children() -> None:
    house = supervisor()
    house.add("child", forever)
    run = asyncio.create_task(house.run())
    await settle()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert house.statistics().children[0].state == "cancelled"
