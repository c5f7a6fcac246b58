"""The lives of the real daemon, `live_bot.py run`, killed from outside at random instants, its start-up included."""

import json
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from typing import Any

from integration.daemon.agreement import journal_file, wait_until_all_agree
from integration.daemon.bot import SYMBOLS, Bot, Truth, bot
from tests.chaos import weather
from tests.chaos.power import FolderCuts, PowerPlan
from tests.venues import VenueProcess

ACCOUNT = "paper"
"""As the daemon has it in paper mode."""


class DaemonLives:
    """Two symbols, in and out every other minute of the venue, under stops."""

    def __init__(self, venue: VenueProcess, folder: Path, seed: int, power: PowerPlan | None = None) -> None:
        self.folder = folder
        self._venue = venue
        self._truth = Truth(venue.url)
        self._rng = Random(f"chaos/daemon/{seed}")
        self._life = 0
        self._plan = power
        self._power: FolderCuts | None = None

    @property
    def journal(self) -> Path:
        return journal_file(self.folder)

    @property
    def marks(self) -> Path:
        return self.folder / "marks.jsonl"

    def run(self, kills: int, tell: Callable[[dict[str, Any]], None]) -> None:
        if self._plan is not None:
            disk = self.folder / "journal"  # the rest of its folder is read by tests while it is written
            disk.mkdir()
            self._power = FolderCuts(disk, self.folder / "disk.log", f"{ACCOUNT}/{self._rng.random()}", self._plan)
        for _ in range(kills):
            self._life += 1
            for fault in weather.draw(self._rng, ACCOUNT):
                if (state := weather.arm(self._venue.admin_url, fault)) is not None:
                    self._mark("fault", kind=fault["kind"], **state)
            with self._daemon() as daemon:
                daemon.mood = "pulse"
                if self._rng.random() < 0.7:
                    daemon.until(lambda daemon=daemon: bool(daemon.all("trading")), 120)
                time.sleep(self._rng.uniform(0.0, 5.0))
                daemon.signal(signal.SIGKILL)
                daemon.end()
            self._mark("killed", step="daemon", in_flight=0)
            if self._power is not None:
                self._power.cut(self._mark)
            tell({"kind": "life", "key": ACCOUNT, "step": "daemon", "died": True})
        tell({"kind": "end", "key": ACCOUNT})

    def settle(self) -> None:
        """All faults are over: come to rest under its stops, then sell, then stop in order."""
        with self._daemon() as daemon:
            daemon.mood = "hold"
            daemon.next("trading", timeout_s=120)
            wait_until_all_agree(daemon, self._truth)
            self._mark("settled", at_rest=True, venue_ms=daemon.status()["trading_time_ms"])
            daemon.mood = "flat"
            daemon.until(self._has_left, 60)
            wait_until_all_agree(daemon, self._truth)
            self._mark("flat", left=[])
            daemon.signal(signal.SIGTERM)
            if (code := daemon.end()) != 0:
                raise RuntimeError(f"the daemon ended with {code}: {daemon.errors}")
        if self._power is not None:
            self._power.last(self._mark)

    def _has_left(self) -> bool:
        return not any(order["status"] in ("NEW", "PARTIALLY_FILLED") for order in self._truth.ledger()["orders"])

    def _daemon(self) -> AbstractContextManager[Bot]:
        prefix = ("env", *self._power.variables()) if self._power is not None else ()
        return bot(
            self.folder, prefix=prefix, SIMULATION__PORT=str(self._venue.port), TRADING__SYMBOLS=json.dumps(SYMBOLS)
        )

    def _mark(self, what: str, **details: Any) -> None:
        with self.marks.open("a") as file:
            file.write(json.dumps({"life": self._life, "what": what, **details}) + "\n")
