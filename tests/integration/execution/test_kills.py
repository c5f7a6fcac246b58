"""SIGKILL at every step of the order path; the next life finds the venue's truth: nothing lost, nothing doubled."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.execution.journal.state import JournalState
from core.ports.venue import Credentials
from tests.venues import SOURCES, VenueProcess

pytestmark = pytest.mark.processes

ROOT = SOURCES.parent
DEEDS = ["in:BTC/USDT:0.02", "rest:ETH/USDT:0.1", "out:BTC/USDT:0.01", "in:ETH/USDT:0.3", "out:ETH/USDT:0.5"]
KILLS = [
    f"{call}:{side}:{nth}"
    for call, nth in [
        ("append-IntentRecorded", 1),  # the first entry
        ("place", 1),
        ("append-Reported", 1),
        ("append-RequestRecorded", 1),  # its stop
        ("place", 2),
        ("append-CancelAsked", 1),  # the first exit takes the stop away
        ("cancel", 1),
        ("append-IntentRecorded", 3),
        ("place", 4),  # the exit itself
        ("place", 5),  # the stop for the rest
        ("cancel", 2),
    ]
    for side in ("before", "after")
]


@pytest.fixture(scope="module")
def fast_venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    """A minute lasts a second, so that windows and lags pass in no time."""
    process = VenueProcess(
        tmp_path_factory.mktemp("fast venue"), speed=60.0, options=("--latency-ms", "0", "--weight-limit", "10000000")
    )
    yield process
    process.stop()


class Lives:
    """The lives of one trader: the same account, the same journal."""

    def __init__(self, venue: VenueProcess, folder: Path, kind: str = "spot") -> None:
        self.venue = venue
        self._kind = kind
        self.folder = folder
        self.credentials: Credentials = venue.register()
        self._n = 0

    def live(self, deeds: list[str], die: str | None = None) -> dict[str, Any] | None:
        """What it said at its end; `None` when it died."""
        self._n += 1
        orders = {
            "url": self.venue.url,
            "ws_url": self.venue.ws_url,
            "key": self.credentials.api_key,
            "folder": str(self.folder),
            "name": f"life-{self._n}",
            "kind": self._kind,
            "deeds": deeds,
            "die": die,
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.integration.execution.life", json.dumps(orders)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{SOURCES}{os.pathsep}{ROOT}"},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        if die is not None:
            assert done.returncode == -signal.SIGKILL, f"{die} was never reached: {done.stdout}{done.stderr}"
            return None
        assert done.returncode == 0, done.stdout + done.stderr
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer

    def journalled_fills(self) -> list[tuple[str, str]]:
        """Read without any code of the bot."""
        (file,) = (self.folder / "journal").glob("*.sqlite")
        with sqlite3.connect(file) as database:
            rows = database.execute("SELECT instrument_id, trade_id FROM fills").fetchall()
        database.close()
        return sorted((instrument.replace("/", ""), trade) for instrument, trade in rows)


def compare(lives: Lives, said: dict[str, Any]) -> None:
    ledger = lives.venue.ledger(lives.credentials)
    states = {"NEW": "accepted", "CANCELED": "cancelled"}
    truth = {
        one["clientOrderId"]: (states.get(one["status"], one["status"].lower()), Decimal(one["executedQty"]))
        for one in ledger["orders"]
    }
    assert len(truth) == len(ledger["orders"]), "an order was doubled"
    ours = {cid: (state, Decimal(filled)) for cid, (state, filled, _) in said["orders"].items()}
    assert {cid: one for cid, one in ours.items() if one[0] not in ("absent", "rejected")} == truth
    assert lives.journalled_fills() == sorted((one["symbol"], str(one["id"])) for one in ledger["fills"])
    for instrument, held, covered, note in said["duties"]:
        assert (Decimal(held) - Decimal(covered), note) < (Decimal("0.001"), "~"), (instrument, held, covered, note)


@pytest.mark.slow
@pytest.mark.parametrize("die", KILLS)
def test_killed_anywhere_the_next_life_knows_all(fast_venue: VenueProcess, tmp_path: Path, die: str) -> None:
    lives = Lives(fast_venue, tmp_path)
    lives.live(DEEDS, die)
    said = lives.live([])
    assert said is not None
    compare(lives, said)
    again = lives.live(["out:BTC/USDT:1", "out:ETH/USDT:1"])
    assert again is not None
    compare(lives, again)
    balances = lives.venue.ledger(lives.credentials)["balances"]
    assert all(Decimal(balances.get(asset, {"free": "0"})["free"]) < Decimal("0.001") for asset in ("BTC", "ETH"))
    assert not again["duties"] or all(Decimal(held) == 0 for _, held, _, _ in again["duties"])


@pytest.mark.slow
def test_a_stop_whose_time_has_come_closes_the_position(fast_venue: VenueProcess, tmp_path: Path) -> None:
    lives = Lives(fast_venue, tmp_path)
    said = lives.live(["late:BTC/USDT:0.02"])
    assert said is not None
    compare(lives, said)
    assert sorted(purpose for state, _, purpose in said["orders"].values() if state == "filled") == ["entry", "protect"]
    assert said["duties"] == []


@pytest.mark.slow
async def test_what_a_killed_life_has_written_down_is_what_its_journal_says(
    fast_venue: VenueProcess, tmp_path: Path
) -> None:
    Lives(fast_venue, tmp_path).live(DEEDS, "place:after:5")
    (file,) = (tmp_path / "journal").glob("*.sqlite")
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT count(*) FROM snapshots").fetchall() == [(1,)]
    found = await loaded(tmp_path)
    with sqlite3.connect(file) as database:
        database.execute("DELETE FROM snapshots")
    database.close()
    assert found == await loaded(tmp_path)


async def loaded(folder: Path) -> JournalState:
    journal = Journal(JournalIdentity("paper", "sim", "main"), data_dir=folder)
    await journal.open(None)
    try:
        return await journal.load()
    finally:
        await journal.close()
