import contextlib
import io
import os
import pty
import threading
from dataclasses import replace

import pytest
from rich.console import Console

from core.cli.live_table import LiveTable
from unit.cli.pictures import picture


class Screen(io.StringIO):
    """Lets a test wait until some text has been drawn."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def write(self, text: str) -> int:
        with self._changed:
            written = super().write(text)
            self._changed.notify_all()
        return written

    def wait_for(self, text: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: text in self.getvalue(), timeout=20), self.getvalue()


def console_on(screen: io.StringIO) -> Console:
    return Console(file=screen, width=100, height=40, force_terminal=True, color_system=None)


def test_draws_the_newest_picture_and_leaves_the_last_one_standing():
    screen = Screen()
    with LiveTable(console_on(screen), hz=100) as show:
        screen.wait_for("starting …")
        show(picture(cycles=1))
        screen.wait_for("cycles 1 ")
        show(picture(cycles=2))
        screen.wait_for("cycles 2 ")
        show(picture(cycles=77, state="stopped"))
    after_screen = screen.getvalue().rpartition("\x1b[?1049l")[2]
    assert "cycles 77 " in after_screen
    assert "stopped" in after_screen


def test_leaves_the_terminal_as_it_was_when_the_daemon_fails():
    screen = Screen()
    with pytest.raises(RuntimeError), LiveTable(console_on(screen), hz=100):
        screen.wait_for("\x1b[?1049h")
        raise RuntimeError
    assert "\x1b[?1049l" in screen.getvalue()
    assert "\x1b[?25h" in screen.getvalue()


def test_a_terminal_that_takes_no_output_holds_up_neither_callback_nor_end():
    master, slave = pty.openpty()
    try:
        _fill(slave)
        with os.fdopen(slave, "w") as blocked:
            console = Console(file=blocked, width=200, height=60, force_terminal=True)
            show = LiveTable(console, hz=1_000, leave_within_s=0.2)
            with show:
                for number in range(2_000):
                    show(picture(cycles=number))
            assert show.is_stuck
            os.set_blocking(master, False)
            drain = threading.Thread(target=_drain, args=(master, show))
            drain.start()
            drain.join(timeout=20)
            assert not drain.is_alive()
    finally:
        os.close(master)


def _fill(slave: int) -> None:
    os.set_blocking(slave, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(slave, b"." * 1_024)
    os.set_blocking(slave, True)


def _drain(master: int, show: LiveTable) -> None:
    """Reads what the stuck thread has to say until it ends."""
    while show.is_stuck:
        try:
            os.read(master, 65_536)
        except BlockingIOError:
            continue


def test_a_picture_that_cannot_be_drawn_stops_the_table_alone():
    screen = Screen()
    with LiveTable(console_on(screen), hz=100) as show:
        screen.wait_for("starting …")
        show(replace(picture(), symbols=None))
        screen.wait_for("\x1b[?1049l")
        show(replace(picture(), symbols=None))
