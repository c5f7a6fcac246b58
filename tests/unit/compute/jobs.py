"""What the tests have done in worker processes: a module of its own, because a worker imports it by name."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from core.domain.errors import JobRaised, VenueUnavailable

_kept: list[bytes] = []


class OfUserCode:
    """A class that only its own module knows."""


class Sneaky(Exception):
    def __str__(self) -> str:
        raise RuntimeError("even its message raises")


def describe_yourself() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "session": os.getsid(0),
        "niceness": os.nice(0),
        "environment": dict(os.environ),
        "modules": sorted(sys.modules),
    }


def sleep_and_tell(seconds: float, path: str) -> None:
    """Leaves a trace that it began."""
    with Path(path).open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(seconds)


def eat(megabytes: int) -> int:
    return len(bytearray(megabytes << 20))


def keep(megabytes: int) -> None:
    _kept.append(b"x" * (megabytes << 20))


def spin() -> None:
    while True:
        pass


def have_a_child_and_sleep(path: str) -> None:
    child = subprocess.Popen(["sleep", "3600"])
    Path(path).write_text(f"{child.pid}\n")
    time.sleep(3600)


def print_and_die() -> None:
    sys.stdout.write("last words\n")
    sys.stdout.flush()
    os._exit(7)


def flood() -> None:
    while True:
        sys.stdout.write("x" * 1_000 + "\n")


def raise_error(kind: str) -> None:
    raise {
        "value": ValueError("bad candle"),
        "exit": SystemExit(3),
        "ours": VenueUnavailable("maintenance", retry_after_s=2.5),
        "ours_unpicklable": JobRaised("A", "b", "c"),
        "sneaky": Sneaky(),
    }[kind]


def give(what: str) -> Any:
    if what == "lambda":
        return lambda: None
    if what == "user_class":
        module = type(sys)("user_strategies")
        module.__dict__["Thing"] = type("Thing", (), {"__module__": "user_strategies"})
        sys.modules["user_strategies"] = module
        return module.__dict__["Thing"]()
    if what == "array":
        import numpy as np

        return np.arange(5.0)
    return b"x" * int(what)


def read_shared(descriptor_path: str) -> bytes:
    return Path(descriptor_path).read_bytes()
