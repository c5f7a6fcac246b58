"""Total deadlines for blocking calls, enforced by shutting the socket under them.

A read timeout starts anew with every byte, so a body that drips never ends by it, and a thread cannot be cancelled.
Shutting the socket down from another thread ends whatever the caller waits for: it reads an end of file.
"""

import contextlib
import heapq
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator

_MIN_CONNECT_S = 0.05


class Wire:
    """What is known of the sockets of one session, which one thread uses at a time.

    Holds a duplicate of each open descriptor, so that shutting it can never hit a descriptor number that was closed
    and given to somebody else meanwhile; `shutdown` works on the connection behind all its duplicates.
    """

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._sockets: dict[int, socket.socket] = {}
        self._retired: list[int] = []
        self._ids = itertools.count()
        self._deadline_s = float("inf")
        self.sent = False
        """Whether any byte of this call's request may have left."""
        self.expired = False
        """Whether this call's deadline has passed and its sockets were shut."""

    def begin(self, deadline_s: float) -> None:
        """A new call; `deadline_s` in the same monotonic seconds as the constructor's clock."""
        with self._lock:
            self._deadline_s = deadline_s
            self.sent = self.expired = False

    def end(self) -> None:
        with self._lock:
            self._deadline_s = float("inf")
            retired = [self._sockets.pop(key, None) for key in self._retired]
            self._retired.clear()
        for duplicate in retired:
            if duplicate is not None:
                duplicate.close()

    @property
    def remaining_s(self) -> float:
        """Never below a small positive number, which socket timeouts demand."""
        return max(self._deadline_s - self._monotonic_s(), _MIN_CONNECT_S)

    def opened(self, sock: socket.socket) -> int:
        """Takes note of a connected socket; returns the key for `closed`."""
        duplicate = sock.dup()
        with self._lock:
            key = next(self._ids)
            self._sockets[key] = duplicate
            expired = self.expired
        if expired:
            _shut(duplicate)
        return key

    def closed(self, key: int) -> None:
        """The socket's owner closed it. A body may still be read from it (`Connection: close`), so within a call it
        stays within reach until the call ends."""
        with self._lock:
            if self._deadline_s != float("inf"):
                self._retired.append(key)
                return
            duplicate = self._sockets.pop(key, None)
        if duplicate is not None:
            duplicate.close()

    def expire(self, deadline_s: float) -> None:
        """Shuts all sockets if the call with that deadline still runs."""
        with self._lock:
            if self._deadline_s != deadline_s:
                return
            self.expired = True
            self._shut_all()

    def close(self) -> None:
        """Ends whatever is under way, and lets go of all sockets."""
        with self._lock:
            self._shut_all()
            duplicates = list(self._sockets.values())
            self._sockets.clear()
        for duplicate in duplicates:
            duplicate.close()

    def _shut_all(self) -> None:
        for duplicate in self._sockets.values():
            _shut(duplicate)


class DeadlineWatch:
    """One daemon thread that expires the wires of overdue calls; it starts with the first call."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._wake = threading.Condition()
        self._due: list[tuple[float, int, Wire]] = []
        self._ids = itertools.count()
        self._thread: threading.Thread | None = None
        self._stopped = False

    @contextlib.contextmanager
    def call(self, wire: Wire, timeout_s: float) -> Iterator[None]:
        """Runs the body under a total deadline: past it, its sockets are shut and `wire.expired` is set."""
        deadline_s = self._monotonic_s() + timeout_s
        wire.begin(deadline_s)
        self._watch(deadline_s, wire)
        try:
            yield
        finally:
            wire.end()

    def close(self) -> None:
        """Ends the thread; calls under way lose their deadline."""
        with self._wake:
            self._stopped = True
            self._wake.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _watch(self, deadline_s: float, wire: Wire) -> None:
        with self._wake:
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._run, name="call deadlines", daemon=True)
                self._thread.start()
            heapq.heappush(self._due, (deadline_s, next(self._ids), wire))
            if self._due[0][0] == deadline_s:
                self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._stopped and (not self._due or self._due[0][0] > self._monotonic_s()):
                    self._wake.wait(self._due[0][0] - self._monotonic_s() if self._due else None)
                if self._stopped:
                    return
                deadline_s, _, wire = heapq.heappop(self._due)
            wire.expire(deadline_s)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the peer was faster
        sock.shutdown(socket.SHUT_RDWR)
