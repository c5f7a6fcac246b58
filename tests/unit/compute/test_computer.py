import asyncio
import os
import threading
import time

import pytest

from core.compute.computer import AsyncFeatureComputer, Kind
from core.compute.priority import Priority
from core.domain.errors import ComputeError, DeadlineExceeded
from core.settings.compute import ComputeSettings

SETTINGS = ComputeSettings(workers=1, data_lane_threads=2, order_lane_threads=1, job_deadline_s=30)


@pytest.mark.processes
async def test_io_goes_to_the_named_lane_and_cpu_to_a_worker() -> None:
    computer = AsyncFeatureComputer(SETTINGS, lanes={"disk": 1}, preload=())
    async with computer:
        names = [
            (await computer.run(threading.current_thread, kind=Kind.IO, lane=lane)).name
            for lane in ("data", "order", "disk")
        ]
        assert names == ["lane-data-1", "lane-order-1", "lane-disk-1"]
        assert await computer.run(os.getpid, kind=Kind.CPU, operation="pid") != os.getpid()
        assert await computer.run(int, "ff", base=16, kind=Kind.CPU, priority=Priority.ORDER) == 255
        statistics = computer.statistics()
    assert {name: seen.calls for name, seen in statistics.operations.items()} == {
        "current_thread": 3,
        "pid": 1,
        "int": 1,
    }
    assert statistics.operations["pid"].latency_ms.count == 1
    assert (statistics.queue_depth, statistics.abandoned_threads) == (0, 0)
    assert statistics.lanes["disk"].done == 1
    assert statistics.workers.done == 2


async def test_hung_data_calls_do_not_stop_an_order() -> None:
    computer = AsyncFeatureComputer(SETTINGS)
    release = threading.Event()
    hung = [asyncio.create_task(computer.run(release.wait, kind=Kind.IO, operation="ohlcv")) for _ in range(20)]
    while computer.statistics().lanes["data"].busy < 2:
        await asyncio.sleep(0.001)
    assert await computer.run(int, "7", kind=Kind.IO, lane="order") == 7
    assert computer.statistics().queue_depth == 18
    release.set()
    await asyncio.gather(*hung)


async def test_failures_are_counted_by_operation() -> None:
    computer, release = AsyncFeatureComputer(SETTINGS), threading.Event()
    with pytest.raises(DeadlineExceeded):
        await computer.run(release.wait, kind=Kind.IO, deadline_s=0.3, operation="ohlcv")
    with pytest.raises(ValueError, match="invalid literal"):
        await computer.run(int, "x", kind=Kind.IO, operation="ohlcv")
    seen = computer.statistics().operations["ohlcv"]
    assert (seen.calls, seen.failures) == (2, 2)
    letters = computer.dead_letters()
    assert [(letter.operation, letter.error) for letter in letters] == [
        ("ohlcv", "ValueError"),
        ("ohlcv", "DeadlineExceeded"),
    ]
    assert (
        "invalid literal" in letters[0].message and letters[1].took_s > 0.2
    )  # a loop's timers may come a moment early
    assert computer.statistics().dead == {"ValueError": 1, "DeadlineExceeded": 1}
    assert computer.statistics().abandoned_threads == 1
    release.set()


async def test_what_is_wrong_is_said() -> None:
    with pytest.raises(ValueError, match="can't be called 'workers'"):
        AsyncFeatureComputer(SETTINGS, lanes={"workers": 1})
    computer = AsyncFeatureComputer(SETTINGS)
    with pytest.raises(KeyError, match="nowhere"):
        await computer.run(int, kind=Kind.IO, lane="nowhere")
    with pytest.raises(ValueError, match="deadline must be above 0"):
        await computer.run(int, kind=Kind.IO, deadline_s=-1)
    with pytest.raises(ComputeError, match="not open"):
        await computer.run(int, kind=Kind.CPU)
    await computer.close()
    with pytest.raises(ComputeError, match="lane data is closed"):
        await computer.run(int, kind=Kind.IO)
    assert computer.lane("order").statistics().threads == 1


@pytest.mark.processes
async def test_serve_lives_until_cancelled() -> None:
    computer = AsyncFeatureComputer(SETTINGS, preload=())
    serving = asyncio.create_task(computer.serve())
    async with asyncio.timeout(30):
        while not computer.statistics().workers.ready:
            await asyncio.sleep(0.005)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert computer.statistics().workers.pids == ()


async def test_dead_letters_are_bounded_and_blocking_operations_have_a_door_of_their_own() -> None:
    computer = AsyncFeatureComputer(SETTINGS.model_copy(update={"dead_letters": 2}))
    for text in "abc":
        with pytest.raises(ValueError, match="invalid literal"):
            await computer.execute_blocking_operation(int, text)
    assert [letter.message[-3:] for letter in computer.dead_letters()] == ["'c'", "'b'"]
    assert computer.statistics().dead == {"ValueError": 3}
    assert await computer.execute_blocking_operation(int, "ff", base=16, timeout_s=5) == 255
    await computer.close()


@pytest.mark.processes
async def test_more_workers_come_while_jobs_wait() -> None:
    computer = AsyncFeatureComputer(SETTINGS.model_copy(update={"max_workers": 2}), preload=())
    serving = asyncio.create_task(computer.serve())
    async with asyncio.timeout(60):
        while not computer.statistics().workers.ready:
            await asyncio.sleep(0.005)
        jobs = [asyncio.create_task(computer.run(time.sleep, 3, kind=Kind.CPU, deadline_s=60)) for _ in range(2)]
        while computer.statistics().workers.busy < 2:
            await asyncio.sleep(0.005)
    assert computer.statistics().workers.workers == 2
    for task in (*jobs, serving):
        task.cancel()
    await asyncio.gather(*jobs, serving, return_exceptions=True)
