"""The simulated vendors (Alpaca's data API) in a process of their own, for the benchmarks of this folder."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@contextlib.contextmanager
def simulated_vendor(settings: str) -> Iterator[str]:
    """Its URL; `settings` is TOML. It ends with the context."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "vendor.toml"
        config.write_text(settings)
        command = [sys.executable, str(ROOT / "live_bot.py"), "simulate", "-c", str(config), "--port", "0"]
        command += ["--admin-port", "0", "--data-dir", folder]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        ) as process:
            try:
                assert process.stdout is not None
                yield json.loads(process.stdout.readline())["url"]
            finally:
                process.terminate()
