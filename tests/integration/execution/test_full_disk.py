"""The journal on a disk that is really full: a small tmpfs in a mount namespace of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.venues import SOURCES

pytestmark = pytest.mark.processes

PROGRAM = """
import asyncio, json, os, sys
from pathlib import Path
sys.path.insert(0, "tests")
from core.domain.errors import JournalError
from core.domain.orders import IntentId
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.execution.journal.records import RequestRecorded
from unit.execution.making import order

folder = Path(sys.argv[1])

async def main():
    journal = Journal(JournalIdentity("paper", "sim", "main"), data_dir=folder, probe_s=0.02)
    await journal.open("epoch-1")
    ballast = folder / "ballast"
    ballast.write_bytes(b"x" * 600_000)
    acknowledged, failure, n = [], "", 0
    while not failure:
        n += 1
        made = order(intent=IntentId(f"intent-{n}"), sent_because="because " * 200)
        try:
            await journal.append([RequestRecorded(made)])
            acknowledged.append(made.client_order_id)
        except JournalError as error:
            failure = str(error)
    was_writable = journal.is_writable
    ballast.unlink()
    while not journal.is_writable:
        await asyncio.sleep(0.001)
    late = order(intent=IntentId("late"))
    await journal.append([RequestRecorded(late)])
    await journal.close()
    again = Journal(JournalIdentity("paper", "sim", "main"), data_dir=folder)
    await again.open("epoch-1")
    found = [one.client_order_id for one in (await again.load()).orders]
    await again.close()
    print(json.dumps({
        "failure": failure, "was_writable": was_writable, "found": found == [*acknowledged, late.client_order_id],
        "acknowledged": len(acknowledged),
    }))

asyncio.run(main())
"""


def test_a_full_disk_fails_with_a_reason_loses_nothing_and_mends_itself(tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("unshare is absent")
    script = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$1" -c "$2" "$0"'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, str(tmp_path), sys.executable, PROGRAM],
        cwd=SOURCES.parent,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip("mount namespaces are not allowed here")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert "disk is full" in said["failure"]
    assert (said["was_writable"], said["found"]) == (False, True)
    assert said["acknowledged"] > 10
