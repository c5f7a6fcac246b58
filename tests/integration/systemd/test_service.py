"""The daemon as the unit runs it: notify socket, watchdog, state folder, no memory that is writable and executable."""

import ctypes
import re
import signal
import socket
import sys
from pathlib import Path

import pytest

from core.app import Daemon, RunOptions
from core.settings.load import load_settings
from integration.cli.daemon_process import daemon

pytestmark = pytest.mark.processes

PR_SET_MDWE, PR_GET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 66, 1
DENY_WRITE_EXECUTE = f"""
import ctypes, os, sys
assert ctypes.CDLL(None).prctl({PR_SET_MDWE}, {PR_MDWE_REFUSE_EXEC_GAIN}, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.slow
def test_it_lives_under_the_unit_s_conditions(tmp_path: Path):
    """`PR_SET_MDWE` is what MemoryDenyWriteExecute= rests on; processes started later inherit it."""
    if ctypes.CDLL(None).prctl(PR_GET_MDWE, 0, 0, 0, 0) < 0:
        pytest.skip("this kernel cannot deny memory that is writable and executable")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        address = str(tmp_path / "notify")
        systemd.bind(address)
        systemd.settimeout(60)
        under_systemd = {
            "NOTIFY_SOCKET": address,
            "WATCHDOG_USEC": "1000000",
            "STATE_DIRECTORY": str(tmp_path / "state"),
            "INVOCATION_ID": "0",
        }
        prefix = ("env", *(f"{key}={value}" for key, value in under_systemd.items()))
        with daemon(tmp_path, prefix=(*prefix, sys.executable, "-c", DENY_WRITE_EXECUTE)) as bot:
            before_ready = told_until(systemd, "READY=1")
            assert any(each.startswith("STATUS=") for each in before_ready)
            told_until(systemd, "WATCHDOG=1")
            told_until(systemd, "WATCHDOG=1")
            bot.signal(signal.SIGTERM)
            told_until(systemd, "STOPPING=1")
            assert bot.end() == 0, bot.errors
    assert bot.errors == ""


def told_until(systemd: socket.socket, wanted: str) -> list[str]:
    """What the daemon said until `wanted`, which is the last."""
    told: list[str] = []
    while wanted not in told:
        told += systemd.recv(65_536).decode().splitlines()
    return told


def test_the_time_to_stop_is_above_the_sum_of_the_stages(checkout: Path):
    unit = (checkout / "systemd" / "metronome.service").read_text()
    allowed_s = int(re.findall(r"^TimeoutStopSec=(\d+)$", unit, flags=re.MULTILINE)[0])
    stages = Daemon(load_settings().settings, RunOptions())._stages()
    assert sum(stage.timeout_s for stage in stages) < allowed_s
