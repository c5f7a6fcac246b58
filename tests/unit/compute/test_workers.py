"""Real worker processes; one pool for all tests of this module, because each process takes a while to start."""

import asyncio
import functools
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import pytest_asyncio

from core.compute.priority import Priority
from core.compute.workers import WorkerPool, WorkerPoolStatistics
from core.domain.errors import ComputeError, DeadlineExceeded, JobRaised, QueueFull, VenueUnavailable, WorkerDied
from tests.processes import is_alive

from . import jobs

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.processes]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_pool() -> AsyncIterator[WorkerPool]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("METRONOME__VENUE__API_SECRET", "hush")
        patch.setenv("NOTIFY_SOCKET", "/nowhere")
        pool = WorkerPool(1, queue_size=3, niceness=5, preload=("core.domain.errors",))
        await pool.start()
        yield pool
        await pool.close()
    assert pool.statistics().pids == ()


@pytest_asyncio.fixture(loop_scope="module")
async def pool(shared_pool: WorkerPool) -> WorkerPool:
    """Warm: the worker and its spare are ready."""
    await until(shared_pool, lambda now: now.ready == 2)
    return shared_pool


async def until(pool: WorkerPool, condition) -> WorkerPoolStatistics:
    async with asyncio.timeout(30):
        while not condition(pool.statistics()):
            await asyncio.sleep(0.005)
    return pool.statistics()


async def lines_of(path: Path, count: int = 1) -> list[str]:
    async with asyncio.timeout(30):
        while not path.exists() or len(lines := path.read_text().splitlines()) < count:
            await asyncio.sleep(0.005)
    return lines


async def occupy(pool: WorkerPool, trace: Path) -> list[asyncio.Task[None]]:
    """Give work without an end to the only worker, and to the spare that stands in for it."""
    sleep = (jobs.sleep_and_tell, 3600, str(trace))
    hung = [asyncio.create_task(pool.run(*sleep, deadline_s=60)) for _ in range(2)]
    await lines_of(trace, 2)
    return hung


async def test_computes_in_another_process(pool: WorkerPool) -> None:
    before = pool.statistics()
    assert await pool.run(divmod, 7, 3, deadline_s=30) == (2, 1)
    assert await pool.run(functools.partial(int, base=16), "ff", deadline_s=30) == 255
    assert np.array_equal(await pool.run(jobs.give, "array", deadline_s=30), np.arange(5.0))
    after = pool.statistics()
    assert after.done == before.done + 3
    assert after.run_ms.count == before.run_ms.count + 3


async def test_a_worker_is_nice_in_a_session_of_its_own_and_knows_no_secrets(pool: WorkerPool) -> None:
    told = await pool.run(jobs.describe_yourself, deadline_s=30)
    assert told["pid"] != os.getpid()
    assert told["session"] == told["pid"]
    assert told["niceness"] == min(os.nice(0) + 5, 19)
    assert not [name for name in told["environment"] if name.startswith(("METRONOME__", "NOTIFY_SOCKET"))]
    assert told["environment"]["OMP_NUM_THREADS"] == "1"
    assert "core.compute.workers" not in told["modules"], "the daemon's own modules are not imported again"


async def test_a_worker_reads_memory_of_the_daemon(pool: WorkerPool) -> None:
    descriptor = os.memfd_create("candles")
    try:
        os.write(descriptor, b"ring")
        assert await pool.run(jobs.read_shared, f"/proc/{os.getpid()}/fd/{descriptor}", deadline_s=30) == b"ring"
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("kind", "error_type", "message"),
    [
        ("value", "ValueError", "bad candle"),
        ("exit", "SystemExit", "3"),
        ("sneaky", "Sneaky", "can't be shown"),
        ("ours_unpicklable", "JobRaised", "A: b"),
    ],
)
async def test_what_a_job_raises_comes_back_as_text(pool: WorkerPool, kind: str, error_type: str, message: str) -> None:
    with pytest.raises(JobRaised) as raised:
        await pool.run(jobs.raise_error, kind, deadline_s=30)
    assert raised.value.error_type == error_type
    assert message in raised.value.error_message
    assert "in raise_error" in raised.value.traceback_text


async def test_errors_of_this_system_come_back_as_they_are(pool: WorkerPool) -> None:
    with pytest.raises(VenueUnavailable, match="maintenance") as raised:
        await pool.run(jobs.raise_error, "ours", deadline_s=30)
    assert raised.value.retry_after_s == 2.5


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("lambda", "give: its result can't be sent back"),
        ("user_class", r"give: its result has a user_strategies\.Thing"),
        (str(5 << 20), r"give: its result takes 52\d+ bytes, above the limit of 4194304"),
    ],
)
async def test_results_that_cannot_come_back_are_errors_with_their_reason(
    pool: WorkerPool, what: str, message: str
) -> None:
    with pytest.raises(ComputeError, match=message):
        await pool.run(jobs.give, what, deadline_s=30)
    assert await pool.run(int, "7", deadline_s=30) == 7


async def test_jobs_that_cannot_be_sent_are_refused_at_the_door(pool: WorkerPool) -> None:
    with pytest.raises(ComputeError, match="must be a module's function"):
        await pool.run(lambda: None, deadline_s=30)
    with pytest.raises(ComputeError, match=r"len: its arguments take 20\d+ bytes, above the limit of 1048576"):
        await pool.run(len, b"x" * 2_000_000, deadline_s=30)
    with pytest.raises(ValueError, match="deadline must be above 0"):
        await pool.run(int, deadline_s=float("nan"))


async def test_user_code_that_never_returns_is_killed_and_the_spare_takes_over(pool: WorkerPool) -> None:
    before = pool.statistics()
    with pytest.raises(DeadlineExceeded, match="spin still ran, its worker was killed") as exceeded:
        await pool.run(jobs.spin, deadline_s=0.05)
    assert exceeded.value.started
    assert pool.statistics().ready == 1, "the spare was there at once"
    assert await pool.run(int, "7", deadline_s=30) == 7
    after = await until(pool, lambda now: now.ready == 2)
    assert (after.killed, after.expired, after.died) == (before.killed + 1, before.expired + 1, before.died)


async def test_killing_a_worker_ends_what_it_started(pool: WorkerPool, tmp_path: Path) -> None:
    job = asyncio.create_task(pool.run(jobs.have_a_child_and_sleep, str(tmp_path / "pid"), deadline_s=60))
    (grandchild,) = await lines_of(tmp_path / "pid")
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    async with asyncio.timeout(30):
        while is_alive(int(grandchild)):
            await asyncio.sleep(0.005)


async def test_a_crash_is_told_with_its_code_and_last_words(pool: WorkerPool) -> None:
    before = pool.statistics()
    with pytest.raises(WorkerDied, match=r"print_and_die: its worker ended with exit code 7: last words"):
        await pool.run(jobs.print_and_die, deadline_s=30)
    assert await pool.run(int, "7", deadline_s=30) == 7
    assert pool.statistics().died == before.died + 1


async def test_a_worker_killed_by_the_system_is_told_with_its_signal(pool: WorkerPool, tmp_path: Path) -> None:
    job = asyncio.create_task(pool.run(jobs.sleep_and_tell, 3600, str(tmp_path / "pid"), deadline_s=60))
    (pid,) = await lines_of(tmp_path / "pid")
    os.kill(int(pid), 9)
    with pytest.raises(WorkerDied, match="sleep_and_tell: its worker was ended by signal 9"):
        await job


async def test_the_spare_takes_what_waits_behind_a_job_that_hangs(pool: WorkerPool, tmp_path: Path) -> None:
    hung = asyncio.create_task(pool.run(jobs.sleep_and_tell, 3600, str(tmp_path / "pid"), deadline_s=60))
    await lines_of(tmp_path / "pid")
    assert await pool.run(int, "7", deadline_s=30) == 7
    assert pool.statistics().busy == 1, "it still hangs"
    hung.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hung


async def test_workers_that_a_signal_has_stopped_are_named_killed_and_replaced(
    pool: WorkerPool, tmp_path: Path
) -> None:
    job = asyncio.create_task(pool.run(jobs.sleep_and_tell, 3600, str(tmp_path / "pid"), deadline_s=60))
    await lines_of(tmp_path / "pid")
    before = pool.statistics()
    for pid in before.pids:  # the busy one, and the idle one
        os.kill(pid, signal.SIGSTOP)
    with pytest.raises(WorkerDied, match="sleep_and_tell: its worker was ended by signal 9: a signal had stopped it"):
        await job
    after = await until(pool, lambda now: now.ready == 2 and set(before.pids).isdisjoint(now.pids))
    assert after.died == before.died + 2
    assert await pool.run(int, "7", deadline_s=30) == 7


async def test_a_flood_of_output_neither_blocks_the_worker_nor_outlives_its_deadline(pool: WorkerPool) -> None:
    with pytest.raises(DeadlineExceeded):
        await pool.run(jobs.flood, deadline_s=0.2)
    assert await pool.run(int, "7", deadline_s=30) == 7


async def test_the_queue_is_bounded_ordered_and_freed(pool: WorkerPool, tmp_path: Path) -> None:
    first = await occupy(pool, tmp_path / "pid")
    order: list[str] = []

    async def ask(name: str, priority: Priority) -> None:
        await pool.run(int, deadline_s=30, priority=priority)
        order.append(name)

    waiting = [
        asyncio.create_task(ask(name, priority))
        for name, priority in (("low", Priority.BACKGROUND), ("high", Priority.ORDER))
    ]
    dropped = asyncio.create_task(pool.run(jobs.spin, deadline_s=60))
    await until(pool, lambda now: now.depth == 3)
    with pytest.raises(QueueFull) as full:
        await pool.run(int, deadline_s=30)
    assert full.value.depth == 3
    dropped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dropped
    with pytest.raises(DeadlineExceeded, match="could not start") as exceeded:
        await pool.run(int, deadline_s=0.01)
    assert not exceeded.value.started
    first[0].cancel()
    await asyncio.gather(*waiting)
    assert order == ["high", "low"]
    first[1].cancel()


async def test_modules_that_cannot_be_imported_are_told_at_the_start() -> None:
    broken = WorkerPool(1, preload=("no_such_module",))
    with pytest.raises(ComputeError, match=r"a worker can't import no_such_module: ModuleNotFoundError"):
        await broken.start()
    assert broken.statistics().pids == ()
    with pytest.raises(ComputeError, match="not open"):
        await broken.run(int, deadline_s=1)


async def test_closing_fails_what_runs_and_what_waits(tmp_path: Path) -> None:
    pool = WorkerPool(1)
    await pool.start()
    running = await occupy(pool, tmp_path / "pid")
    waiting = asyncio.create_task(pool.run(int, deadline_s=60))
    await until(pool, lambda now: now.depth == 1)
    pids = pool.statistics().pids
    await pool.close()
    await pool.close()
    for job in (*running, waiting):
        with pytest.raises(ComputeError, match="pool was closed"):
            await job
    assert not any(is_alive(pid) for pid in pids)


async def test_workers_die_with_the_daemon(tmp_path: Path) -> None:
    program = f"""
import asyncio, os, signal
from core.compute.workers import WorkerPool
from tests.unit.compute import jobs
async def main():
    pool = WorkerPool(1)
    await pool.start()
    busy = asyncio.create_task(pool.run(jobs.sleep_and_tell, 3600, {str(tmp_path / "pid")!r}, deadline_s=3600))
    while not os.path.exists({str(tmp_path / "pid")!r}) or pool.statistics().ready < 1:
        await asyncio.sleep(0.01)
    print(*pool.statistics().pids, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    daemon = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
    output, _ = daemon.communicate(timeout=60)
    pids = [int(pid) for pid in output.split()]
    assert len(pids) == 2, "one at work, one idle"
    async with asyncio.timeout(30):
        while any(is_alive(pid) for pid in pids):
            await asyncio.sleep(0.005)


@pytest.mark.slow
async def test_under_a_storm_of_crashes_and_deadlines_every_job_has_one_end_and_nothing_leaks() -> None:
    pool, chance = WorkerPool(2), random.Random(11)
    await pool.start()
    await until(pool, lambda now: now.ready == 3)
    me = psutil.Process()
    before = (me.num_fds(), me.num_threads())

    async def ask(number: int) -> str:
        kind = chance.choice(["fine", "fine", "raise", "crash", "hang", "cancel"])
        jobs_of = {
            "fine": (int, str(number)),
            "raise": (jobs.raise_error, "value"),
            "crash": (os._exit, 7),
            "hang": (jobs.spin,),
            "cancel": (jobs.spin,),
        }
        call = asyncio.create_task(pool.run(*jobs_of[kind], deadline_s=0.3 if kind == "hang" else 120))
        if kind == "cancel":
            asyncio.get_running_loop().call_later(chance.random(), call.cancel)
        try:
            return f"{kind} answered" if await call == number else "mixed up"
        except (JobRaised, WorkerDied, DeadlineExceeded, asyncio.CancelledError) as error:
            return f"{kind} {type(error).__name__}"

    try:
        ends = Counter(await asyncio.gather(*(ask(number) for number in range(150))))
        statistics = await until(pool, lambda now: now.ready == 3)
        after = (me.num_fds(), me.num_threads())
    finally:
        await pool.close()
    assert set(ends) == {
        "fine answered",
        "raise JobRaised",
        "crash WorkerDied",
        "hang DeadlineExceeded",
        "cancel CancelledError",
    }
    assert (statistics.busy, statistics.depth, len(statistics.pids)) == (0, 0, 3)
    assert after[0] <= before[0] and after[1] <= before[1], "what other tests have left may end meanwhile"


async def test_what_eats_memory_fails_alone_and_what_keeps_it_is_replaced() -> None:
    pool = WorkerPool(1, memory_mb=256)
    await pool.start()
    try:
        with pytest.raises(JobRaised, match="MemoryError"):
            await pool.run(jobs.eat, 400, deadline_s=30)
        assert await pool.run(jobs.eat, 50, deadline_s=30) == 50 << 20
        before = {(await pool.run(jobs.describe_yourself, deadline_s=30))["pid"]}
        await pool.run(jobs.keep, 150, deadline_s=30)
        now = await until(pool, lambda seen: seen.outgrown == 1 and seen.ready == 2)
        assert before.isdisjoint(now.pids)
        assert (now.died, now.killed) == (0, 0)
    finally:
        await pool.close()


async def test_it_grows_and_shrinks_between_two_jobs(pool: WorkerPool, tmp_path: Path) -> None:
    pool.resize(2)
    await until(pool, lambda now: now.ready == 3)
    both = [asyncio.create_task(pool.run(jobs.sleep_and_tell, 1.0, str(tmp_path / "a"), deadline_s=30)) for _ in "ab"]
    assert len(set(await lines_of(tmp_path / "a", 2))) == 2, "two at once"
    pool.resize(1)
    await asyncio.gather(*both)
    now = await until(pool, lambda seen: len(seen.pids) == 2)
    assert (now.workers, now.ready) == (1, 2)
    with pytest.raises(ValueError, match="at least 1 worker"):
        pool.resize(0)
