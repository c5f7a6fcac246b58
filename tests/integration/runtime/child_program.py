"""A child process with manners told on the command line. Run by test_children."""

import asyncio
import os
import signal
import sys
import time

from core.runtime.children import ChildProcess
from core.runtime.lifeline import follow_parent


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def have_a_deaf_child_and_be_killed() -> None:
    child = ChildProcess("child", [sys.executable, __file__, "deaf"], on_line=say)
    running = asyncio.create_task(child.run())
    await child.wait_for_line("ready", timeout_s=30)
    os.kill(os.getpid(), signal.SIGKILL)
    await running


follow_parent(grace_s=0.2)
match sys.argv[1]:
    case "polite":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    case "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    case "crash":
        sys.exit(3)
    case "parent":
        asyncio.run(have_a_deaf_child_and_be_killed())
say(f"ready {os.getpid()} {os.getsid(0)} {'NOTIFY_SOCKET' in os.environ}")
while True:
    time.sleep(60)
