import asyncio
import gc
import subprocess
import sys

import pytest

from core.runtime.loop import freeze_long_lived, run_loop, tune_interpreter


def test_runs_on_uvloop_and_gives_back_the_exit_code() -> None:
    async def main() -> int:
        assert type(asyncio.get_running_loop()).__module__.startswith("uvloop")
        return 3

    assert run_loop(main()) == 3


def test_tasks_left_over_are_cancelled() -> None:
    ended = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("hang")

    tasks = []

    async def main() -> int:
        tasks.append(asyncio.create_task(hang()))
        await asyncio.sleep(0)
        return 0

    assert run_loop(main()) == 0
    assert ended == ["hang"]


def test_an_error_passes_on() -> None:
    async def main() -> int:
        raise KeyError("wiring")

    with pytest.raises(KeyError, match="wiring"):
        run_loop(main())


@pytest.mark.processes
def test_a_task_that_will_not_end_cannot_hold_up_the_exit() -> None:
    program = """
import asyncio
from core.runtime.loop import run_loop

async def stubborn():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

async def main():
    global task
    task = asyncio.create_task(stubborn(), name="stubborn")
    await asyncio.sleep(0)
    return 5

run_loop(main(), end_timeout_s=0.05, before_hard_exit=lambda: print("flushed"))
"""
    done = run_alone(program)
    assert done.returncode == 5
    assert "stubborn" in done.stdout
    assert "flushed" in done.stdout


@pytest.mark.processes
@pytest.mark.parametrize(
    ("left", "said"), [("", "said, taken apart\n"), ("threading.Thread(target=threading.Event().wait).start()", "said")]
)
def test_a_process_leaves_with_all_it_said_and_waits_for_no_thread(left: str, said: str) -> None:
    program = f"""
import atexit, threading
from core.runtime.loop import leave

atexit.register(print, ", taken apart")
print("said", end="")
{left}
leave(7)
"""
    done = run_alone(program)
    assert (done.returncode, done.stdout) == (7, said)


def run_alone(program: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PYTHONPATH": ":".join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=environment, check=False
    )


def test_the_interpreter_is_tuned() -> None:
    before = sys.getswitchinterval()
    try:
        tune_interpreter(0.0005)
        assert sys.getswitchinterval() == pytest.approx(0.0005)
        freeze_long_lived()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)
