"""The watchdog in a real process, heard over a real notify socket. The test plays systemd."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.disks import shim
from tests.preload import NO_COMPILER, compiler

pytestmark = pytest.mark.processes
CHILD = Path(__file__).with_name("watchdog_child.py")


def run_child(fault: str, limit_s: float, tmp_path: Path, **variables: str) -> tuple[list[str], str]:
    """What the child told systemd, in order, and what it logged."""
    address, log = tmp_path / "notify", tmp_path / "log"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "NOTIFY_SOCKET": str(address),
        "WATCHDOG_USEC": "400000",
        **variables,
    }
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, log.open("w") as output:
        systemd.bind(str(address))
        systemd.settimeout(0.05)
        argv = [sys.executable, CHILD, fault, str(limit_s), str(tmp_path)]
        with subprocess.Popen(argv, env=environment, stdout=output, stderr=output) as child:
            has_ended = False
            while True:
                try:
                    heard.append(systemd.recv(4096).decode())
                except TimeoutError:
                    if has_ended:
                        break
                    has_ended = child.poll() is not None
        assert child.returncode == 0
    return heard, log.read_text()


def test_a_stuck_loop_starves_systemd_and_is_named(tmp_path: Path) -> None:
    heard, logged = run_child("sleep_in_a_coroutine", 0.4, tmp_path)
    stuck = next(index for index, said in enumerate(heard) if said.startswith("STATUS=loop is stuck"))
    assert re.search(r"watchdog_child.py:\d+ sleep_in_a_coroutine", heard[stuck])
    assert "WATCHDOG=1" in heard[:stuck]
    assert heard[stuck + 1].startswith("STATUS=loop is back"), "nothing was fed while it was stuck"
    assert "WATCHDOG=1" in heard[stuck + 1 :]
    assert "in sleep_in_a_coroutine" in logged, "all stacks are dumped"
    assert "part_stalled" in logged


@pytest.mark.slow
def test_a_slow_but_healthy_loop_is_left_alone(tmp_path: Path) -> None:
    heard, _ = run_child("be_slow_but_healthy", 1.2, tmp_path)
    assert not any("stuck" in said for said in heard)
    assert heard.count("WATCHDOG=1") >= 3, "fed all along"
    assert "STOPPING=1" in heard


@pytest.mark.slow
def test_c_code_that_holds_the_gil_is_found_all_the_same(tmp_path: Path) -> None:
    _, logged = run_child("hold_the_gil", 0.4, tmp_path)
    assert "in hold_the_gil" in logged
    assert "Timeout (" in logged, "faulthandler dumped, as no Python thread could run"


@pytest.mark.slow
def test_a_journal_stuck_on_its_disk_starves_systemd_and_is_named(tmp_path: Path) -> None:
    if compiler() is None:
        pytest.skip(NO_COMPILER)
    disk = shim.environment(root=tmp_path / "journal", trouble=tmp_path / "trouble")
    heard, logged = run_child("write_to_a_disk_that_hangs", 0.4, tmp_path, **disk)
    stuck = next(index for index, said in enumerate(heard) if said.startswith("STATUS=journal is stuck"))
    assert re.search(r"core/execution/journal/\w+\.py:\d+ ", heard[stuck]), "where its thread stands"
    assert "WATCHDOG=1" in heard[:stuck]
    assert heard[stuck + 1].startswith("STATUS=journal is back"), "nothing was fed while it was stuck"
    assert "journal-writer" in logged or "in _commit" in logged, "all stacks are dumped"
    assert "part=loop" not in logged, "the loop went on all along"


@pytest.mark.slow
def test_a_mute_feed_is_named_and_no_reason_to_restart(tmp_path: Path) -> None:
    heard, logged = run_child("have_a_mute_feed", 0.4, tmp_path)
    stuck = next(index for index, said in enumerate(heard) if said.startswith("STATUS=feed quotes BTC/USDT is stuck"))
    assert "the venue (mute)" in heard[stuck]
    back = next(index for index, said in enumerate(heard) if said.startswith("STATUS=feed quotes BTC/USDT is back"))
    assert "WATCHDOG=1" in heard[stuck:back], "fed all along"
    assert "Thread 0x" not in logged, "nobody's stack is to blame"
