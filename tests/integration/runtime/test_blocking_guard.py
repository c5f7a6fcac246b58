"""The trap for blocking calls, in a process of its own: an audit hook can't be taken back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes
CHILD = Path(__file__).with_name("blocking_child.py")
CALLS = (
    "time.sleep",
    "open",
    "open, by pathlib",
    "os.listdir",
    "os.fsync",
    "socket.connect",
    "socket.send",
    "socket.recv",
    "socket.getaddrinfo",
    "subprocess.Popen",
    "sqlite3.connect",
)


def test_what_blocks_the_loop_raises_with_its_place_and_nothing_else_does(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, CHILD, tmp_path / "file"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for call in CALLS:
        said = next(line for line in done.stdout.splitlines() if line.startswith(f"{call}: "))
        assert f"{call.partition(',')[0]}(" in said
        assert "blocking_child.py:" in said
        assert "would block the loop" in said
    assert f"{len(CALLS)} caught, 0 of the harmless ones" in done.stdout
    assert done.stdout.endswith("disarmed\n")
    assert done.stdout.count("blocking_call ") == len(CALLS), "each is logged once"
