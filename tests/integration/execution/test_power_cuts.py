"""The power fails at any instant of a journal's life: whatever was acknowledged by then is in what the disk has kept.

One life is recorded by the shim; then every instant of it is a cut, without killing anything. `make chaos
ARGS=--power-cuts` does the same to traders, with kills.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.risk.state_file import RiskStateFile
from tests.disks import shim
from tests.disks.image import STYLES, Image, Tree
from tests.disks.recording import Record, records
from tests.disks.watched import put
from tests.preload import NO_COMPILER, compiler
from tests.venues import SOURCES

pytestmark = [pytest.mark.processes, pytest.mark.slow]

PROGRAM = """
import asyncio, json, os, sys
from pathlib import Path
sys.path.insert(0, "tests")
from core.domain.orders import IntentId
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.execution.journal.records import RequestRecorded
from core.risk.gate import RiskState
from core.risk.levels import RiskLevel
from core.risk.state_file import RiskStateFile
from unit.execution.making import order

root = Path(sys.argv[1])
words = "because " * 1_500  # so large that the write-ahead log is emptied into the file in the middle of a life
told = os.open(root / "told", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def tell(kind, what):
    os.write(told, (json.dumps([kind, what]) + "\\n").encode())

async def live(epoch, numbers):
    journal = Journal(JournalIdentity("paper", "sim", "main"), data_dir=root / "data")
    tell("epoch", epoch)
    await journal.open(epoch)
    for n in numbers:
        made = order(intent=IntentId(f"{epoch}-{n}"), sent_because=words)
        await journal.append([RequestRecorded(made)])
        tell("order", made.client_order_id)
    await journal.close()

file = RiskStateFile(root / "data" / "journal" / "paper.risk.json")
asyncio.run(live("first", range(140)))
for n in range(4):
    file.save(RiskState(RiskLevel.NO_ENTRY, str(n)), "first")
    tell("halt", n)
asyncio.run(live("first", range(140, 150)))
asyncio.run(live("second", range(10)))
"""


def recorded_life(tmp_path: Path) -> tuple[Image, list[Record]]:
    """The empty disk, and all that was done to it."""
    root, log = tmp_path / "disk", tmp_path / "log"
    root.mkdir()
    given = {"PYTHONPATH": str(SOURCES), **shim.environment(root=root, log=log)}
    command = [sys.executable, "-c", PROGRAM, str(root)]
    subprocess.run(command, cwd=SOURCES.parent, env={**os.environ, **given}, timeout=60, check=True)
    return Image(Tree(), {"": root.stat().st_ino}), list(records(log.read_bytes()))


class Told:
    """What had been acknowledged at an instant."""

    def __init__(self) -> None:
        self.epoch = "first"
        """Of the venue's books: asked for, if not answered yet."""
        self.orders: dict[str, list[str]] = {"first": [], "second": []}
        self.halt = -1

    def take(self, kind: str, what: Any) -> None:
        match kind:
            case "epoch":
                self.epoch = what
            case "order":
                self.orders[self.epoch].append(what)
            case _:
                self.halt = what


def instants(life: list[Record], image: Image) -> Iterator[Told]:
    """After each deed of the life, `image` as of then."""
    told, inode = Told(), next(each.inode for each in life if each.kind == "c" and each.first == b"told")
    for record in life:
        yield told
        image.take(record)
        if record.kind == "w" and record.inode == inode:
            told.take(*json.loads(record.first))
    yield told


async def assert_nothing_is_lost(data_dir: Path, told: Told) -> None:
    journal = Journal(JournalIdentity("paper", "sim", "main"), data_dir=data_dir)
    await journal.open(told.epoch)
    found = [order.client_order_id for order in (await journal.load()).orders]
    await journal.close()
    known = told.orders[told.epoch]
    assert found[: len(known)] == known
    assert len(found) <= len(known) + 1, "no more than the one that was being written"
    if told.epoch == "second":
        (aside,) = (data_dir / "journal").glob("*.epoch-first.sqlite")
        with sqlite3.connect(aside) as database:
            rows = database.execute("SELECT client_order_id FROM requests ORDER BY seq").fetchall()
        database.close()
        assert [name for (name,) in rows] == told.orders["first"]
    state = RiskStateFile(data_dir / "journal" / "paper.risk.json").load("first")
    assert state.reason in (str(told.halt).replace("-1", ""), str(told.halt + 1)), "or the one that was being saved"


@pytest.mark.timeout(300)
async def test_whatever_was_acknowledged_outlives_a_power_cut_at_any_instant(tmp_path: Path) -> None:
    if compiler() is None:
        pytest.skip(NO_COMPILER)
    image, life = recorded_life(tmp_path)
    rng = Random(7)
    risky = {n + near for n, each in enumerate(life) if each.kind in "cmurt" for near in (0, 1, 2)}
    chosen = set(rng.sample(sorted(risky), min(45, len(risky)))) | set(rng.sample(range(len(life)), 45))
    hurt = 0
    for n, told in enumerate(instants(life, image)):
        if n not in chosen:
            continue
        cut = image.cut(rng.choice(STYLES), rng)
        hurt += cut.forgotten > 0
        disk = tmp_path / f"disk-{n}"
        disk.mkdir()
        put(cut.tree, disk)
        await assert_nothing_is_lost(disk / "data", told)
        shutil.rmtree(disk)
    assert hurt > len(chosen) / 2
