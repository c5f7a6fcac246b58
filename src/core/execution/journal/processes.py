"""Who we are among the processes of this machine, and whether another of them still is."""

import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from core.execution.journal.lease import Holder, Sight

_PROC = Path("/proc")
_START_FIELD = 19
"""Of those after the name in /proc/PID/stat (proc(5): starttime is the 22nd of all)."""


def this_process() -> Holder:
    """With a token of its own each time."""
    return Holder(
        token=uuid4().hex,
        host=socket.gethostname(),
        pid=os.getpid(),
        place=_place(),
        started=_started(os.getpid()) or "",
        since=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
    )


def sight_of(holder: Holder, *, on_one_machine: bool) -> Sight:
    """`on_one_machine`: the lease can't be another machine's, so one of an earlier start of the kernel is over."""
    place = _place()
    if holder.place == place and place:
        return Sight.RUNNING if _started(holder.pid) == holder.started else Sight.GONE
    is_of_this_kernel = holder.place.partition(" ")[0] == place.partition(" ")[0]
    return Sight.GONE if on_one_machine and place and not is_of_this_kernel else Sight.UNSEEN


def _place() -> str:
    """Empty where there is no /proc: then nobody can be seen."""
    try:
        kernel = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{kernel} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Ticks since the kernel's start; `None`: there is no such process, or it has ended and nobody has asked why."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[_START_FIELD]
