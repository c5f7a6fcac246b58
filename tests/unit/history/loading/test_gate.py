import asyncio

from core.history.loading.gate import PriorityGate


async def test_the_most_urgent_waiter_goes_next_and_no_more_than_the_width_at_once() -> None:
    gate, order, inside = PriorityGate(1), list[int](), 0

    async def enter(urgency: int) -> None:
        nonlocal inside
        async with gate.slot(urgency):
            inside += 1
            assert inside == 1
            order.append(urgency)
            await asyncio.sleep(0)
            inside -= 1

    async with asyncio.TaskGroup() as group:
        for urgency in (5, 3, 9, 1):
            group.create_task(enter(urgency))
    assert order == [5, 1, 3, 9]


async def test_a_cancelled_waiter_gives_its_place_on() -> None:
    gate = PriorityGate(1)
    holder_may_go = asyncio.Event()

    async def hold() -> None:
        async with gate.slot(0):
            await holder_may_go.wait()

    async def pass_through() -> bool:
        async with gate.slot(1):
            return True

    holder = asyncio.create_task(hold())
    await asyncio.sleep(0)
    first, second = asyncio.create_task(pass_through()), asyncio.create_task(pass_through())
    await asyncio.sleep(0)
    holder_may_go.set()
    await asyncio.sleep(0)  # the holder leaves, and lets the first in
    first.cancel()
    assert await second
    await holder
    assert await pass_through()
