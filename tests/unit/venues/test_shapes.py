"""Shapes that many threads use for the first time at once, in a process of its own: it would crash."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from core.venues.shapes import read_as

PROGRAM = """
import sys, threading
from typing import Annotated
import msgspec
from core.venues.shapes import read_as

sys.setswitchinterval(1e-6)
price = Annotated[float, msgspec.Meta(gt=0)]
rows = [["1"] * 9] * 20
for number in range(100):
    row = msgspec.defstruct(f"Row{number}", [(f"f{each}", price) for each in range(9)], array_like=True)
    meeting = threading.Barrier(8)
    def first_use():
        meeting.wait()
        assert read_as(list[row], rows)[0].f0 == 1.0
    threads = [threading.Thread(target=first_use) for _ in range(8)]
    for each in threads: each.start()
    for each in threads: each.join()
"""


def test_threads_may_meet_at_the_first_use_of_a_shape() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3] / "src")}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        read_as(list[int], ["one"])
