import asyncio

from core.execution.in_flight import WorkInFlight
from core.runtime.clocks import VirtualClock
from core.runtime.watchdog import Proof


async def test_progress_is_owed_while_work_is_under_way_and_more_work_is_none() -> None:
    clock = VirtualClock(start_ns=10**12)
    proof = Proof("executor", 10.0, clock)
    ended: list[int] = []
    work = WorkInFlight(on_end=lambda: ended.append(len(work)), proof=proof)
    first, second = asyncio.Event(), asyncio.Event()
    assert proof.silent_s(clock.now_ns()) is None

    one = work.start(_until(first), "one")
    clock.jump(5.0)
    other = work.start(_until(second), "other")
    assert proof.silent_s(clock.now_ns()) == 5.0

    first.set()
    await one
    assert proof.silent_s(clock.now_ns()) == 0.0
    clock.jump(3.0)
    assert proof.silent_s(clock.now_ns()) == 3.0
    second.set()
    await other
    assert proof.silent_s(clock.now_ns()) is None
    assert ended == [1, 0]


async def _until(event: asyncio.Event) -> None:
    await event.wait()
