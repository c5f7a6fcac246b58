"""A daemon that leaks all that the sentinel looks at. Run by test_leaks_process."""

import asyncio
import sys
import threading
from pathlib import Path

from core.domain.errors import MetronomeError
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.leaks import LeakSentinel
from core.runtime.supervisor import Supervisor
from core.settings.leaks import LeaksSettings

kept: list[object] = []


async def leak_steadily() -> None:
    while True:
        kept.append(b"x" * (1 << 19))
        kept.append(Path("/dev/null").open())  # noqa: SIM115 - that it stays open is the point
        kept.append(asyncio.create_task(asyncio.Event().wait()))
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        await asyncio.sleep(0.01)


async def main() -> int:
    settings = LeaksSettings(
        action="restart", settle_s=0, sample_s=0.02, window_s=0.4, max_descriptors=200, max_tasks=None, max_threads=None
    )
    monotonic = SystemMonotonicClock()
    supervisor = Supervisor(monotonic)
    supervisor.add("leaks", LeakSentinel(settings, monotonic).run)
    supervisor.add("leaking", leak_steadily)
    report = await supervisor.run()
    for each in kept:
        if isinstance(each, asyncio.Task):
            each.cancel()
    sys.stdout.write(f"{report.cause}\n")
    assert isinstance(report.cause, MetronomeError)
    return report.cause.exit_code


sys.exit(asyncio.run(main()))
