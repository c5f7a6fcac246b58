"""Stacks of other processes: of one that dumps them, and of one that a signal would end."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.cli.stack_dump import stacks_of

DUMPS = "import faulthandler, signal; faulthandler.register(signal.SIGUSR2)"
WAITS = "def trading():\n    print('ready', flush=True)\n    input()\ntrading()"


@contextmanager
def running(program: str, errors: int | Path) -> Iterator[int]:
    opened = errors.open("wb") if isinstance(errors, Path) else None
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=opened or subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
        if opened is not None:
            opened.close()


def test_its_own_dump_where_that_goes_to_a_file(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running(f"{DUMPS}\nimport sys\nprint('planted before', file=sys.stderr, flush=True)\n{WAITS}", log) as pid:
        told = stacks_of(pid)
    assert "in trading" in told
    assert "planted before" not in told
    assert f"{pid} S python" in told


def test_where_it_goes_elsewhere_that_is_said(tmp_path: Path) -> None:
    with running(f"{DUMPS}\n{WAITS}", subprocess.PIPE) as pid:
        assert "its error output, which is no file" in stacks_of(pid)


def test_one_that_a_signal_would_end_is_left_alone(tmp_path: Path) -> None:
    with running(WAITS, tmp_path / "log") as pid:
        assert "it does not dump its stacks" in stacks_of(pid)


def test_one_that_has_gone_is_an_error() -> None:
    with running(WAITS, subprocess.PIPE) as pid:
        pass
    with pytest.raises(OSError):
        stacks_of(pid)
