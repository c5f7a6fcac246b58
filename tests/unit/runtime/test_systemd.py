"""The notify protocol over real unix datagram sockets."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.runtime.systemd import ServiceNotifier


@pytest.fixture(params=["path", "abstract"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@metronome-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("\0" + name[1:] if name.startswith("@") else name)
        server.settimeout(5)
        yield server, name


def test_speaks_the_protocol(listening: tuple[socket.socket, str]) -> None:
    server, name = listening
    notifier = ServiceNotifier({"NOTIFY_SOCKET": name}, monotonic_ns=lambda: 1_234_567_890)
    assert notifier.is_active
    notifier.ready("trading\n2 symbols")
    notifier.status("waiting for the venue")
    notifier.reloading()
    notifier.feed()
    notifier.extend_timeout(2.5)
    notifier.stopping()
    assert [server.recv(4096) for _ in range(6)] == [
        b"READY=1\nSTATUS=trading 2 symbols",
        b"STATUS=waiting for the venue",
        b"RELOADING=1\nMONOTONIC_USEC=1234567",
        b"WATCHDOG=1",
        b"EXTEND_TIMEOUT_USEC=2500000",
        b"STOPPING=1",
    ]
    notifier.close()
    notifier.close()
    notifier.feed()
    assert notifier.unsent == 0


def test_without_a_socket_nothing_happens() -> None:
    notifier = ServiceNotifier({})
    notifier.ready()
    notifier.feed()
    assert (notifier.is_active, notifier.watchdog_interval_s, notifier.unsent) == (False, None, 0)


def test_a_socket_that_is_gone_is_counted_not_raised(tmp_path: Path) -> None:
    notifier = ServiceNotifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    notifier.feed()
    assert notifier.unsent == 1
    notifier.close()


def test_a_full_socket_never_blocks(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        notifier = ServiceNotifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        while notifier.unsent == 0:
            notifier.feed()
        notifier.close()


@pytest.mark.parametrize("by", ["flush", "feed"])
def test_what_systemd_must_hear_outlasts_a_full_socket(tmp_path: Path, by: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.settimeout(5)
        notifier = ServiceNotifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        sent = 0
        while notifier.unsent == 0:
            notifier.status(f"candles of {sent} series")
            sent += 1
        notifier.ready("trading")
        notifier.status("lost, as the ones before were")
        notifier.stopping()
        for _ in range(sent - 1):
            server.recv(4096)
        getattr(notifier, by)()
        assert server.recv(4096) == b"READY=1\nSTATUS=trading"
        assert server.recv(4096) == b"STOPPING=1"
        notifier.close()


@pytest.mark.parametrize(
    ("environment", "interval_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "43"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog_interval_is_half_of_what_systemd_waits(environment: dict[str, str], interval_s: float | None) -> None:
    assert ServiceNotifier(environment, process_id=42).watchdog_interval_s == interval_s
