"""A loop in a thread of its own: what it does there costs this one nothing, and it ends when told."""

import asyncio
import threading
import time

import pytest

from core.venues.own_loop import Handover, OwnLoop
from tests.waiting import eventually


async def test_it_runs_elsewhere_and_ends_when_cancelled() -> None:
    began, ended = threading.Event(), threading.Event()

    async def main() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    own = OwnLoop("test loop")
    task = asyncio.create_task(own.run(main))
    await eventually(began.is_set)
    called: list[str] = []
    own.soon(lambda: called.append(threading.current_thread().name))
    await eventually(lambda: called == ["test loop"])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    own.soon(lambda: called.append("too late"))
    await eventually(lambda: all(each.name != "test loop" for each in threading.enumerate()))
    assert called == ["test loop"]


async def test_what_it_raises_is_raised_here() -> None:
    async def main() -> None:
        raise LookupError("in there")

    with pytest.raises(LookupError, match="in there"):
        await OwnLoop("test loop").run(main)


async def test_a_thread_that_hangs_holds_nobody_up() -> None:
    hang = threading.Event()

    async def main() -> None:
        hang.wait(30)  # as an SDK might

    began_s = time.monotonic()
    task = asyncio.create_task(OwnLoop("hung loop", stop_s=0.05).run(main))
    await eventually(lambda: any(each.name == "hung loop" for each in threading.enumerate()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hang.set()
    assert time.monotonic() - began_s < 20


async def test_items_cross_in_their_order() -> None:
    taken: list[int] = []
    handover = Handover[int](asyncio.get_running_loop(), taken.append, on_lost=lambda n: None)
    thread = threading.Thread(target=lambda: [handover.put(n) for n in range(5_000)])
    thread.start()
    await eventually(lambda: len(taken) == 5_000)
    thread.join()
    assert taken == list(range(5_000)) and handover.lost == 0


async def test_what_nobody_takes_is_dropped_and_said_first() -> None:
    told: list[str] = []
    handover = Handover[int](
        asyncio.get_running_loop(), lambda n: told.append(str(n)), on_lost=lambda n: told.append(f"lost {n}"), most=3
    )
    for number in range(5):
        handover.put(number)
    await eventually(lambda: len(told) == 4)
    assert told == ["lost 2", "2", "3", "4"]
