"""A daemon that trades when a test says so, and the truth of its venue to hold it to."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil

from integration.cli.daemon_process import DaemonProcess, Line

T = TypeVar("T")

SYMBOLS = ("BTC/USDT", "ETH/USDT")
ACCOUNT = "paper"
CANDLE_MS = 60_000

OBEDIENT = '''
"""Wants what the file beside it says; the stop is far enough away never to be reached."""

import os
import time
from pathlib import Path

from core.domain.signals import Direction, Signal
from core.strategies.base import Strategy

MOOD = Path(__file__).parent / "mood"


class Obedient(Strategy):
    name = "obedient"
    warmup = 30

    def prepare(self, window):
        mood = MOOD.read_text().split()[-1]
        price = float(window.close[-1])
        if mood == "hang":
            time.sleep(3600)
        if mood == "die":
            os._exit(7)
        if mood == "raise":
            raise RuntimeError("I was told to")
        features = {"price": float("nan") if mood == "nan" else price}
        minute = int(window.open_ms[-1]) // 60_000
        turn = minute % 6 if mood == "turn" else -1
        long = mood == "long" or (mood == "pulse" and minute % 4 < 2) or turn in (0, 1)
        short = mood == "short" or turn in (2, 3)
        signal = Signal(
            Direction.LONG if long else Direction.SHORT if short else Direction.FLAT,
            stop_distance=price * 0.2,
            reason=mood,
            hold=mood == "hold",
        )
        return features, lambda: signal

    def signal(self, frame):
        raise NotImplementedError
'''


class Bot(DaemonProcess):
    """Its strategy does what `mood` says: long, short, flat, pulse (in and out by turns), turn (long, short, flat by
    turns), hold, nan, raise, hang, die."""

    def __init__(self, data_dir: Path, *arguments: str, prefix: tuple[str, ...] = (), **variables: str) -> None:
        folder = data_dir / "strategies"
        if not folder.exists():
            folder.mkdir(parents=True)
            (folder / "obedient.py").write_text(OBEDIENT)
        self._mood = folder / "mood"
        if not self._mood.exists():
            self.mood = "flat"
        given = {
            "TRADING__SYMBOLS": json.dumps(SYMBOLS),
            "TRADING__STRATEGIES": '[{"use": "obedient"}]',
            "TRADING__STRATEGIES_DIR": str(folder),
            "SIZING__METHOD": "fixed_fraction",
            **variables,
        }
        self._seen = 0
        super().__init__(data_dir, *arguments, prefix=prefix, **given)

    @property
    def mood(self) -> str:
        return self._mood.read_text()

    @mood.setter
    def mood(self, mood: str) -> None:
        """Whole or not at all: a worker may be reading it."""
        partial = self._mood.with_suffix(".partial")
        partial.write_text(mood)
        partial.replace(self._mood)

    def next(self, event: str, timeout_s: float = 120, **fields: object) -> Line:
        """The first line of that kind, with these values, after the one that the last call of `next` gave back."""
        start = self._seen

        def wanted(line: Line) -> bool:
            return line.get("event") == event and all(line.get(key) == value for key, value in fields.items())

        line = self.wait_for(lambda line: wanted(line) and self._position(line) >= start, timeout_s)
        self._seen = self._position(line) + 1
        return line

    def from_now_on(self) -> None:
        """Let `next` look at nothing that has been logged before."""
        self._seen = len(self.lines)

    def all(self, event: str, **fields: object) -> list[Line]:
        """All lines of that kind so far."""
        return [
            line
            for line in self.lines
            if line["event"] == event and all(line.get(key) == value for key, value in fields.items())
        ]

    def until(self, look: Callable[[], T], timeout_s: float = 120) -> T:
        """`eventually`, with the end of the log where it does not happen."""
        try:
            return eventually(look, timeout_s)
        except AssertionError as failed:
            tail = "\n".join(map(str, self.lines[-40:]))
            raise AssertionError(f"{failed}\n{tail}\n{self.errors}") from failed.__cause__

    def complaints(self) -> list[Line]:
        """Warnings and errors, save for those about a machine that is busy with other things."""
        return [line for line in self.lines if line["level"] in ("warning", "error") and line["event"] != "loop_late"]

    def traded(self, side: str) -> bool:
        """Whether every symbol has been bought or sold."""
        return {line["symbol"] for line in self.all("fill", side=side)} == set(SYMBOLS)

    def api(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """What the API answers, to a command where there is a `body`; raises `OSError` while there is none."""
        port = (self.data_dir / "api.port").read_text().strip()
        token = (self.data_dir / "api.token").read_text().strip()
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and body of the answer, whatever it is."""
        port = (self.data_dir / "api.port").read_text().strip()
        token = (self.data_dir / "api.token").read_text().strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"Authorization": f"Bearer {token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.api("/api/v1/status")
        return answer

    @property
    def venue(self) -> "Truth":
        """The embedded venue that it has found or started last."""
        return Truth([*self.all("embedded_venue"), *self.all("paper_venue")][-1]["url"])

    def _position(self, line: Line) -> int:
        return next(index for index, each in enumerate(self._lines) if each is line)


class Truth:
    """A venue as its operator sees it."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def admin_url(self) -> str:
        with urllib.request.urlopen(f"{self.url}/api/v3/time", timeout=10) as answer:
            return str(answer.headers["X-Venue-Admin-Url"])

    @property
    def pid(self) -> int:
        return int(self._admin("/health")["pid"])

    def ledger(self, account: str = ACCOUNT) -> dict[str, Any]:
        return self._admin(f"/ledger?account={account}")

    def stops(self) -> list[dict[str, Any]]:
        """Protective orders that stand there now."""
        return [each for each in self.ledger()["orders"] if each["type"] == "STOP_LOSS" and each["status"] == "NEW"]

    def _admin(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(self.admin_url + path, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@contextmanager
def bot(data_dir: Path, *arguments: str, prefix: tuple[str, ...] = (), **variables: str) -> Iterator[Bot]:
    """Killed at the end where it has not ended by then."""
    running = Bot(data_dir, *arguments, prefix=prefix, **variables)
    try:
        yield running
    finally:
        running.kill()


def eventually(look: Callable[[], T], timeout_s: float = 120) -> T:
    """What `look` gives as soon as that is true; a failed assertion or a server that is not there counts as not yet."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        last: BaseException | None = None
        try:
            if found := look():
                return found
        except (AssertionError, OSError, urllib.error.URLError, json.JSONDecodeError) as error:
            last = error
        if time.monotonic() > deadline_s:
            raise AssertionError(f"not within {timeout_s:g} s: {look.__name__}") from last
        time.sleep(0.02)


def descendants(pid: int) -> list[int]:
    """Of the process tree below it."""
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]
