"""The systemd notify protocol (sd_notify(3)) over the unix datagram socket that `NOTIFY_SOCKET` names."""

from collections.abc import Callable, Mapping


class ServiceNotifier:
    """Says to systemd how the daemon is. Without `NOTIFY_SOCKET` every call does nothing. Sends never block and never
    raise: a datagram that can't be sent is counted. May be called from any thread."""

    def __init__(self, environment: Mapping[str, str], *, monotonic_ns: Callable[[], int] | None = None) -> None:
        """`environment`: normally `os.environ`; a `NOTIFY_SOCKET` that begins with `@` is an abstract socket."""

    @property
    def is_active(self) -> bool:
        raise NotImplementedError

    @property
    def watchdog_interval_s(self) -> float | None:
        """How often to call `feed`: half of `WATCHDOG_USEC`; `None` where systemd wants none of this process."""
        raise NotImplementedError

    def ready(self, status: str = "") -> None:
        raise NotImplementedError

    def status(self, text: str) -> None:
        raise NotImplementedError

    def reloading(self) -> None:
        """RELOADING=1 with MONOTONIC_USEC; follow it with `ready` when done."""
        raise NotImplementedError

    def stopping(self, status: str = "") -> None:
        raise NotImplementedError

    def feed(self) -> None:
        """WATCHDOG=1."""
        raise NotImplementedError

    def extend_timeout(self, seconds: float) -> None:
        """Ask for more time to start, reload or stop: EXTEND_TIMEOUT_USEC."""
        raise NotImplementedError
