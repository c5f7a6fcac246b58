"""A daemon with a watchdog and one fault, both told on the command line. Run by test_watchdog_process."""

import asyncio
import contextlib
import os
import re
import sys
import time
from pathlib import Path

from core.domain.instruments import InstrumentId
from core.market.feed_proofs import FeedProofs
from core.market.feed_states import Channel, FeedChanged, FeedState
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.systemd import ServiceNotifier
from core.runtime.watchdog import Watchdog

if sys.argv[1] == "write_to_a_disk_that_hangs":  # dear, and the others can do without
    from core.domain.errors import JournalError
    from core.execution.journal.identity import JournalIdentity
    from core.execution.journal.journal import Journal
    from core.execution.journal.records import BalancesObserved

LIMIT_S = float(sys.argv[2])
FOLDER = Path(sys.argv[3])


async def sleep_in_a_coroutine(_: Watchdog) -> None:
    time.sleep(4 * LIMIT_S)


async def be_slow_but_healthy(_: Watchdog) -> None:
    for _ in range(6):
        time.sleep(LIMIT_S / 4)
        await asyncio.sleep(0.01)


async def hold_the_gil(_: Watchdog) -> None:
    began_s = time.monotonic()
    length = 22
    while time.monotonic() - began_s < 4 * LIMIT_S:
        re.match(r"(a+)+$", "a" * length + "b")  # exponential, in C, with the GIL held
        length += 1


async def write_to_a_disk_that_hangs(watchdog: Watchdog) -> None:
    """The process has loaded `tests/disks/shim.c`, which looks for this file at each sync."""
    trouble = Path(os.environ["METRONOME_SYNC_TROUBLE"])
    journal = Journal(
        JournalIdentity("paper", "sim", "main"), data_dir=FOLDER, proof=watchdog.proof("journal", LIMIT_S)
    )
    await journal.open(None)
    trouble.write_text("hold")
    write = asyncio.create_task(journal.append([BalancesObserved((), "TEST", 1)]))
    await asyncio.sleep(4 * LIMIT_S)
    trouble.unlink()
    with contextlib.suppress(JournalError):
        await write
    await asyncio.sleep(LIMIT_S)
    await journal.close()


async def have_a_mute_feed(watchdog: Watchdog) -> None:
    proofs = FeedProofs(watchdog, LIMIT_S)
    quotes = (InstrumentId("BTC/USDT"), Channel.QUOTES)
    proofs.on_change(FeedChanged(*quotes, FeedState.LIVE, FeedState.MUTE))
    await asyncio.sleep(4 * LIMIT_S)
    proofs.on_change(FeedChanged(*quotes, FeedState.MUTE, FeedState.LIVE))


async def main() -> None:
    notifier = ServiceNotifier(os.environ)
    watchdog = Watchdog(SystemMonotonicClock(), notifier, loop_limit_s=LIMIT_S)
    running = asyncio.create_task(watchdog.run())
    await asyncio.sleep(LIMIT_S)
    notifier.ready()
    await globals()[sys.argv[1]](watchdog)
    await asyncio.sleep(LIMIT_S)
    notifier.stopping()
    running.cancel()


asyncio.run(main())
