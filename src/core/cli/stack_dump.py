"""What the threads of a running daemon do: its own dump where it has put it into a file, the kernel's word anyway."""

import os
import signal
import time
from pathlib import Path

_PROC = Path("/proc")
_WAIT_S = 3.0
_STEP_S = 0.05
_STDERR = 2
_LONGEST = 1_000_000


def stacks_of(pid: int) -> str:
    """Blocks for a few seconds at most. Raises `OSError` where the process is gone or another user's."""
    return f"process {pid}\n\n{_own_dump(pid)}\n\nthreads, as the kernel has them:\n{_threads(pid)}\n"


def _own_dump(pid: int) -> str:
    """What SIGUSR2 has it write to its error output, where that is a file."""
    if not _catches(pid, signal.SIGUSR2):  # it would end it
        return "it does not dump its stacks: it is no daemon of this version, or about to end"
    output = _PROC / str(pid) / "fd" / str(_STDERR)
    size = output.stat().st_size if output.resolve().is_file() else None
    os.kill(pid, signal.SIGUSR2)
    if size is None:
        return (
            "its stacks went to its error output, which is no file: under systemd, `journalctl -u metronome` has them"
        )
    return _appended(output, size) or f"it wrote no stacks within {_WAIT_S:g} s: its loop may be stuck"


def _appended(output: Path, size: int) -> str:
    """What comes after `size`, once nothing more does."""
    ends_s = time.monotonic() + _WAIT_S
    seen = size
    while time.monotonic() < ends_s:
        time.sleep(_STEP_S)
        now = output.stat().st_size
        if now == seen and now > size:
            break
        seen = now
    with output.open("rb") as log:
        log.seek(size)
        return log.read(_LONGEST).decode(errors="replace")


def _catches(pid: int, number: signal.Signals) -> bool:
    """proc(5): SigCgt is a mask of the signals that are caught, bit 0 being signal 1."""
    for line in (_PROC / str(pid) / "status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "SigCgt":
            return bool(int(value, 16) >> (number - 1) & 1)
    return False


def _threads(pid: int) -> str:
    lines = []
    for task in sorted((_PROC / str(pid) / "task").iterdir(), key=lambda each: int(each.name)):
        name, state, waits = (_read(task / file) for file in ("comm", "stat", "wchan"))
        lines.append(f"{task.name} {state.rpartition(')')[2][1:2]} {name} {waits}".rstrip())
    return "\n".join(lines)


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
