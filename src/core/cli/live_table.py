"""Draws the live table in a thread of its own, so that no terminal can hold up the loop."""

import contextlib
import threading
from types import TracebackType

import structlog
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from core.cli import wording
from core.cli.table import render
from core.domain.status import DaemonStatus

_log = structlog.get_logger(__name__)


class LiveTable:
    """A context that gives the loop a callback for its newest picture; the callback stores it and returns at once.

    The thread draws at `hz`. A terminal that takes no output (Ctrl-S) holds up only that thread; leaving the context
    waits for it at most `leave_within_s`, and otherwise prints the last picture where the table was called from.
    """

    def __init__(self, console: Console | None = None, hz: float = 2.5, leave_within_s: float = 1.0) -> None:
        self._console = console or Console()
        self._period_s = 1 / hz
        self._leave_within_s = leave_within_s
        self._latest: DaemonStatus | str | None = None
        self._failed = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="live-table", daemon=True)

    @property
    def is_stuck(self) -> bool:
        """Still drawing although the context was left."""
        return self._stop.is_set() and self._thread.is_alive()

    def __enter__(self) -> "LiveTable":
        self._thread.start()
        return self

    def __call__(self, status: DaemonStatus | str) -> None:
        """The newest picture, or words where there is none yet."""
        self._latest = status

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=self._leave_within_s)
        last = self._latest
        if isinstance(last, DaemonStatus) and not self._thread.is_alive() and not self._failed:
            with contextlib.suppress(OSError):  # the terminal may be gone
                self._console.print(render(last, self._console.width))

    def _draw(self) -> None:
        try:
            self._draw_until_stopped()
        except Exception as error:  # the boundary: a terminal that goes away must not take the daemon along
            self._failed = True
            _log.warning("table_stopped", error=repr(error))

    def _draw_until_stopped(self) -> None:
        with Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        ) as live:
            live.update(Text("starting …", style="dim"), refresh=True)
            drawn = None
            while not self._stop.wait(self._period_s):
                if (latest := self._latest) is not None and latest is not drawn:
                    live.update(self._drawn(latest), refresh=True)
                    drawn = latest

    def _drawn(self, latest: DaemonStatus | str) -> RenderableType:
        if isinstance(latest, str):
            return Text(wording.one_line(latest), style="dim")
        return render(latest, self._console.width, self._console.height)
