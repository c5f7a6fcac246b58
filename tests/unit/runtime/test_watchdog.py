"""The judgement on a clock of the test's own; the real thread and loop are in tests/integration/runtime."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.runtime.clocks import VirtualClock
from core.runtime.systemd import ServiceNotifier
from core.runtime.watchdog import Stall, Watchdog


class Systemd:
    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        said = []
        while True:
            try:
                said.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return said


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    listener = Systemd(tmp_path / "notify")
    yield listener
    listener.socket.close()


@pytest.fixture
def notifier(systemd: Systemd) -> Iterator[ServiceNotifier]:
    address = systemd.socket.getsockname()
    sender = ServiceNotifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "20000000"})
    yield sender
    sender.close()


class Watched:
    def __init__(self, clock: VirtualClock, notifier: ServiceNotifier, dump: Path) -> None:
        self.clock = clock
        self.stalls: list[Stall] = []
        self.recoveries: list[Stall] = []
        self.dump = dump
        self.file = dump.open("w")
        self.watchdog = Watchdog(
            clock,
            notifier,
            loop_limit_s=5.0,
            on_stall=self.stalls.append,
            on_recovery=self.recoveries.append,
            dump_fd=self.file.fileno(),
        )

    def run_for(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.jump(1.0)
            self.watchdog.check()


@pytest.fixture
def watched(notifier: ServiceNotifier, tmp_path: Path) -> Iterator[Watched]:
    made = Watched(VirtualClock(start_ns=10**12), notifier, tmp_path / "stacks")
    yield made
    made.file.close()


def test_a_part_that_beats_is_left_alone_and_systemd_is_fed(watched: Watched, systemd: Systemd) -> None:
    journal = watched.watchdog.proof("journal", limit_s=10.0)
    for _ in range(10):
        journal.beat()
        watched.run_for(9)
    assert watched.stalls == []
    assert systemd.heard() == ["WATCHDOG=1"] * 10, "each 10 s, half of what systemd waits, less one look"


def test_an_overdue_part_is_named_once_and_systemd_starves(watched: Watched, systemd: Systemd) -> None:
    journal = watched.watchdog.proof("journal", limit_s=10.0)
    journal.beat()
    watched.run_for(10)
    systemd.heard()
    watched.run_for(50)
    assert [(stall.part, stall.silent_s, stall.limit_s) for stall in watched.stalls] == [("journal", 11.0, 10.0)]
    assert watched.stalls[0].culprit
    assert "run_for" in watched.dump.read_text()
    assert watched.watchdog.statistics().stalled == ("journal",)
    assert [text.split(":")[0] for text in systemd.heard()] == ["STATUS=journal is stuck"]


def test_a_part_that_is_back_is_said_once_and_systemd_is_fed_again(watched: Watched, systemd: Systemd) -> None:
    journal = watched.watchdog.proof("journal", limit_s=10.0)
    journal.beat()
    watched.run_for(30)
    systemd.heard()
    journal.beat()
    watched.run_for(1)
    assert [(stall.part, stall.silent_s) for stall in watched.recoveries] == [("journal", 30.0)]
    assert systemd.heard() == ["STATUS=journal is back after 30.0 s", "WATCHDOG=1"]
    assert watched.watchdog.statistics().stalls == 1


def test_a_part_at_rest_owes_nothing(watched: Watched) -> None:
    executor = watched.watchdog.proof("executor", limit_s=2.0)
    watched.run_for(10)
    executor.beat()
    executor.rest()
    watched.run_for(10)
    assert watched.stalls == []
    assert watched.watchdog.statistics().parts == {"executor": None}


def test_a_part_that_no_restart_cures_is_named_and_systemd_is_fed(watched: Watched, systemd: Systemd) -> None:
    feed = watched.watchdog.proof("feed quotes X", limit_s=10.0, restart_cures=False, waits_for="the venue (mute)")
    feed.beat()
    watched.run_for(30)
    assert [(stall.part, stall.culprit) for stall in watched.stalls] == [("feed quotes X", "the venue (mute)")]
    assert watched.dump.read_text() == ""
    statistics = watched.watchdog.statistics()
    assert (statistics.stalled, statistics.waiting) == ((), ("feed quotes X",))
    assert systemd.heard().count("WATCHDOG=1") == 4
    watched.watchdog.drop("feed quotes X")
    watched.run_for(1)
    assert [stall.part for stall in watched.recoveries] == ["feed quotes X"]


def test_of_several_works_each_that_ends_is_progress(watched: Watched) -> None:
    executor = watched.watchdog.proof("executor", limit_s=10.0)
    executor.beat()
    for left in (2, 1, 0):
        watched.run_for(9)
        executor.progressed(left)
    watched.run_for(30)
    assert watched.stalls == []


def test_a_pause_of_the_whole_process_is_nobodys_fault(watched: Watched) -> None:
    journal = watched.watchdog.proof("journal", limit_s=10.0)
    journal.beat()
    watched.run_for(3)
    watched.clock.jump(600.0)
    watched.watchdog.check()
    assert (watched.stalls, watched.watchdog.statistics().pauses) == ([], 1)
    watched.run_for(7)
    assert watched.stalls == []
    watched.run_for(1)
    assert len(watched.stalls) == 1


def test_pauses_excuse_only_once_between_two_beats(watched: Watched) -> None:
    journal = watched.watchdog.proof("journal", limit_s=10.0)
    journal.beat()
    watched.run_for(1)
    for _ in range(2):
        watched.clock.jump(60.0)
        watched.watchdog.check()
    assert len(watched.stalls) == 1


def test_a_hook_that_raises_does_not_blind_it(notifier: ServiceNotifier, tmp_path: Path) -> None:
    def broken(_: Stall) -> None:
        raise RuntimeError("hook")

    clock = VirtualClock(start_ns=10**12)
    with (tmp_path / "stacks").open("w") as file:
        watchdog = Watchdog(clock, notifier, loop_limit_s=1.0, on_stall=broken, dump_fd=file.fileno())
        watchdog.proof("one", limit_s=1.0).beat()
        clock.jump(1.2)
        watchdog.check()
        clock.jump(0.2)
        watchdog.check()
    assert watchdog.statistics().stalled == ("one",)


def test_names_are_unique_and_a_dropped_one_is_free(watched: Watched) -> None:
    watched.watchdog.proof("one", limit_s=1.0).beat()
    with pytest.raises(ValueError, match="a part 'one' already"):
        watched.watchdog.proof("one", limit_s=1.0)
    watched.watchdog.drop("one")
    watched.run_for(5)
    assert watched.stalls == []
    watched.watchdog.proof("one", limit_s=1.0)
