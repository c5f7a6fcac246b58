"""`shim.c`, compiled once a machine and version, and what a process needs in order to load it."""

import ctypes
import os
from pathlib import Path

from tests.preload import built

_SOURCE = Path(__file__).with_name("shim.c")


def environment(*, root: Path | None = None, log: Path | None = None, trouble: Path | None = None) -> dict[str, str]:
    """Variables of a process that is to load the shim. `root`: the folder to watch, from its start; `None`: not before
    `record` is called. `log`: where to write down; `None`: nowhere. `trouble`: the file that spoils syncs."""
    given = {
        "METRONOME_DISK_ROOT": root and root.resolve(),
        "METRONOME_DISK_LOG": log,
        "METRONOME_SYNC_TROUBLE": trouble,
    }
    named = {name: str(value) for name, value in given.items() if value is not None}
    return {"LD_PRELOAD": str(built(_SOURCE)), **named}


def record(root: Path, log: Path) -> None:
    """Begin to write down what this process, which has loaded the shim, does below `root`."""
    ctypes.CDLL(None).record_disk(os.fsencode(log), os.fsencode(root.resolve()))
