"""The guard in `tests/conftest.py`, run by a pytest of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from unit.repository.tracked import CHECKOUT

TESTS = """
import pytest

def test_skipped_at_run_time():
    pytest.skip("no such thing here")

@pytest.mark.xfail(reason="it fails, and says so")
def test_expected_to_fail():
    assert False

def test_passing():
    pass
"""


@pytest.mark.parametrize(
    ("workers", "allowed", "code"), [("1", "# none\n", 1), ("0", "# one\nno such thing here\n", 0)]
)
def test_only_listed_reasons_pass(tmp_path: Path, workers: str, allowed: str, code: int):
    (tmp_path / "conftest.py").write_text((CHECKOUT / "tests" / "conftest.py").read_text())
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\ntestpaths = ['.']\n")
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "allowed.txt").write_text(allowed)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-n", workers, "--allowed-skips=allowed.txt"],
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert ("test_skipped_at_run_time: no such thing here" in done.stdout) is (code == 1)
    assert "1 passed, 1 skipped, 1 xfailed" in done.stdout
