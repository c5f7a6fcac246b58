"""`status --watch` against a real server that goes away and comes back on another port with another token."""

import asyncio
import threading
from pathlib import Path

import pytest

from core.cli.client import DaemonClient
from core.cli.live_table import LiveTable
from core.cli.main import main
from core.cli.watch import watch
from core.settings.api import ApiSettings
from core.settings.storage import StorageSettings
from core.settings.tree import Settings
from unit.api.daemon import FixedView, serving
from unit.cli.pictures import picture
from unit.cli.test_live_table import Screen, console_on


class Watching:
    """The command in a thread; `stop` is its Ctrl-C."""

    def __init__(self, data_dir: Path) -> None:
        self.screen = Screen()
        settings = Settings(storage=StorageSettings(data_dir=data_dir), api=ApiSettings(port=0))
        self._client = DaemonClient(settings)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    async def shows(self, text: str) -> None:
        await asyncio.to_thread(self.screen.wait_for, text)

    async def stop(self) -> None:
        self._is_over.set()
        await asyncio.to_thread(self._thread.join, 60)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        watch(self._client, LiveTable(console_on(self.screen), hz=100), sleep=self._pause)

    def _pause(self, _: float) -> None:
        if self._is_over.wait(0.01):
            raise KeyboardInterrupt


async def test_a_daemon_that_comes_goes_and_comes_back_is_shown_as_it_is(tmp_path: Path) -> None:
    watching = Watching(tmp_path)
    try:
        await watching.shows("waiting for a daemon: no daemon runs")
        view = FixedView()
        async with serving(view, tmp_path):
            await watching.shows("● trading")
            view.picture = picture(cycles=4_711)
            await watching.shows("cycles 4,711")
        await watching.shows("● unreachable")
        await watching.shows("s ago: no daemon")
        view.picture = picture(cycles=1)
        async with serving(view, tmp_path):
            await watching.shows("cycles 1 ")
    finally:
        await watching.stop()
    assert "cycles 1 " in watching.screen.getvalue().rpartition("\x1b[?1049l")[2]


@pytest.mark.parametrize(("arguments", "words"), [(("--json",), "neither --json nor --svg"), ((), "needs a terminal")])
def test_what_cannot_be_watched_is_refused(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--watch", *arguments]) == 2
    assert words in capsys.readouterr().err
