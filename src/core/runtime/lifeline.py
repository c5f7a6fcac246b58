"""The child's side of dying with its parent: the kernel's parent-death signal, and a pipe whose other end the parent
holds.

The signal (prctl(2), PR_SET_PDEATHSIG) works even while the child hangs; the pipe works even where the parent was
gone before the signal was asked for.
"""

import ctypes
import os
import signal
import threading
import time

VARIABLE = "METRONOME_LIFELINE_FD"
_PR_SET_PDEATHSIG = 1


def follow_parent(*, death_signal: signal.Signals = signal.SIGTERM, grace_s: float = 5.0) -> None:
    """Call once at the start of a child that `ChildProcess` spawned: when the parent is gone, however it went, this
    process gets `death_signal`, and is gone `grace_s` later whatever it does. Does nothing in a process started
    otherwise."""
    descriptor = os.environ.pop(VARIABLE, "")
    if not descriptor.isdigit():
        return
    send_on_parent_death(death_signal)
    threading.Thread(target=_watch, args=(int(descriptor), death_signal, grace_s), name="lifeline", daemon=True).start()


def send_on_parent_death(death_signal: signal.Signals) -> None:
    """Ask the kernel. The parent it means is the *thread* that spawned this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")


def _watch(descriptor: int, death_signal: signal.Signals, grace_s: float) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), death_signal)
    time.sleep(grace_s)
    os._exit(128 + int(death_signal))
