import asyncio

import pytest

from core.runtime.bulkhead import Bulkhead, CancelledFromInside


async def test_gives_back_the_result() -> None:
    async def work() -> int:
        return 7

    assert await Bulkhead().run("seven", work(), timeout_s=5) == 7


async def test_passes_on_what_the_work_raises() -> None:
    async def work() -> None:
        raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"):
        await Bulkhead().run("raises", work(), timeout_s=5)


async def test_a_cancellation_from_inside_is_not_taken_for_the_waiters() -> None:
    async def work() -> None:
        inner = asyncio.get_running_loop().create_future()
        inner.cancel()
        await inner

    with pytest.raises(CancelledFromInside, match="work was cancelled from inside"):
        await Bulkhead().run("work", work(), timeout_s=5)


async def test_slow_work_is_cancelled_and_named() -> None:
    bulkhead, cancelled = Bulkhead(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError, match=r"slow took longer than 0\.01 s$"):
        await bulkhead.run("slow", work(), timeout_s=0.01)
    assert cancelled.is_set()
    assert bulkhead.abandoned == ()


async def stubborn(release: asyncio.Event) -> None:
    while not release.is_set():
        try:
            await release.wait()
        except asyncio.CancelledError:
            continue


async def test_work_that_does_not_end_is_abandoned_counted_and_named() -> None:
    bulkhead, release = Bulkhead(grace_s=0.01), asyncio.Event()
    with pytest.raises(TimeoutError, match="does not end"):
        await bulkhead.run("stubborn", stubborn(release), timeout_s=0.01)
    assert bulkhead.abandoned == ("stubborn",)
    release.set()
    while bulkhead.abandoned:
        await asyncio.sleep(0)
    assert bulkhead.abandoned_total == 1


async def test_cancelling_the_waiter_cancels_the_work_and_passes_on() -> None:
    bulkhead, began, ended = Bulkhead(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiter = asyncio.create_task(bulkhead.run("work", work(), timeout_s=60))
    await began.wait()
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert ended.is_set()


async def test_cancelling_the_waiter_is_not_held_up_by_stubborn_work() -> None:
    bulkhead, release = Bulkhead(grace_s=0.01), asyncio.Event()
    waiter = asyncio.create_task(bulkhead.run("stubborn", stubborn(release), timeout_s=60))
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert bulkhead.abandoned == ("stubborn",)
    release.set()
    while bulkhead.abandoned:
        await asyncio.sleep(0)
