"""The daemon as the unit runs it: notify socket, watchdog, state folder, no memory that is writable and executable."""

import ctypes
import re
import signal
import sys
from contextlib import closing
from pathlib import Path

import pytest

from core.app import Daemon, RunOptions
from core.settings.load import load_settings
from integration.cli.daemon_process import daemon
from integration.systemd.notify_socket import NotifySocket

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
    with closing(NotifySocket(tmp_path)) as systemd:
        under_systemd = {
            "NOTIFY_SOCKET": str(systemd.path),
            "WATCHDOG_USEC": "1000000",
            "STATE_DIRECTORY": str(tmp_path / "state"),
            "INVOCATION_ID": "0",
        }
        prefix = ("env", *(f"{key}={value}" for key, value in under_systemd.items()))
        with daemon(tmp_path, prefix=(*prefix, sys.executable, "-c", DENY_WRITE_EXECUTE)) as bot:
            before_ready = systemd.told_until("READY=1")
            assert any(each.startswith("STATUS=") for each in before_ready)
            systemd.told_until("WATCHDOG=1")
            systemd.told_until("WATCHDOG=1")
            bot.signal(signal.SIGHUP)
            systemd.told_until("RELOADING=1")
            systemd.told_until("READY=1")
            bot.signal(signal.SIGTERM)
            systemd.told_until("STOPPING=1")
            assert bot.end() == 0, bot.errors
    assert bot.errors == ""


def test_the_time_to_stop_is_above_the_sum_of_the_stages(checkout: Path):
    unit = (checkout / "systemd" / "metronome.service").read_text()
    allowed_s = int(re.findall(r"^TimeoutStopSec=(\d+)$", unit, flags=re.MULTILINE)[0])
    stages = Daemon(load_settings().settings, RunOptions())._stages()
    assert sum(stage.timeout_s for stage in stages) < allowed_s
