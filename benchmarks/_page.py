"""A daemon on the embedded venue and its web page in a headless Chromium, for the benchmarks of this folder."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks._daemon import ROOT, folder
from playwright.sync_api import Browser, Page
from tests import browser

from core.api.tokens import Scope, TokenFile

_START_TIMEOUT_S, _STOP_TIMEOUT_S = 120.0, 60.0


@dataclass
class Trading:
    url: str
    token: str
    lines: list[dict[str, Any]] = field(default_factory=list)
    """The daemon's log so far."""


@contextmanager
def trading() -> Iterator[Trading]:
    """A daemon whose market is 60 times as fast as real time: each of five symbols is decided on every second."""
    with folder() as data_dir:
        given = {
            "STORAGE__DATA_DIR": str(data_dir),
            "API__PORT": "0",
            "SIMULATION__PORT": "0",
            "SIMULATION__SPEED": "60",
            "LOGGING__FORMAT": "json",
        }
        environment = {**os.environ, **{f"METRONOME__{name}": value for name, value in given.items()}}
        command = [sys.executable, str(ROOT / "live_bot.py"), "run", "-c", str(ROOT / "config/sim.toml"), "--plain"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment, cwd=ROOT
        ) as process:
            lines: list[dict[str, Any]] = []
            reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
            reader.start()
            try:
                _wait_for_trades(process, lines)
                yield Trading(_url(data_dir), TokenFile(data_dir).add("bench", Scope.READ), lines)
            finally:
                process.terminate()
                reader.join(_STOP_TIMEOUT_S)


@contextmanager
def chromium() -> Iterator[Browser]:
    if browser.program() is None:
        sys.exit("Chromium is absent; on Debian: apt install chromium")
    with browser.chromium() as running:
        yield running


def sign_in(page: Page, bot: Trading) -> None:
    """Returns when decisions are shown."""
    page.goto(bot.url)
    page.fill("#token", bot.token)
    page.keyboard.press("Enter")
    page.locator("#decisions strong").first.wait_for(timeout=60_000)


def _read(process: "subprocess.Popen[str]", lines: list[dict[str, Any]]) -> None:
    for line in process.stdout or ():
        with suppress(json.JSONDecodeError):
            lines.append(json.loads(line))


def _wait_for_trades(process: "subprocess.Popen[str]", lines: list[dict[str, Any]]) -> None:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while not any(each.get("event") == "cycle" for each in lines):
        if process.poll() is not None or time.monotonic() > deadline_s:
            sys.exit("the daemon did not come to trade")
        time.sleep(0.1)


def _url(data_dir: Path) -> str:
    return f"http://127.0.0.1:{(data_dir / 'api.port').read_text().strip()}/"
