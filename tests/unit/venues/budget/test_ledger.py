"""The file that processes share: real processes, one killed, one stopped with the lock in its hand."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.ports.request_lane import RequestLane
from core.venues.budget.budget import NotYet, RateBudget
from core.venues.budget.ledger import SharedLedger
from core.venues.budget.sharing import account_name, address_name, runtime_folder, shared_ledgers
from core.venues.budget.windows import WEIGHT_SHARES, RateLimit
from tests.venues import SOURCES

LIMIT = RateLimit("weight 1m", 1_000, 60.0, WEIGHT_SHARES)
PATIENCE_S = 60.0
"""With a holder that a busy machine lets wait: only one that is stopped is gone on without."""
SPENDER = f"""
import json, sys
from pathlib import Path
from core.ports.request_lane import RequestLane
from core.venues.budget.budget import NotYet, RateBudget
from core.venues.budget.ledger import SharedLedger
from core.venues.budget.windows import WEIGHT_SHARES, RateLimit

budget = RateBudget([RateLimit({LIMIT.name!r}, {LIMIT.limit}, {LIMIT.window_s}, WEIGHT_SHARES)],
                    SharedLedger(Path(sys.argv[1]), longest_wait_s={PATIENCE_S}))
n = 0
try:
    while True:
        budget.take({{{LIMIT.name!r}: 1}}, RequestLane[sys.argv[2]])
        n += 1
except NotYet:
    print(n)
"""
HOLDER = """
import fcntl, os, signal, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
print("held", flush=True)
signal.pause()
"""


def spending(file: Path, program: str = SPENDER, lane: str = "MARKET") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(file), lane],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
    )


def shared(file: Path) -> RateBudget:
    return RateBudget([LIMIT], SharedLedger(file, longest_wait_s=PATIENCE_S))


def test_processes_together_spend_what_one_may_and_an_order_still_goes(tmp_path: Path) -> None:
    file = tmp_path / "venue.budget"
    ours = shared(file)
    with spending(file) as one, spending(file) as other:
        counts = [int(process.communicate(timeout=60)[0]) for process in (one, other)]
    assert sum(counts) == 500, counts
    with pytest.raises(NotYet):
        ours.take({LIMIT.name: 1}, RequestLane.MARKET)
    ours.take({LIMIT.name: 1}, RequestLane.ORDERS)
    assert ours.use()[0].used == 501


def test_threads_do_not_lose_a_count(tmp_path: Path) -> None:
    budget = shared(tmp_path / "venue.budget")

    def spend() -> None:
        for _ in range(50):
            budget.take({LIMIT.name: 1}, RequestLane.ORDERS)

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.use()[0].used == 400


@pytest.mark.parametrize(("number", "is_unlocked"), [(signal.SIGKILL, False), (signal.SIGSTOP, True)])
def test_a_holder_that_dies_or_is_stopped_holds_up_nobody(
    tmp_path: Path, number: signal.Signals, is_unlocked: bool
) -> None:
    file = tmp_path / "venue.budget"
    ledger = SharedLedger(file)
    budget = RateBudget([LIMIT], ledger)
    with spending(file, HOLDER) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            holder.send_signal(number)
            if number is signal.SIGKILL:
                holder.wait(30)
            budget.take({LIMIT.name: 1}, RequestLane.ORDERS)
            assert (ledger.unlocked > 0) is is_unlocked
            assert budget.use()[0].used == 1
        finally:
            holder.kill()


def torn(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def scribbled(file: Path) -> None:
    file.write_bytes(os.urandom(5_000))


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def removed(file: Path) -> None:
    file.unlink()


def of_another_boot(file: Path) -> None:
    import zlib

    import msgspec

    body = msgspec.msgpack.encode({"boot": "another", "away_until_ns": 2**62, "marks": {LIMIT.name: [[1, 999]]}})
    file.write_bytes(zlib.crc32(body).to_bytes(4, "little") + body)


@pytest.mark.parametrize("damage", [torn, scribbled, emptied, removed, of_another_boot])
def test_whatever_happens_to_the_file_the_budget_goes_on(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    file = tmp_path / "venue.budget"
    one = shared(file)
    one.take({LIMIT.name: 5}, RequestLane.ORDERS)
    damage(file)
    one.take({LIMIT.name: 3}, RequestLane.ORDERS)
    assert shared(file).use()[0].used == 3, "and others find it again"


def test_a_folder_that_cannot_be_used_costs_the_sharing_and_nothing_else(tmp_path: Path) -> None:
    in_the_way = tmp_path / "a-file"
    in_the_way.write_text("")
    open_to_others = tmp_path / "open"
    open_to_others.mkdir()
    open_to_others.chmod(0o777)
    for folder in (in_the_way, open_to_others):
        ledgers = shared_ledgers(folder)
        budgets = [RateBudget([LIMIT], ledgers("venue")) for _ in range(2)]
        budgets[0].take({LIMIT.name: 5}, RequestLane.ORDERS)
        assert [each.use()[0].used for each in budgets] == [5, 0]
    ledgers = shared_ledgers(tmp_path / "made" / "here")
    budgets = [RateBudget([LIMIT], ledgers("venue")) for _ in range(2)]
    budgets[0].take({LIMIT.name: 5}, RequestLane.ORDERS)
    assert [each.use()[0].used for each in budgets] == [5, 5]


def test_names_tell_venues_markets_and_accounts_apart_and_show_no_key() -> None:
    spot = address_name("https://api.example.com", "spot")
    assert spot == "api.example.com-spot"
    assert address_name("http://127.0.0.1:18080/", "usdm") == "127.0.0.1_18080-usdm"
    mine, yours = account_name(spot, "my-key-0123456789"), account_name(spot, "your-key")
    assert mine != yours
    assert "my-key" not in mine
    assert json.dumps(mine)  # plain text


def test_the_folder_is_the_services_the_users_or_a_temporary_one() -> None:
    assert runtime_folder({"RUNTIME_DIRECTORY": "/run/metronome:/run/other", "XDG_RUNTIME_DIR": "/x"}) == Path(
        "/run/metronome"
    )
    assert runtime_folder({"XDG_RUNTIME_DIR": "/x"}) == Path("/x/metronome")
    assert str(os.getuid()) in runtime_folder({}).name
