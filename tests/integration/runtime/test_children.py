"""Real child processes: started, stopped, crashed, and gone with their parent."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core.runtime.children import ChildExited, ChildProcess

pytestmark = pytest.mark.processes
PROGRAM = Path(__file__).with_name("child_program.py")
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "NOTIFY_SOCKET": "/nowhere"}


def child(manners: str, *, stop_timeout_s: float = 20.0) -> ChildProcess:
    return ChildProcess(
        manners,
        [sys.executable, str(PROGRAM), manners],
        environment=ENVIRONMENT,
        on_line=lambda _: None,
        stop_timeout_s=stop_timeout_s,
    )


async def start(process: ChildProcess) -> tuple[asyncio.Task[None], list[str]]:
    running = asyncio.create_task(process.run())
    return running, (await process.wait_for_line("ready", timeout_s=30)).split()


async def stop(running: asyncio.Task[None]) -> None:
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_cancelling_asks_the_child_to_end() -> None:
    process = child("polite")
    running, (_, pid, session, sees_notify_socket) = await start(process)
    assert process.pid == int(pid) == int(session), "a session of its own"
    assert sees_notify_socket == "False"
    assert await process.wait_for_line("ready", timeout_s=1), "a line printed before is found too"
    await stop(running)
    assert process.statistics().last_exit_code == 0
    assert not psutil.pid_exists(int(pid))


async def test_a_deaf_child_is_killed_after_its_deadline() -> None:
    process = child("deaf", stop_timeout_s=0.05)
    running, _ = await start(process)
    await stop(running)
    assert process.statistics().last_exit_code == -9


async def test_a_child_that_ends_by_itself_is_said_with_its_code() -> None:
    process = child("crash")
    running = asyncio.create_task(process.run())
    with pytest.raises(ChildExited, match="exit code 3"):
        await process.wait_for_line("ready", timeout_s=30)
    with pytest.raises(ChildExited) as exited:
        await running
    assert exited.value.code == 3
    assert process.pid is None


async def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        await ChildProcess("gone", ["/no/such/program"]).run()


async def test_a_line_that_never_comes_times_out() -> None:
    process = child("polite")
    running, _ = await start(process)
    with pytest.raises(TimeoutError, match="did not print 'never'"):
        await process.wait_for_line("never", timeout_s=0.01)
    await stop(running)


async def test_a_child_goes_when_its_parent_is_killed() -> None:
    argv = [sys.executable, str(PROGRAM), "parent"]
    parent = subprocess.Popen(argv, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    output, _ = parent.communicate(timeout=60)
    assert parent.returncode == -9
    orphan = int(next(line.split()[1] for line in output.splitlines() if line.startswith("ready")))
    deadline = asyncio.get_running_loop().time() + 20
    while psutil.pid_exists(orphan) and psutil.Process(orphan).status() != psutil.STATUS_ZOMBIE:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


async def test_long_and_unfinished_lines_are_taken_in_pieces() -> None:
    seen: list[str] = []
    code = "import sys; sys.stdout.write('x' * 200_000 + '\\n' + 'end')"
    with pytest.raises(ChildExited):
        await ChildProcess("long", [sys.executable, "-c", code], on_line=seen.append).run()
    assert "".join(seen) == "x" * 200_000 + "end"
    assert seen[-1] == "end"
    assert max(map(len, seen)) <= 2 * 65_536
