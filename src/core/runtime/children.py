"""A supervised child process: spawned in a session of its own, dying with its parent, stopped within a deadline."""

import asyncio
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from core.domain.errors import MetronomeError
from core.runtime import lifeline

PACKAGES = str(Path(__file__).resolve().parents[2])
"""The folder that a child finds `core` in: its PYTHONPATH."""
NOT_FOR_CHILDREN = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
LONGEST_LINE = 65_536
"""Bytes; a longer line is handed on in pieces."""


@dataclass(frozen=True, slots=True)
class ChildProcessStatistics:
    name: str
    pid: int | None
    """`None`: not running."""
    starts: int
    last_exit_code: int | None
    """Negative: the signal that ended it; `None`: has not ended yet."""


class ChildExited(MetronomeError):
    """The child ended by itself; `code` negative: the signal that ended it."""

    def __init__(self, name: str, code: int) -> None:
        super().__init__(f"{name} ended by itself with exit code {code}")
        self.code = code


class ChildProcess:
    """Give `run` to the supervisor, with a restart policy where the child may crash.

    The child must call `core.runtime.lifeline.follow_parent()` first thing; then it goes when this process goes, even
    by SIGKILL. It lives in a session of its own, so that Ctrl-C on the terminal reaches it only through its parent.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        on_line: Callable[[str], None] | None = None,
        stop_timeout_s: float = 10.0,
        keep_open: Sequence[int] = (),
    ) -> None:
        """`environment` `None`: this process's own. `on_line` gets each line that the child prints (stdout and
        stderr); `None`: the child writes to this process's own. `keep_open`: file descriptors that it inherits."""
        self._name = name
        self._argv = tuple(argv)
        self._environment = environment
        self._directory = directory
        self._on_line = on_line
        self._stop_timeout_s = stop_timeout_s
        self._keep_open = tuple(keep_open)
        self._process: asyncio.subprocess.Process | None = None
        self._starts = 0
        self._last_exit_code: int | None = None
        self._lines: deque[str] = deque(maxlen=200)
        self._waiting: dict[asyncio.Future[str], str] = {}
        self._log = structlog.get_logger(__name__).bind(child=name)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def run(self) -> None:
        """Start it and wait. Raises `ChildExited` when it ends by itself, `OSError` where it can't be started;
        cancelling stops it: SIGTERM, then SIGKILL after `stop_timeout_s`."""
        read_end, write_end = os.pipe()
        try:
            process = self._process = await self._spawn(read_end)
        except BaseException:  # whatever it was, cancelling included: no child holds this end
            os.close(write_end)
            raise
        finally:
            os.close(read_end)
        self._starts += 1
        self._log.info("child_started", pid=process.pid)
        reader = asyncio.create_task(self._read_lines(process), name=f"{self._name} output")
        try:
            await process.wait()
        finally:
            try:
                await self._stop(process)
                await asyncio.wait({reader}, timeout=1.0)
            finally:
                reader.cancel()
                os.close(write_end)
                self._ended(process.returncode or 0)
        raise ChildExited(self._name, process.returncode or 0)

    async def wait_for_line(self, contains: str, timeout_s: float) -> str:
        """The first line with `contains` that the child has printed or prints; needs `on_line`.

        Raises `TimeoutError`, and `ChildExited` where the child ends first. Cancelling is safe.
        """
        for line in self._lines:
            if contains in line:
                return line
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[waiting] = contains
        try:
            async with asyncio.timeout(timeout_s):
                return await waiting
        except TimeoutError:
            raise TimeoutError(f"{self._name} did not print {contains!r} within {timeout_s:g} s") from None
        finally:
            self._waiting.pop(waiting, None)

    def statistics(self) -> ChildProcessStatistics:
        return ChildProcessStatistics(self._name, self.pid, self._starts, self._last_exit_code)

    async def _spawn(self, lifeline_fd: int) -> asyncio.subprocess.Process:
        given = os.environ if self._environment is None else self._environment
        environment = {key: value for key, value in given.items() if key not in NOT_FOR_CHILDREN}
        output = None if self._on_line is None else asyncio.subprocess.PIPE
        self._lines.clear()
        return await asyncio.create_subprocess_exec(
            *self._argv,
            env={**environment, lifeline.VARIABLE: str(lifeline_fd)},
            cwd=self._directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=None if output is None else asyncio.subprocess.STDOUT,
            pass_fds=(lifeline_fd, *self._keep_open),
            start_new_session=True,
        )

    async def _read_lines(self, process: asyncio.subprocess.Process) -> None:
        """Until the child closes its output, so that a full pipe never blocks it."""
        if process.stdout is None:
            return
        rest = b""
        while chunk := await process.stdout.read(LONGEST_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._take(line.decode(errors="replace").rstrip("\r"))
        if rest:
            self._take(rest.decode(errors="replace"))

    def _take(self, line: str) -> None:
        self._lines.append(line)
        for waiting, contains in self._waiting.items():
            if contains in line and not waiting.done():
                waiting.set_result(line)
        if self._on_line is None:
            return
        try:
            self._on_line(line)
        except Exception:  # the boundary of the caller's hook: an unread pipe would block the child
            self._log.exception("line_hook_failed")

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(self._stop_timeout_s):
                await process.wait()
        except TimeoutError:
            self._log.warning("child_killed", pid=process.pid, after_s=self._stop_timeout_s)
            await self._kill(process)
        except asyncio.CancelledError:
            await self._kill(process)
            raise

    async def _kill(self, process: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    def _ended(self, exit_code: int) -> None:
        self._process = None
        self._last_exit_code = exit_code
        self._log.info("child_ended", exit_code=exit_code)
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(ChildExited(self._name, exit_code))
