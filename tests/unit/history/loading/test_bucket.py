"""The token bucket on a clock that only sleeping moves."""

import asyncio
import heapq

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.history.loading.bucket import TokenBucket


class VirtualTime:
    """Sleepers wake in order when nobody else can run."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        waker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now_s + seconds, len(self._sleepers) + id(waker), waker))
        await waker

    async def run_until(self, task: asyncio.Future[object]) -> None:
        while not task.done():
            for _ in range(20):
                await asyncio.sleep(0)
            if self._sleepers:
                self.now_s, _, waker = heapq.heappop(self._sleepers)
                waker.set_result(None)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 40), st.integers(60, 600))
def test_no_span_of_time_has_more_turns_than_the_rate_and_a_burst(burst: int, takers: int, per_min: int) -> None:
    turns: list[float] = []

    async def everybody() -> None:
        time = VirtualTime()
        bucket = TokenBucket(per_min, burst, monotonic_s=lambda: time.now_s, sleep=time.sleep)

        async def one() -> None:
            await bucket.take()
            turns.append(time.now_s)

        await time.run_until(asyncio.gather(*(one() for _ in range(takers))))

    asyncio.run(everybody())
    assert turns == sorted(turns)
    for first, since_s in enumerate(turns):
        for last in range(first, len(turns)):
            assert last - first + 1 <= burst + (turns[last] - since_s) * per_min / 60 + 1e-6
    assert turns[-1] == pytest.approx(max(0, takers - burst) * 60 / per_min)


async def test_a_complaint_holds_everybody_up_and_is_learnt_from() -> None:
    time = VirtualTime()
    bucket = TokenBucket(600, 1, monotonic_s=lambda: time.now_s, sleep=time.sleep)
    await bucket.take()
    waiting = asyncio.create_task(bucket.take())
    await asyncio.sleep(0)
    bucket.complained(7.0)
    bucket.complained(7.0)
    assert bucket.per_min == pytest.approx(300)
    await time.run_until(waiting)
    assert time.now_s == pytest.approx(7.0)
    for _ in range(200):
        bucket.succeeded()
    assert bucket.per_min == pytest.approx(600)


async def test_without_a_documented_rate_nobody_waits_until_the_source_complains() -> None:
    time = VirtualTime()
    bucket = TokenBucket(None, 1, monotonic_s=lambda: time.now_s, sleep=time.sleep)
    for _ in range(50):
        await bucket.take()
    bucket.complained(1.0)
    assert bucket.per_min is not None
    for _ in range(500):
        bucket.succeeded()
    assert bucket.per_min is None
