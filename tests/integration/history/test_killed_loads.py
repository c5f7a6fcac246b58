import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
@pytest.mark.processes
def test_loads_that_are_killed_leave_whole_files_and_are_resumed_to_the_same_end(tmp_path: Path) -> None:
    """In a process without threads, which forks the loads."""
    script = "import sys, pathlib, tests.killed_loads as k; k.killed_loads(pathlib.Path(sys.argv[1]), 8)"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
