"""Two daemons and one account: one trades, whatever is done to it."""

import contextlib
import shutil
import signal
import sqlite3
import time
from pathlib import Path

import psutil
import pytest

from integration.daemon.agreement import journal_file, wait_until_all_agree
from integration.daemon.bot import ACCOUNT, Bot, Truth, bot, eventually
from integration.daemon.proxy import Proxy, proxied
from tests.postgres import PostgresServer
from tests.venues import VenueProcess

pytestmark = pytest.mark.processes

OWN_NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
"""As on another machine: its process can't be seen."""


def behind(url: str, ws_url: str) -> dict[str, str]:
    """The settings of a daemon on a venue that is not its own, with the shortest lease there is."""
    return {
        "VENUE__BASE_URL": url,
        "VENUE__WS_BASE_URL": ws_url,
        "VENUE__API_KEY": ACCOUNT,
        "VENUE__SECRET": ACCOUNT,
        "STORAGE__LEASE_S": "3",
    }


def is_over(data_dir: Path) -> bool:
    """Whether the lease in the journal has not been renewed in time. Read without code of the bot."""
    with sqlite3.connect(f"file:{journal_file(data_dir)}?mode=ro", uri=True) as database:
        ((expires_ns,),) = database.execute("SELECT expires_ns FROM leases").fetchall()
    database.close()
    return bool(time.clock_gettime_ns(time.CLOCK_BOOTTIME) > expires_ns)


def stop_between_commits(daemon: Bot, data_dir: Path) -> None:
    """Who stands still in the middle of a commit keeps SQLite's lock, and nobody else can open the file."""
    while True:
        daemon.signal(signal.SIGSTOP)
        eventually(lambda: psutil.Process(daemon.pid).status() == psutil.STATUS_STOPPED)
        with contextlib.closing(sqlite3.connect(journal_file(data_dir), timeout=0)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                daemon.signal(signal.SIGCONT)
            else:
                return


def wait_until_over(data_dir: Path) -> None:
    eventually(lambda: is_over(data_dir))


@pytest.mark.slow
def test_a_second_daemon_ends_with_5_and_names_the_first_which_is_undisturbed(tmp_path: Path) -> None:
    with bot(tmp_path) as first:
        first.mood = "long"
        first.until(lambda: first.traded("buy"))
        first.mood = "hold"
        wait_until_all_agree(first)
        before = first.venue.ledger()
        with bot(tmp_path) as second:
            assert second.end() == 5, second.lines[-20:]
            assert f"process {first.pid} on " in second.errors
            assert f"kill -TERM {first.pid}" in second.errors
            assert "Traceback" not in second.errors
            assert not second.all("order")
        assert first.status()["state"] == "trading", "its API's token is where it was"
        assert first.venue.ledger()["orders"] == before["orders"]
        first.mood = "flat"
        first.until(lambda: first.traded("sell"))
        wait_until_all_agree(first)
        assert not first.complaints()


@pytest.mark.slow
def test_neither_a_kill_nor_a_clean_stop_makes_the_next_start_wait(tmp_path: Path, venue: VenueProcess) -> None:
    port = str(venue.port)
    for end in (signal.SIGKILL, signal.SIGTERM, None):
        with bot(tmp_path, SIMULATION__PORT=port) as daemon:
            daemon.mood = "pulse"
            daemon.next("order", now="filled")
            assert not daemon.all("waiting_for_lease")
            if end is not None:
                daemon.signal(end)
                daemon.end()


@pytest.mark.slow
def test_a_holder_that_stood_still_past_its_lease_is_refused_by_the_venue_and_ends_with_5(
    tmp_path: Path, venue: VenueProcess
) -> None:
    """Its last orders wait in the network while it stands still, and arrive after somebody else has begun to trade."""
    truth = Truth(venue.url)
    with proxied(venue.port) as proxy, bot(tmp_path, **behind(proxy.url, proxy.ws_url)) as first:
        first.next("trading")
        proxy.hold(lambda line: "POST /api/v3/order" in line)
        first.mood = "long"
        first.until(lambda: proxy.held)
        stop_between_commits(first, tmp_path)
        wait_until_over(tmp_path)
        with bot(tmp_path, **behind(venue.url, venue.ws_url)) as second:
            second.until(lambda: second.traded("buy"), 60)
            second.mood = "hold"
            proxy.let_go()
            eventually(lambda: refused(proxy))
            first.signal(signal.SIGCONT)
            assert first.end() == 5, (first.lines[-20:], first.errors[-6_000:])
            assert f"belongs to process {second.pid} on " in first.errors
            assert first.all("lease_lost")
            wait_until_all_agree(second, truth)
            late = {line["id"] for line in first.all("order", now="submitting")}
            assert late
            assert not late & {each["clientOrderId"] for each in truth.ledger()["orders"]}


def refused(proxy: Proxy) -> bool:
    return any(b"-1021" in answer for answer in proxy.answers)


@pytest.mark.slow
def test_a_dead_holder_that_nobody_can_see_is_succeeded_when_its_lease_is_over(
    tmp_path: Path, venue: VenueProcess
) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("unshare is absent")
    settings = {**behind(venue.url, venue.ws_url), "STORAGE__LEASE_S": "20"}  # longer than a start on a busy machine
    with bot(tmp_path, prefix=OWN_NAMESPACE, **settings) as first:
        first.mood = "pulse"
        first.next("order", now="filled")
        with bot(tmp_path, **settings) as second:
            assert second.end() == 5, "it waits until it sees that the lease is renewed"
            assert "process 1 on " in second.errors
        first.signal(signal.SIGKILL)
        first.end()
    with bot(tmp_path, **settings) as successor:
        waited = successor.next("waiting_for_lease")
        assert "whether it still runs can't be seen from here" in waited["reason"]
        assert is_over(tmp_path) or not successor.all("recovered")
        successor.next("order", now="filled")
        successor.mood = "hold"
        wait_until_all_agree(successor, Truth(venue.url))


@pytest.mark.slow
def test_journals_in_postgresql_keep_hosts_apart_and_a_server_that_is_silent_ends_the_daemon(
    tmp_path: Path, venue: VenueProcess, postgres: PostgresServer
) -> None:
    """Each daemon has a folder of its own; the database is what they share."""
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    settings = {**behind(venue.url, venue.ws_url), "STORAGE__JOURNAL_URL": postgres.new_database()}
    with bot(folders[0], **settings) as first:
        first.mood = "long"
        first.until(lambda: first.traded("buy"))
        with bot(folders[1], **settings) as second:
            assert second.end() == 5, second.lines[-20:]
            assert f"process {first.pid} on " in second.errors
        first.signal(signal.SIGKILL)
        first.end()
    with bot(folders[1], **settings) as second:
        second.mood = "hold"
        recovered = second.next("recovered")
        assert recovered["fills"] >= 2, "what the first one has bought"
        second.next("trading")
        postgres.pause()
        try:
            assert second.end() == 5, second.lines[-20:]
        finally:
            postgres.resume()
        assert "could not be reached for 3 s" in second.errors


@pytest.mark.slow
def test_a_holder_that_stood_still_while_nobody_wanted_the_account_goes_on(tmp_path: Path) -> None:
    with bot(tmp_path, STORAGE__LEASE_S="3") as daemon:
        daemon.mood = "pulse"
        daemon.next("order", now="filled")
        daemon.signal(signal.SIGSTOP)
        wait_until_over(tmp_path)
        daemon.signal(signal.SIGCONT)
        daemon.next("lease_had_lapsed")
        daemon.next("order", now="filled")
        daemon.mood = "hold"
        wait_until_all_agree(daemon)
