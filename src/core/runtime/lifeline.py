"""The child's side of dying with its parent."""

import signal


def follow_parent(*, death_signal: signal.Signals = signal.SIGTERM, grace_s: float = 5.0) -> None:
    """Call once at the start of a child that `ChildProcess` spawned: when the parent is gone, however it went, this
    process gets `death_signal`, and is gone `grace_s` later whatever it does. Does nothing in a process started
    otherwise."""
    raise NotImplementedError
