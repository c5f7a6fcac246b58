"""Faults in the loop of the real daemon are named and gone with a restart; calls that block; levels above bounds."""

import re
import signal
import sys
from contextlib import closing
from pathlib import Path

import pytest

from integration.daemon import faulty_daemon
from integration.daemon.bot import bot
from integration.systemd.notify_socket import NotifySocket

pytestmark = [pytest.mark.processes, pytest.mark.slow]
FAULTY = (sys.executable, str(Path(faulty_daemon.__file__)))


def test_a_deadlock_in_the_loop_is_named_and_starves_systemd(tmp_path: Path) -> None:
    with closing(NotifySocket(tmp_path)) as systemd:
        given = ("env", f"NOTIFY_SOCKET={systemd.path}", "WATCHDOG_USEC=2000000", *FAULTY)
        with bot(tmp_path, prefix=given) as daemon:
            daemon.next("trading", timeout_s=90)
            systemd.told_until("WATCHDOG=1")
            daemon.signal(faulty_daemon.DEADLOCK)
            (*_, stuck) = systemd.told_until("STATUS=loop is stuck")
            assert re.search(r"faulty_daemon.py:\d+ lock_itself_out", stuck)
            daemon.next("part_stalled", part="loop")
            daemon.until(lambda: "in lock_itself_out" in daemon.errors)
    with bot(tmp_path) as daemon:
        daemon.next("trading", timeout_s=90)


def test_the_trap_finds_nothing_in_a_day_s_work_and_what_is_planted(tmp_path: Path) -> None:
    with bot(tmp_path, prefix=FAULTY, WATCHDOG__FORBID_BLOCKING="true") as daemon:
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"), 90)
        daemon.mood = "flat"
        daemon.until(lambda: daemon.traded("sell"), 90)
        assert daemon.status()["state"] == "trading"
        assert daemon.command("halt", "--reason", "test").returncode == 0
        assert not daemon.all("blocking_call")
        daemon.signal(faulty_daemon.SLEEP)
        caught = daemon.next("blocking_call")
        assert caught["call"] == "time.sleep(0.1)"
        assert re.search(r"faulty_daemon.py:\d+ sleep_in_the_loop", caught["where"])
        assert "BlockingCallError" in daemon.next("loop_exception")["exception"]
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0
        assert len(daemon.all("blocking_call")) == 1


def test_a_level_above_its_bound_is_a_planned_restart(tmp_path: Path) -> None:
    with bot(tmp_path, LEAKS__ACTION="restart", LEAKS__SETTLE_S="5", LEAKS__MAX_THREADS="1") as daemon:
        assert daemon.end(timeout_s=90) == 6
        assert "threads is" in daemon.next("failed")["error"]
        assert daemon.all("stop_stage", stage="journal")
