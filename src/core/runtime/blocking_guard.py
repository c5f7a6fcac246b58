"""A trap for debugging: what would block the loop's thread is not done there, but raises, with file and line.

What the interpreter announces to audit hooks (PEP 578, https://docs.python.org/3/library/audit_events.html) is caught
there: opening files, folders, connecting, names looked up, processes, SQLite. Sending, receiving, syncing and, before
Python 3.13, sleeping have no event, and are wrapped instead for as long as the trap is set. Not seen: reading a file
that is open already, a lock, a computation, C code of its own; those are the lag monitor's.
"""

import os
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import structlog

from core.runtime.stacks import to_blame

_ALWAYS = frozenset(
    {
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.system",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.getnameinfo",
        "sqlite3.connect",
        "subprocess.Popen",
    }
)
_ON_PATHS = frozenset(
    {"open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}
)
"""Their first argument is a path, or a descriptor that is open already and costs no look at the disk."""
_ON_SOCKETS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
"""Their first argument is the socket; one that does not block may be used."""

_NO_DISK = {
    "/proc/": "the kernel answers from memory: psutil, the leak sentinel, memory in status",
    "/sys/": "likewise",
    "/dev/": "null, urandom and shared memory (/dev/shm) are no disks",
}
_FORGIVEN_CALLERS = {
    "linecache": "reads source to show a traceback: something has gone wrong already",
    "tokenize": "the same, by its coding cookie",
}
"""Modules on whose behalf files may be opened, and why."""

_WRAPPED: tuple[tuple[Any, str], ...] = (
    *((socket.socket, name) for name in ("accept", "recv", "recv_into", "recvfrom", "send", "sendall")),
    *((ssl.SSLSocket, name) for name in ("read", "recv", "recv_into", "send", "sendall", "do_handshake")),
    *((os, name) for name in ("fsync", "fdatasync")),
    (time, "sleep"),
)


class BlockingCallError(RuntimeError):
    """A call that would have held up the loop; its message says which, and where."""


class BlockingGuard:
    """`arm` on the loop's thread, after start-up; `disarm` before whatever may block again. An audit hook can't be
    taken back, so one that is disarmed stays, and costs little. At most one of a process is armed."""

    def __init__(self) -> None:
        self._thread_id = 0
        self._is_hooked = False
        self._is_judging = False
        self._unwrapped: list[tuple[Any, str, Any]] = []
        self._caught: Counter[str] = Counter()
        self._log = structlog.get_logger(__name__)

    @property
    def caught(self) -> dict[str, int]:
        """`call at file:line function`, and how often; the boundaries of cycles and jobs swallow what is raised, so
        each is logged once, too."""
        return dict(self._caught)

    def arm(self) -> None:
        """From now on the calling thread must not block."""
        if not self._is_hooked:
            sys.addaudithook(self._audit)
            self._is_hooked = True
        if not self._unwrapped:
            self._wrap()
        self._thread_id = threading.get_ident()

    def disarm(self) -> None:
        """Idempotent."""
        self._thread_id = 0
        for owner, name, original in self._unwrapped:
            if original is None:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
        self._unwrapped.clear()

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Called by the interpreter for every event of every thread."""
        if threading.get_ident() != self._thread_id or self._is_judging:
            return
        if event in _ON_PATHS:
            if _is_on_disk(arguments[0]):
                self._judge(f"{event}({_shown(arguments[0])})", sys._getframe(1))
        elif event in _ON_SOCKETS:
            if arguments[0].gettimeout() != 0:
                self._judge(f"{event}({_shown(arguments[-1])})", sys._getframe(1))
        elif event in _ALWAYS:
            self._judge(f"{event}({_shown(arguments[0]) if arguments else ''})", sys._getframe(1))

    def _judge(self, call: str, caller: FrameType) -> None:
        if _is_forgiven(caller):
            return
        self._is_judging = True  # what is done here for its own sake (logging) is not judged
        try:
            where = f"{call} at {to_blame(caller)}"
            self._caught[where] += 1
            if self._caught[where] == 1:
                self._log.error("blocking_call", call=call, where=to_blame(caller))
        finally:
            self._is_judging = False
        raise BlockingCallError(f"{where} would block the loop; do it in a lane or a worker")

    def _wrap(self) -> None:
        for owner, name in _WRAPPED:
            self._unwrapped.append((owner, name, vars(owner).get(name)))  # `None`: inherited
            setattr(owner, name, self._wrapper(getattr(owner, name), f"{owner.__name__}.{name}"))

    def _wrapper(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        def wrapper(first: Any, *arguments: Any, **named: Any) -> Any:
            if threading.get_ident() == self._thread_id and not self._is_judging and _waits(first):
                self._judge(f"{name}({_shown(first)})", sys._getframe(1))
            return original(first, *arguments, **named)

        return wrapper


def _waits(first: object) -> bool:
    """By the first argument of what is wrapped: a socket that may block, a descriptor to sync, a time to sleep."""
    return first.gettimeout() != 0 if isinstance(first, socket.socket) else first != 0


def _is_on_disk(path: object) -> bool:
    """A descriptor and no path at all are not; nor are the kernel's own folders."""
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    return isinstance(path, str) and not path.startswith(tuple(_NO_DISK))


def _is_forgiven(caller: FrameType | None) -> bool:
    while caller is not None:
        if caller.f_globals.get("__name__") in _FORGIVEN_CALLERS:
            return True
        caller = caller.f_back
    return False


def _shown(argument: object) -> str:
    text = repr(argument)
    return text if len(text) <= 200 else text[:197] + "..."
