"""Seen by the kernel: an order's bytes leave the socket after the sync of its intent, never before.

A SIGKILL cannot show this, for what was written stays in the page cache. `strace` can.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.venues import SOURCES, VenueProcess

pytestmark = [pytest.mark.processes, pytest.mark.slow]

DEEDS = ["in:BTC/USDT:0.02", "rest:ETH/USDT:0.1", "out:BTC/USDT:0.01", "in:ETH/USDT:0.3", "late:SOL/USDT:3"]
CALLS = "pwrite64,fsync,fdatasync,sendto,sendmsg"
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_BEGUN = re.compile(r"^(\d+) +(\w+)\((.*)$")
_ID = re.compile(r"mtn-[a-z2-7]{26}")
_SENT = re.compile(r"newClientOrderId=(mtn-[a-z2-7]{26})")
_UNFINISHED = " <unfinished ...>"


def begun_and_done(trace: str) -> Iterator[tuple[str, str, bool, bool]]:
    """(call, its arguments and result, whether it begins here, whether it is done here), in the order of the trace."""
    open_calls: dict[tuple[str, str], str] = {}
    for line in trace.splitlines():
        if (match := _RESUMED.match(line)) is not None:
            thread, call, rest = match.groups()
            yield call, open_calls.pop((thread, call), "") + rest, False, True
        elif (match := _BEGUN.match(line)) is not None:
            thread, call, rest = match.groups()
            is_done = not rest.endswith(_UNFINISHED)
            if not is_done:
                open_calls[thread, call] = rest.removesuffix(_UNFINISHED)
            yield call, rest.removesuffix(_UNFINISHED), True, is_done


def sent_and_too_early(trace: str) -> tuple[list[str], list[str]]:
    """Ids of the orders that were sent, and of those among them that no finished sync of the journal had covered."""
    written: set[str] = set()
    durable: set[str] = set()
    being_synced: set[str] = set()
    sent: list[str] = []
    early: list[str] = []
    for call, words, begins, is_done in begun_and_done(trace):
        is_journal = ".sqlite-wal>" in words.partition(",")[0]
        if call == "pwrite64" and is_journal and is_done:
            written |= set(_ID.findall(words))
        elif call in ("fsync", "fdatasync") and is_journal:
            if begins:
                being_synced = set(written)
            if is_done and words.endswith("= 0"):
                durable |= being_synced
        elif call in ("sendto", "sendmsg") and begins:
            for client_order_id in _SENT.findall(words):
                sent.append(client_order_id)
                if client_order_id not in durable:
                    early.append(client_order_id)
    return sent, early


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    process = VenueProcess(tmp_path_factory.mktemp("venue"), speed=60.0, options=("--latency-ms", "0"))
    yield process
    process.stop()


def test_every_order_leaves_after_the_sync_of_its_intent(venue: VenueProcess, tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is absent")
    account = venue.register()
    orders = {
        "url": venue.url, "ws_url": venue.ws_url, "key": account.api_key, "folder": str(tmp_path), "name": "traced",
        "deeds": DEEDS,
    }  # fmt: skip
    trace = tmp_path / "trace"
    done = subprocess.run(
        [
            *("strace", "--follow-forks", "--decode-fds=path", "--string-limit=1000000", f"--trace={CALLS}"),
            *("--signal=none", f"--output={trace}"),
            *(sys.executable, "-m", "tests.integration.execution.life", json.dumps(orders)),
        ],
        cwd=SOURCES.parent,
        env={**os.environ, "PYTHONPATH": f"{SOURCES}{os.pathsep}{SOURCES.parent}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    text = trace.read_text(errors="replace")
    sent, early = sent_and_too_early(text)
    assert early == []
    assert {order["clientOrderId"] for order in venue.ledger(account)["orders"]} <= set(sent)
    assert len(set(sent)) == len(sent), "none was sent twice"
    assert len(sent) >= 8
    unsynced = "\n".join(line for line in text.splitlines() if "sync" not in line)
    assert sent_and_too_early(unsynced) == (sent, sent), "without syncs all of them would be found too early"
