"""A daemon with a watchdog and one fault, both told on the command line. Run by test_watchdog_process."""

import asyncio
import os
import re
import sys
import time

from core.runtime.clocks import SystemMonotonicClock
from core.runtime.systemd import ServiceNotifier
from core.runtime.watchdog import Watchdog

LIMIT_S = float(sys.argv[2])


async def sleep_in_a_coroutine() -> None:
    time.sleep(4 * LIMIT_S)


async def be_slow_but_healthy() -> None:
    for _ in range(6):
        time.sleep(LIMIT_S / 4)
        await asyncio.sleep(0.01)


async def hold_the_gil() -> None:
    began_s = time.monotonic()
    length = 22
    while time.monotonic() - began_s < 4 * LIMIT_S:
        re.match(r"(a+)+$", "a" * length + "b")  # exponential, in C, with the GIL held
        length += 1


async def main() -> None:
    notifier = ServiceNotifier(os.environ)
    watchdog = Watchdog(SystemMonotonicClock(), notifier, loop_limit_s=LIMIT_S)
    running = asyncio.create_task(watchdog.run())
    await asyncio.sleep(LIMIT_S)
    notifier.ready()
    await globals()[sys.argv[1]]()
    await asyncio.sleep(LIMIT_S)
    notifier.stopping()
    running.cancel()


asyncio.run(main())
