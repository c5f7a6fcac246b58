"""Small C libraries of the tests, that LD_PRELOAD puts between a process and the system."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

_FLAGS = ("-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
NO_COMPILER = "a C compiler is absent"


def compiler() -> str | None:
    """`None`: nothing here can compile C (Debian: gcc, libc6-dev)."""
    return shutil.which("cc") or shutil.which("gcc")


def built(source: Path) -> Path:
    """The source as a shared object, compiled once for each version of it. Raises `RuntimeError` where it can't be
    compiled."""
    digest = hashlib.sha256(source.read_bytes() + " ".join(_FLAGS).encode()).hexdigest()[:12]
    name = f"metronome-{source.parent.name}-{source.stem}-{os.geteuid()}-{digest}.so"
    shim = Path(tempfile.gettempdir()) / name
    if not shim.exists():
        with tempfile.TemporaryDirectory(prefix="metronome-shim-") as folder:
            made = Path(folder) / "shim.so"
            command = [str(compiler() or "cc"), *_FLAGS, "-o", str(made), str(source), "-ldl"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{source.name} can't be compiled: {done.stderr}")
            shutil.move(made, shim.with_suffix(f".{os.getpid()}"))
            shim.with_suffix(f".{os.getpid()}").replace(shim)
    return shim
