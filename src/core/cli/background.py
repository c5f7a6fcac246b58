"""A command that outlives its terminal: started in a session of its own, its words go to a log that can be followed.

In the folder given, `NAME.log` has what it says, `NAME.exit` its exit code once it has ended, and `NAME.lock` is locked
(flock, which the kernel takes from a process that dies) for as long as it lives.
"""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.domain.errors import SettingsError
from core.runtime.children import PACKAGES
from core.runtime.durable_files import write_durably

_LOOK_EVERY_S = 0.1


class Background:
    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self.log, self._exit, self._lock = (folder / f"{name}.{kind}" for kind in ("log", "exit", "lock"))

    def start(self, arguments: Sequence[str]) -> int:
        """Begin `live_bot.py` with these arguments; the process's id. Raises `SettingsError` where one runs already, or
        where the folder can't be written."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._locked() as lock:
                if lock is None:
                    raise SettingsError(f"one runs in the background already; see {self.log}, or use --follow")
                self._exit.unlink(missing_ok=True)
                with self.log.open("wb") as log:
                    return self._spawn(arguments, log.fileno(), lock)
        except OSError as error:
            raise SettingsError(f"{self._folder}: cannot start in the background: {error.strerror or error}") from error

    def follow(self, say: Callable[[str], None]) -> int:
        """Say what it says until it has ended; its exit code, 1 where it was killed. Ctrl-C ends the following, nothing
        else. Raises `SettingsError` where none was ever started."""
        try:
            with self.log.open(encoding="utf-8", errors="replace") as log:
                while self._is_running():
                    say(log.read())
                    time.sleep(_LOOK_EVERY_S)
                say(log.read())
        except FileNotFoundError:
            raise SettingsError(f"{self.log}: nothing was started with --detach here") from None
        except OSError as error:
            raise SettingsError(f"{self.log}: cannot be read: {error.strerror or error}") from error
        try:
            return int(self._exit.read_text())
        except (OSError, ValueError):
            say("it was killed, or could not write how it ended\n")
            return 1

    def ended(self, code: int) -> None:
        """Called by the process itself, as its last deed."""
        write_durably(self._exit, f"{code}\n".encode())

    def _is_running(self) -> bool:
        with self._locked() as lock:
            return lock is None

    @contextmanager
    def _locked(self) -> Iterator[int | None]:
        """The lock's descriptor, which a child may be given; `None`: somebody has it."""
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield descriptor
        finally:
            os.close(descriptor)

    def _spawn(self, arguments: Sequence[str], log: int, lock: int) -> int:
        paths = [PACKAGES, os.environ.get("PYTHONPATH", "")]
        process = subprocess.Popen(  # noqa: S603 (this program itself, with the arguments that it was given)
            [sys.executable, "-m", "core.cli.background", str(self._folder), self._name, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(lock,),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path), "PYTHONUNBUFFERED": "1"},
        )
        return process.pid


def main(folder: str, name: str, *arguments: str) -> int:
    """What the new process does."""
    from core.cli.main import main as run

    code = 1
    try:
        code = run(arguments)
    finally:
        Background(Path(folder), name).ended(code)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
