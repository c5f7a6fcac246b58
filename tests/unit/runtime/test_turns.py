"""Long work in turns: all of it, in order, and the loop moves in between."""

import asyncio

from core.runtime.turns import in_turns


async def test_the_loop_turns_after_each_few() -> None:
    seen: list[object] = []

    async def neighbour() -> None:
        while True:
            seen.append("turn")
            await asyncio.sleep(0)

    beside = asyncio.create_task(neighbour())
    async for number in in_turns(range(5), 2):
        seen.append(number)
    beside.cancel()
    assert seen == [0, 1, "turn", 2, 3, "turn", 4]
