"""Real leaks in a real process: each is said once, then comes a planned restart."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes
CHILD = Path(__file__).with_name("leaking_child.py")


@pytest.mark.slow
def test_leaks_are_said_and_then_end_the_daemon() -> None:
    done = subprocess.run(
        [sys.executable, CHILD],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 6, done.stdout + done.stderr
    for what in ("memory_mb", "descriptors", "tasks", "threads"):
        said = [line for line in done.stdout.splitlines() if "] leak " in line and f"resource={what}" in line]
        assert len(said) == 1, done.stdout
    assert re.search(
        r"planned restart: descriptors is 2\d\d, above leaks.max_descriptors = 200, growing by", done.stdout
    )
