"""A real daemon as a child process, watched through its log lines."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIVE_BOT = Path(__file__).resolve().parents[3] / "live_bot.py"

Line = dict[str, Any]


class DaemonProcess:
    """`live_bot.py run` with its own data folder, on free ports, its market 60 times as fast as real time."""

    def __init__(self, data_dir: Path, *arguments: str, prefix: tuple[str, ...] = (), **variables: str) -> None:
        self.data_dir = data_dir
        self.environment = environment(data_dir, **variables)
        self._process = subprocess.Popen(
            [*prefix, sys.executable, str(LIVE_BOT), "run", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            cwd=data_dir,
        )
        self._lines: list[Line] = []
        self._errors: list[str] = []
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def lines(self) -> list[Line]:
        """Parsed log lines so far."""
        with self._changed:
            return list(self._lines)

    @property
    def errors(self) -> str:
        return "".join(self._errors)

    def wait_for(self, wanted: Callable[[Line], bool], timeout_s: float = 120) -> Line:
        """The first log line that is wanted; fails with the whole log when the daemon ends or the time runs out."""

        def found() -> Line | None:
            return next((line for line in self._lines if wanted(line)), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or not self._readers[0].is_alive(), timeout_s)
            line = found()
        assert line is not None, f"exit code {self._process.poll()}\n{self._lines}\n{self.errors}"
        return line

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self, timeout_s: float = 120) -> int:
        """Waits for its end; the exit code."""
        code = self._process.wait(timeout_s)
        for reader in self._readers:
            reader.join(timeout_s)
        return code

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.end()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command with the same settings."""
        return subprocess.run(
            [sys.executable, str(LIVE_BOT), *arguments],
            check=False,
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.data_dir,
        )

    def start_command(self, *arguments: str) -> subprocess.Popen[bytes]:
        """As `command`, and does not wait for its end; what it says is lost."""
        return subprocess.Popen(
            [sys.executable, str(LIVE_BOT), *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.environment,
            cwd=self.data_dir,
        )

    def _read_lines(self) -> None:
        for text in self._process.stdout or ():
            with self._changed:
                self._lines.append(json.loads(text))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _read_errors(self) -> None:
        self._errors.extend(self._process.stderr or ())


def environment(data_dir: Path, **variables: str) -> dict[str, str]:
    """Of this process without its own settings, with free ports and a fast market."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("METRONOME__")}
    given = {
        "STORAGE__DATA_DIR": str(data_dir),
        "STORAGE__RUNTIME_DIR": str(data_dir / "runtime"),
        "API__PORT": "0",
        "SIMULATION__PORT": "0",
        "SIMULATION__SPEED": "60",
        "SIMULATION__SEED": "7",
        **variables,
    }
    return {**kept, **{f"METRONOME__{name}": value for name, value in given.items()}}


@contextmanager
def daemon(data_dir: Path, *arguments: str, prefix: tuple[str, ...] = (), **variables: str) -> Iterator[DaemonProcess]:
    """Runs in `data_dir`; killed at the end where it has not ended by then."""
    process = DaemonProcess(data_dir, *arguments, prefix=prefix, **variables)
    try:
        yield process
    finally:
        process.kill()
