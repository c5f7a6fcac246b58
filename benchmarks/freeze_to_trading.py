"""From a true freeze to a trading daemon: a deadlock that a signal plants in the loop.

Plays systemd with the unit's own numbers: a daemon that does not feed WATCHDOG=1 for WatchdogSec is killed, and started
again after RestartSec. Bounds: the culprit in the log under 10 s, trading again under 30 s.
"""

import json
import re
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from _daemon import ROOT, folder

sys.path[:0] = [str(ROOT / "tests")]
from integration.daemon import faulty_daemon  # noqa: E402 - found by the line above
from integration.daemon.bot import Bot, bot  # noqa: E402 - likewise

UNIT = (ROOT / "systemd" / "metronome.service").read_text()
MOST_NAMED_S, MOST_TRADING_S = 10.0, 30.0


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


def deadlock(data_dir: Path) -> dict[str, object]:
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
    return verdict("deadlock", named_s, trading_s, line["culprit"])


def verdict(what: str, named_s: float, trading_s: float, culprit: str) -> dict[str, object]:
    holds = named_s < MOST_NAMED_S and trading_s < MOST_TRADING_S
    figures = {"named_s": round(named_s, 1), "trading_s": round(trading_s, 1)}
    return {"freeze": what, **figures, "culprit": culprit, "holds": holds}


def main() -> int:
    with folder() as data_dir:
        result = deadlock(data_dir)
    print(json.dumps(result), flush=True)
    return 0 if result["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
