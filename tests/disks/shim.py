"""`shim.c`, compiled once a machine and version, and what a process needs in order to load it."""

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

_SOURCE = Path(__file__).with_name("shim.c")
_FLAGS = ("-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
NO_COMPILER = "a C compiler is absent"


def compiler() -> str | None:
    """`None`: nothing here can compile C (Debian: gcc, libc6-dev)."""
    return shutil.which("cc") or shutil.which("gcc")


def built() -> Path:
    """The shim as a shared object. Raises `RuntimeError` where it can't be compiled."""
    digest = hashlib.sha256(_SOURCE.read_bytes() + " ".join(_FLAGS).encode()).hexdigest()[:12]
    shim = Path(tempfile.gettempdir()) / f"metronome-disk-shim-{os.geteuid()}-{digest}.so"
    if not shim.exists():
        with tempfile.TemporaryDirectory(prefix="metronome-shim-") as folder:
            made = Path(folder) / "shim.so"
            command = [str(compiler() or "cc"), *_FLAGS, "-o", str(made), str(_SOURCE), "-ldl"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{_SOURCE.name} can't be compiled: {done.stderr}")
            shutil.move(made, shim.with_suffix(f".{os.getpid()}"))
            shim.with_suffix(f".{os.getpid()}").replace(shim)
    return shim


def environment(*, root: Path | None = None, log: Path | None = None, trouble: Path | None = None) -> dict[str, str]:
    """Variables of a process that is to load the shim. `root`: the folder to watch, from its start; `None`: not before
    `record` is called. `log`: where to write down; `None`: nowhere. `trouble`: the file that spoils syncs."""
    given = {
        "METRONOME_DISK_ROOT": root and root.resolve(),
        "METRONOME_DISK_LOG": log,
        "METRONOME_SYNC_TROUBLE": trouble,
    }
    return {"LD_PRELOAD": str(built()), **{name: str(value) for name, value in given.items() if value is not None}}


def record(root: Path, log: Path) -> None:
    """Begin to write down what this process, which has loaded the shim, does below `root`."""
    ctypes.CDLL(None).record_disk(os.fsencode(log), os.fsencode(root.resolve()))
