"""A supervised child process: spawned in a session of its own, dying with its parent, stopped within a deadline."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ChildProcessStatistics:
    name: str
    pid: int | None
    """`None`: not running."""
    starts: int
    last_exit_code: int | None
    """Negative: the signal that ended it; `None`: has not ended yet."""


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
    ) -> None:
        """`environment` `None`: this process's own. `on_line` gets each line that the child prints (stdout and
        stderr); `None`: the child writes to this process's own."""

    async def run(self) -> None:
        """Start it and wait. Raises `ChildExited` when it ends by itself; cancelling stops it: SIGTERM, then SIGKILL
        after `stop_timeout_s`."""
        raise NotImplementedError

    async def wait_for_line(self, contains: str, timeout_s: float) -> str:
        """The first line with `contains` that the child has printed or prints; needs `on_line`. Raises
        `TimeoutError`, and `ChildExited` where the child ends first. Cancelling is safe."""
        raise NotImplementedError

    @property
    def pid(self) -> int | None:
        raise NotImplementedError

    def statistics(self) -> ChildProcessStatistics:
        raise NotImplementedError


class ChildExited(Exception):
    """The child ended by itself; `exit_code` negative: the signal that ended it."""

    def __init__(self, name: str, exit_code: int) -> None:
        super().__init__(f"{name} ended by itself with exit code {exit_code}")
        self.exit_code = exit_code
