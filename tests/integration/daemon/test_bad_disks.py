"""The journal's disk fails under a real daemon: no new risk, with the reason; nothing is lost; it goes on when the disk
does. Nothing is patched: mounts, locks, damaged files, and syncs that hang or fail by `tests/disks`."""

import json
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.daemon.agreement import assert_books_agree, journal_file, wait_until_all_agree
from integration.daemon.bot import Bot, bot
from tests.disks import shim
from tests.postgres import PostgresServer
from tests.preload import NO_COMPILER, compiler

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(600)]


@contextmanager
def traded_once(data_dir: Path, *prefix: str, **variables: str) -> Iterator[Bot]:
    """A daemon that has bought, and sold again."""
    with bot(data_dir, prefix=prefix, **variables) as daemon:
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"), 90)
        daemon.mood = "flat"
        daemon.until(lambda: daemon.traded("sell"), 90)
        yield daemon


def assert_goes_on(daemon: Bot) -> None:
    daemon.from_now_on()
    daemon.mood = "pulse"
    daemon.next("fill", timeout_s=90)
    daemon.mood = "hold"


def refused(daemon: Bot) -> str:
    """Why the journal took no intent: the first such reason."""
    lines = [*daemon.all("intent_refused"), *daemon.all("cycle", outcome="REFUSED")]
    return next((line["reason"] for line in lines if line["reason"].startswith("JOURNAL_FAILED")), "")


@pytest.mark.parametrize(
    ("trouble", "event", "words"),
    [("hold", "journal_hangs", "has not answered"), ("fail", "journal_failed", "disk I/O")],
)
def test_syncs_that_hang_or_fail_let_nothing_in_until_they_work(
    tmp_path: Path, trouble: str, event: str, words: str
) -> None:
    if compiler() is None:
        pytest.skip(NO_COMPILER)
    word = tmp_path / "trouble"
    given = shim.environment(root=tmp_path / "journal", trouble=word)
    with traded_once(tmp_path, "env", *(f"{name}={value}" for name, value in given.items())) as daemon:
        word.write_text(trouble)
        before = len(daemon.venue.ledger()["orders"])
        daemon.mood = "long"
        assert words in daemon.next(event, timeout_s=90)["reason"]
        assert daemon.until(lambda: refused(daemon))
        assert len(daemon.venue.ledger()["orders"]) == before, "nothing leaves that is not on the disk"
        word.unlink()
        daemon.next("journal_answers_again" if trouble == "hold" else "journal_works_again", timeout_s=90)
        assert_goes_on(daemon)
        wait_until_all_agree(daemon)


def test_a_full_disk_lets_nothing_in_until_there_is_room(tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("unshare is absent")
    journal = tmp_path / "journal"
    journal.mkdir()
    mount = f'mount -t tmpfs -o size=2m tmpfs "{journal}" || exit 77; exec "$@"'
    prefix = ("unshare", "-rm", "sh", "-c", mount, "sh")
    if subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode:
        pytest.skip("mount namespaces are not allowed here")
    with bot(tmp_path, prefix=prefix) as daemon:
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"), 90)
        inside = Path(f"/proc/{daemon.pid}/root{tmp_path}")
        ballast = inside / "journal" / "ballast"
        fill_up(ballast)
        daemon.mood = "pulse"
        assert "full" in daemon.next("journal_failed", timeout_s=90)["reason"]
        ballast.unlink()
        daemon.next("journal_works_again", timeout_s=90)
        assert_goes_on(daemon)
        daemon.until(lambda: agrees(daemon, inside, tmp_path / "copy"))


def agrees(daemon: Bot, inside: Path, copy: Path) -> bool:
    """SQLite would look for a path in another mount namespace in this one: a copy is compared."""
    shutil.rmtree(copy, ignore_errors=True)
    daemon.signal(signal.SIGSTOP)
    try:
        shutil.copytree(inside / "journal", copy / "journal")
    finally:
        daemon.signal(signal.SIGCONT)
    assert_books_agree(copy, daemon.venue.ledger())
    return True


def fill_up(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            return


def test_a_lock_that_another_process_holds_lets_nothing_in_until_it_is_gone(tmp_path: Path) -> None:
    with traded_once(tmp_path) as daemon:
        before = len(daemon.venue.ledger()["orders"])
        other = sqlite3.connect(journal_file(tmp_path), isolation_level=None, timeout=60)
        other.execute("BEGIN IMMEDIATE")
        daemon.mood = "long"
        assert "locked" in daemon.next("journal_failed", timeout_s=90)["reason"]
        assert daemon.until(lambda: refused(daemon))
        assert len(daemon.venue.ledger()["orders"]) == before
        other.execute("ROLLBACK")
        other.close()
        daemon.next("journal_works_again", timeout_s=90)
        assert_goes_on(daemon)
        wait_until_all_agree(daemon)


def test_a_database_server_that_stands_still_lets_nothing_in_until_it_answers(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    settings = {"STORAGE__JOURNAL_URL": postgres.new_database(), "STORAGE__LEASE_S": "300"}
    with traded_once(tmp_path, **settings) as daemon:
        before = len(daemon.venue.ledger()["orders"])
        postgres.pause()
        try:
            daemon.mood = "long"
            assert "has not answered" in daemon.next("journal_hangs", timeout_s=90)["reason"]
            assert len(daemon.venue.ledger()["orders"]) == before
        finally:
            postgres.resume()
        daemon.next("journal_answers_again", timeout_s=90)
        assert_goes_on(daemon)


def ends_with_4(data_dir: Path, *words: str, prefix: tuple[str, ...] = ()) -> Bot:
    with bot(data_dir, prefix=prefix) as daemon:
        assert daemon.end() == 4, daemon.lines[-20:]
        for word in words:
            assert word in daemon.errors
        assert "Traceback" not in daemon.errors + json.dumps(daemon.lines)
        assert not daemon.all("order")
        return daemon


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """The folder of a daemon that has traded and stopped in order."""
    with traded_once(tmp_path) as daemon:
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0
    return tmp_path


def test_what_the_start_finds_wrong_ends_it_with_4_and_leaves_the_file_alone(stopped: Path) -> None:
    file = journal_file(stopped)
    whole = file.read_bytes()

    damaged = bytearray(whole)
    middle = len(whole) // 8192 * 4096
    damaged[middle : middle + 4096] = b"\x55" * 4096
    file.write_bytes(damaged)
    ends_with_4(stopped, str(file), "damaged")
    assert file.read_bytes() == damaged

    file.write_bytes(whole)
    with sqlite3.connect(file) as database:
        database.execute("INSERT INTO schema_versions VALUES (99, 'tomorrow')")
    database.close()
    newer = file.read_bytes()
    ends_with_4(stopped, str(file), "version 99", "start the version that wrote it")
    assert file.read_bytes() == newer

    file.write_bytes(whole)
    with sqlite3.connect(file, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        ends_with_4(stopped, str(file), "locked")
        other.execute("ROLLBACK")
    other.close()

    with bot(stopped) as daemon:  # nothing was spoilt on the way
        assert daemon.next("recovered")["fills"] >= 4
        daemon.next("trading")


def test_a_read_only_disk_ends_the_start_with_4(stopped: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("unshare is absent")
    journal = stopped / "journal"
    script = f'mount --bind "{journal}" "{journal}" && mount -o remount,ro,bind "{journal}" || exit 77; exec "$@"'
    prefix = ("unshare", "-rm", "sh", "-c", script, "sh")
    if subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode:
        pytest.skip("mount namespaces are not allowed here")
    ends_with_4(stopped, str(journal), "read-only", prefix=prefix)
