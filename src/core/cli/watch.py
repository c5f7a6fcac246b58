"""`status --watch`: the live table of a daemon in another process, which may go away and come back."""

import time
from collections.abc import Callable
from dataclasses import replace

from core.cli.client import DaemonClient, DaemonUnreachable
from core.cli.live_table import LiveTable
from core.domain.errors import MetronomeError
from core.domain.status import DaemonStatus

_EVERY_S = 1.0


def watch(
    client: DaemonClient,
    table: LiveTable,
    *,
    sleep: Callable[[float], None] = time.sleep,
    now_s: Callable[[], float] = time.monotonic,
) -> None:
    """Ask and show until interrupted, which ends it in order. While no daemon answers the last picture stays, and says
    so."""
    picture: DaemonStatus | None = None
    answered_s = now_s()
    try:
        with table:
            while True:
                try:
                    picture = client.get("/api/v1/status", DaemonStatus)
                    answered_s = now_s()
                    table(picture)
                except DaemonUnreachable as unreachable:
                    table(_lost(picture, unreachable, now_s() - answered_s))
                sleep(_EVERY_S)
    except KeyboardInterrupt:
        return


def _lost(picture: DaemonStatus | None, why: MetronomeError, for_s: float) -> DaemonStatus | str:
    if picture is None:
        return f"waiting for a daemon: {why}"
    return replace(picture, state="unreachable", note=f"as it was {for_s:.0f} s ago: {why}")
