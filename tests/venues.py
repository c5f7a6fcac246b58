"""A simulated venue in a process of its own, for tests that need real sockets."""

import itertools
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.ports.venue import Credentials

SOURCES = Path(__file__).resolve().parent.parent / "src"
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")

_fresh = itertools.count(1)


def binance_at(url: str, ws_url: str) -> dict[str, Any]:
    """What ccxt has to be told to take a simulated venue for Binance's spot market: `venue.ccxt`."""
    api = {"public": f"{url}/api/v3", "private": f"{url}/api/v3", "v1": f"{url}/api/v1", "sapi": f"{url}/sapi/v1"}
    # ccxt tells a spot stream by `/stream` in its address.
    return {
        "urls": {"api": {**api, "ws": {"spot": f"{ws_url}/stream/ws"}}},
        "options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False},
    }


class VenueProcess:
    """`live_bot.py simulate` on free ports, with its books in `data_dir`. Starting returns when it listens."""

    def __init__(
        self,
        data_dir: Path,
        *,
        symbols: Sequence[str] = SYMBOLS,
        speed: float = 1.0,
        seed: int | None = 7,
        port: int = 0,
        options: Sequence[str] = (),
    ) -> None:
        self.data_dir = data_dir
        self._arguments = [
            *("--symbols", ",".join(symbols), "--speed", str(speed), "--data-dir", str(data_dir), "--admin-port", "0"),
            *([] if seed is None else ["--seed", str(seed)]),
            *options,
        ]
        self.process: subprocess.Popen[str] | None = None
        self._port = port
        self.start()

    def start(self) -> None:
        """Also after `kill` or `stop`: the same port, the same books."""
        assert self.process is None
        command = [sys.executable, "-m", "core.cli.simulate", "--port", str(self._port), *self._arguments]
        environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
        with (self.data_dir / "venue.log").open("a") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True, env=environment
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self._forget()
            raise AssertionError(f"the venue ended with code {code}: {(self.data_dir / 'venue.log').read_text()}")
        self.ready: dict[str, Any] = json.loads(line)
        self.url: str = self.ready["url"]
        self.ws_url: str = self.ready["ws_url"]
        self.admin_url: str = self.ready["admin_url"]
        self._port = int(self.url.rpartition(":")[2])

    @property
    def port(self) -> int:
        return self._port

    def register(self, key: str | None = None, deposit: dict[str, str] | None = None) -> Credentials:
        """A new account (`key` `None`: a name nobody has) with the default deposit or `deposit`."""
        credentials = Credentials(key or f"account-{os.getpid()}-{next(_fresh)}", "the-secret")
        body: dict[str, Any] = {"key": credentials.api_key, "secret": credentials.secret}
        self.admin("/accounts", body if deposit is None else body | {"deposit": deposit})
        return credentials

    def ledger(self, credentials: Credentials) -> dict[str, Any]:
        """The venue's own truth of the account's orders, fills and balances."""
        return self.admin(f"/ledger?account={credentials.api_key}")

    def admin(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self.admin_url + path, data, timeout=10) as answer:
            return json.load(answer)

    def kill(self) -> None:
        """SIGKILL: nothing is said goodbye to."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self._forget()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        code = self.process.wait(timeout=60)
        self._forget()
        return code

    def _forget(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
