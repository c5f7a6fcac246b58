"""From a true freeze to a trading daemon: a deadlock that a signal plants in the loop, and workers that SIGSTOP stops.

Plays systemd with the unit's own numbers: a daemon that does not feed WATCHDOG=1 for WatchdogSec is killed, and started
again after RestartSec. Bounds: the culprit in the log under 10 s, trading again under 30 s; medians of five freezes.
"""

import re
import signal
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
from benchmarks._daemon import ROOT, claim, folder, idle_lag_ms

sys.path[:0] = [str(ROOT / "tests")]
from integration.daemon import faulty_daemon  # noqa: E402 - found by the line above
from integration.daemon.bot import Bot, bot  # noqa: E402 - likewise

UNIT = (ROOT / "systemd" / "metronome.service").read_text()
MOST_NAMED_S, MOST_TRADING_S = 10.0, 30.0
FREEZES, FLOOR_S, NOISY_FLOOR_MS = 5, 10.0, 2.0
Freeze = tuple[float, float, str]
"""Seconds until the culprit was named, until it traded again, and who was named."""


def of_unit(key: str) -> float:
    found = re.search(rf"^{key}=(\d+)$", UNIT, re.MULTILINE)
    assert found, key
    return float(found[1])


class Systemd(threading.Thread):
    """Hears the daemon, and kills it when it is not fed."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(0.1)
        self.environment = ("env", f"NOTIFY_SOCKET={path}", f"WATCHDOG_USEC={int(of_unit('WatchdogSec') * 1e6)}")
        self.daemon_process: Bot | None = None
        self.start()

    def run(self) -> None:
        fed_s = time.monotonic()
        while self.socket.fileno() >= 0:
            try:
                if "STATUS" not in self.socket.recv(65_536).decode():
                    fed_s = time.monotonic()
            except TimeoutError:
                pass
            except OSError:
                return
            if self.daemon_process is not None and time.monotonic() - fed_s > of_unit("WatchdogSec"):
                self.daemon_process.signal(signal.SIGKILL)
                self.daemon_process = None


def deadlock(data_dir: Path) -> Freeze:
    with folder() as run_dir:
        systemd = Systemd(run_dir / "notify")
        prefix = (*systemd.environment, sys.executable, str(Path(faulty_daemon.__file__)))
        with bot(data_dir, prefix=prefix) as frozen:
            frozen.next("trading", timeout_s=120)
            systemd.daemon_process = frozen
            began_s = time.monotonic()
            frozen.signal(faulty_daemon.DEADLOCK)
            line = frozen.next("part_stalled", timeout_s=60)
            named_s = time.monotonic() - began_s
            frozen.end(timeout_s=120)
        time.sleep(of_unit("RestartSec"))
        with bot(data_dir) as again:
            again.next("trading", timeout_s=120)
            trading_s = time.monotonic() - began_s
        systemd.socket.close()
    return named_s, trading_s, line["culprit"]


def stopped_workers(data_dir: Path) -> Freeze:
    """All of them, the one at work and the spare: until a close after that is decided by a strategy again."""
    with bot(data_dir) as frozen:
        frozen.next("cycle", timeout_s=120)
        workers = [each for each in psutil.Process(frozen.pid).children() if "worker_main" in " ".join(each.cmdline())]
        began_s = time.monotonic()
        for each in workers:
            each.suspend()
        frozen.from_now_on()
        line = frozen.next("worker_died", timeout_s=60)
        named_s = time.monotonic() - began_s
        assert line["pid"] in [each.pid for each in workers], line
        frozen.from_now_on()
        while not frozen.next("cycle", timeout_s=120)["reason"].startswith("SIGNAL_"):
            pass
        return named_s, time.monotonic() - began_s, f"worker {line['pid']} {line['how']}"


def measured(what: str, freeze: Callable[[Path], Freeze], floor_ms: float) -> int:
    freezes = []
    for _ in range(FREEZES):
        with folder() as data_dir:
            freezes.append(freeze(data_dir))
    named_s, trading_s, culprits = zip(*freezes, strict=True)
    details = {"culprit": culprits[0], "freezes": FREEZES, "idle_floor_p99_ms": round(floor_ms, 2)}
    status = 0
    for name, times_s, most_s in (
        (f"{what}: culprit named, s", named_s, MOST_NAMED_S),
        (f"{what}: trading again, s", trading_s, MOST_TRADING_S),
    ):
        median_s = statistics.median(times_s)
        holds = None if floor_ms > NOISY_FLOOR_MS else median_s < most_s
        status |= claim(name, round(median_s, 1), most_s, holds, longest=round(max(times_s), 1), **details)
    return status


def main() -> int:
    floor_ms = idle_lag_ms(FLOOR_S)
    status = measured("a deadlock in the loop", deadlock, floor_ms)
    return status | measured("workers that are stopped", stopped_workers, floor_ms)


if __name__ == "__main__":
    sys.exit(main())
