"""SIGKILL of the daemon and of its venue, whenever it may come: nothing lost, nothing doubled, and on it goes."""

import os
import random
import shutil
import signal
from pathlib import Path

import pytest

from integration.daemon.agreement import journal_file, wait_until_all_agree
from integration.daemon.bot import Bot, Truth, bot, eventually
from tests.processes import is_alive
from tests.venues import VenueProcess

pytestmark = [pytest.mark.processes, pytest.mark.slow]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_daemon_that_is_killed_anywhere_knows_all_in_its_next_life(
    tmp_path: Path, venue: VenueProcess, seed: int
) -> None:
    """Its venue lives on, so an order may arrive while nobody is there to hear of it."""
    chance, truth = random.Random(seed), Truth(venue.url)
    port = str(venue.port)
    names = set()
    for _ in range(4):
        with bot(tmp_path, SIMULATION__PORT=port) as daemon:
            daemon.mood = "hold"
            daemon.next("recovered")
            daemon.next("cycle")
            wait_until_all_agree(daemon, truth)
            assert not daemon.all("new_epoch")
            names.add(journal_file(tmp_path))
            daemon.mood = "pulse"
            end = len(daemon.lines) + chance.randint(5, 90)
            daemon.until(lambda daemon=daemon, end=end: len(daemon.lines) >= end, 60)
            daemon.signal(signal.SIGKILL)
            assert daemon.end() == -signal.SIGKILL
    with bot(tmp_path, SIMULATION__PORT=port) as daemon:
        daemon.mood = "hold"
        daemon.next("trading")
        wait_until_all_agree(daemon, truth)
        assert truth.ledger()["fills"], "it has traded"
        daemon.mood = "flat"
        daemon.until(lambda: not truth.stops())
        wait_until_all_agree(daemon, truth)
    assert len(names) == 1, "one journal for all lives"


def test_a_daemon_that_takes_its_venue_with_it_finds_both_books_whole(tmp_path: Path) -> None:
    chance = random.Random(3)
    for _ in range(3):
        with bot(tmp_path) as daemon:
            daemon.mood = "pulse"
            daemon.next("order", now="filled")
            end = len(daemon.lines) + chance.randint(1, 40)
            daemon.until(lambda daemon=daemon, end=end: len(daemon.lines) >= end)
            venue = daemon.venue.pid
            daemon.signal(signal.SIGKILL)
            daemon.end()
            eventually(lambda venue=venue: not is_alive(venue))
    with bot(tmp_path) as daemon:
        daemon.mood = "hold"
        daemon.next("trading")
        wait_until_all_agree(daemon)
        assert not daemon.all("new_epoch")


def test_a_venue_that_is_killed_comes_back_and_trading_goes_on(tmp_path: Path) -> None:
    with bot(tmp_path) as daemon:
        daemon.mood = "pulse"
        daemon.until(lambda: daemon.traded("sell"))
        epoch, url, pid = daemon.all("embedded_venue")[0]["epoch"], daemon.venue.url, daemon.venue.pid
        daemon.from_now_on()
        os.kill(pid, signal.SIGKILL)
        crash = daemon.next("child_crashed")
        assert crash["child"] == "embedded venue"
        daemon.next("child_started", child="venue")
        daemon.next("user_stream_back")
        daemon.from_now_on()
        daemon.next("order", now="filled")
        daemon.mood = "hold"
        wait_until_all_agree(daemon, Truth(url))
        assert not daemon.all("new_epoch")
        closes = [line["close_ms"] for line in daemon.all("cycle", symbol="BTC/USDT")]
        assert closes == sorted(set(closes)), "none was decided twice"
        assert daemon.status()["feed_reconnects"] >= 1
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0
        assert daemon.errors == ""
    with bot(tmp_path) as daemon:
        assert daemon.next("embedded_venue")["epoch"] == epoch


def test_new_books_at_the_start_get_a_new_journal_and_the_old_one_is_kept(tmp_path: Path) -> None:
    with bot(tmp_path) as daemon:
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"))
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0
    shutil.rmtree(tmp_path / "sim")
    with bot(tmp_path) as daemon:
        daemon.mood = "hold"
        said = daemon.next("new_epoch")
        assert Path(said["kept_aside"]).exists()
        assert said["epoch"] != said["previous"]
        daemon.next("trading")
        assert daemon.api("/api/v1/positions") == daemon.api("/api/v1/orders") == []
        assert daemon.status()["equity"] == "100000.00"
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"))
        daemon.mood = "hold"
        wait_until_all_agree(daemon)


def test_new_books_under_a_running_daemon_end_it_with_a_word_and_the_next_start_begins_anew(tmp_path: Path) -> None:
    with bot(tmp_path) as daemon:
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"))
        lose_the_books(daemon, tmp_path)
        assert daemon.end() == 4, daemon.lines[-20:]
        assert "the venue has new books" in daemon.errors
        assert "Traceback" not in daemon.errors
        pids = [line["pid"] for line in daemon.all("child_started")]
    eventually(lambda: not any(is_alive(pid) for pid in pids))
    with bot(tmp_path) as daemon:
        daemon.next("new_epoch")
        daemon.next("trading")
        assert daemon.api("/api/v1/positions") == []


def lose_the_books(daemon: Bot, data_dir: Path) -> None:
    """While the daemon stands still its venue dies and its files go; what is started next knows nothing."""
    pid = daemon.venue.pid
    daemon.signal(signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not is_alive(pid))
    shutil.rmtree(data_dir / "sim")
    daemon.signal(signal.SIGCONT)


def test_a_crash_of_native_code_leaves_the_stacks_of_all_threads(tmp_path: Path) -> None:
    with bot(tmp_path) as daemon:
        daemon.next("trading")
        daemon.signal(signal.SIGSEGV)
        assert daemon.end() == -signal.SIGSEGV
        assert "Fatal Python error: Segmentation fault" in daemon.errors
        assert "run_until_complete" in daemon.errors or "run_loop" in daemon.errors
