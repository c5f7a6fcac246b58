"""The systemd notify protocol (sd_notify(3)) over the unix datagram socket that `NOTIFY_SOCKET` names."""

import os
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping


class ServiceNotifier:
    """Says to systemd how the daemon is. Without `NOTIFY_SOCKET` every call does nothing.

    Sends never block and never raise: a datagram that can't be sent is counted. What systemd must hear (READY,
    STOPPING) is kept while its socket is full (systemd busy, as few as 10 datagrams waiting) and sent before the next
    one, or by `flush`. May be called from any thread.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        process_id: int | None = None,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`environment`: normally `os.environ`; a `NOTIFY_SOCKET` that begins with `@` is an abstract socket.

        `process_id` `None`: this process; a watchdog meant for another one (`WATCHDOG_PID`) is not ours.
        """
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._monotonic_ns = monotonic_ns
        self._watchdog_interval_s = _watchdog_interval_s(environment, process_id or os.getpid())
        self._socket: socket.socket | None = None
        self._unsent = 0
        self._kept: deque[tuple[str, ...]] = deque()
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    @property
    def is_active(self) -> bool:
        return self._socket is not None

    @property
    def unsent(self) -> int:
        """Datagrams that could not be sent."""
        return self._unsent

    @property
    def watchdog_interval_s(self) -> float | None:
        """How often to call `feed`: half of `WATCHDOG_USEC`; `None` where systemd wants none of this process."""
        return self._watchdog_interval_s

    def ready(self, status: str = "") -> None:
        self._send("READY=1", *_status(status), must_arrive=True)

    def status(self, text: str) -> None:
        self._send(*_status(text))

    def reloading(self) -> None:
        """RELOADING=1 with MONOTONIC_USEC; follow it with `ready` when done."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={self._monotonic_ns() // 1_000}")

    def stopping(self, status: str = "") -> None:
        self._send("STOPPING=1", *_status(status), must_arrive=True)

    def feed(self) -> None:
        """WATCHDOG=1."""
        self._send("WATCHDOG=1")

    def extend_timeout(self, seconds: float) -> None:
        """Ask for more time to start, reload or stop: EXTEND_TIMEOUT_USEC, counted from now."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def flush(self) -> None:
        """Try again to send what was kept. Call it now and then."""
        while self._socket is not None and self._kept:
            try:
                assignments = self._kept.popleft()
            except IndexError:  # another thread has it
                return
            try:
                self._socket.sendto("\n".join(assignments).encode(), self._address)
            except OSError:
                self._kept.appendleft(assignments)
                return

    def close(self) -> None:
        """Idempotent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, *assignments: str, must_arrive: bool = False) -> None:
        if self._socket is None or not assignments:
            return
        self.flush()
        try:
            if self._kept:
                raise BlockingIOError("others are before it")
            self._socket.sendto("\n".join(assignments).encode(), self._address)
        except OSError as error:
            self._unsent += 1
            if must_arrive and isinstance(error, BlockingIOError):
                self._kept.append(assignments)


def _status(text: str) -> tuple[str, ...]:
    return (f"STATUS={' '.join(text.split())}",) if text else ()


def _watchdog_interval_s(environment: Mapping[str, str], process_id: int) -> float | None:
    wanted_of = environment.get("WATCHDOG_PID", "")
    interval_us = environment.get("WATCHDOG_USEC", "")
    if not interval_us.isdigit() or int(interval_us) == 0 or (wanted_of and wanted_of != str(process_id)):
        return None
    return int(interval_us) / 2 / 1_000_000
