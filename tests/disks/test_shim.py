"""The shim sees everything that a process does below its folder, and spoils syncs when told."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.disks import shim
from tests.disks.recording import records
from tests.disks.watched import WatchedFolder
from tests.preload import NO_COMPILER, compiler

pytestmark = pytest.mark.processes

if compiler() is None:
    pytest.skip(NO_COMPILER, allow_module_level=True)

DEEDS = """
import os, sqlite3, sys
from pathlib import Path
root = Path(sys.argv[1])
(root / "folder").mkdir()
os.chdir(root / "folder")
for n in range(2):
    database = sqlite3.connect("book.sqlite")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA wal_autocheckpoint=3")
    database.execute("CREATE TABLE IF NOT EXISTS t (words)")
    for each in range(8):
        with database:
            database.execute("INSERT INTO t VALUES (?)", ("x" * 2000,))
    database.close()
Path("draft").write_bytes(b"abc" * 999)
with open("draft", "r+b") as file:
    file.seek(5)
    file.write(b"in the middle")
    file.truncate(700)
with open("draft", "ab") as file:
    file.write(b"at the end")
os.replace("draft", "kept")
Path("gone").write_text("soon")
os.unlink("gone")
descriptor = os.open(root, os.O_RDONLY)
name = os.open("named", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor)
os.write(name, b"by its folder")
"""


def run(program: str, folder: Path, **given: Path) -> "subprocess.Popen[str]":
    environment = {**os.environ, **shim.environment(root=folder, **given)}
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True, env=environment
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "watched"
    folder.mkdir()
    return folder


def ended(process: "subprocess.Popen[str]") -> int:
    process.communicate(timeout=60)
    return process.returncode


def test_everything_is_seen_and_what_was_committed_is_kept(tmp_path: Path, folder: Path) -> None:
    watched = WatchedFolder(folder, tmp_path / "log")
    assert ended(run(DEEDS, folder, log=watched.log)) == 0
    kinds = {record.kind for record in records(watched.log.read_bytes())}
    assert kinds == set("cmurwtpbe")
    assert watched.missed() == []
    watched.cut("nothing", Random(1))
    assert list(folder.iterdir()) == [], "nobody has synced the root"


def test_what_escapes_the_recording_is_found(tmp_path: Path, folder: Path) -> None:
    watched = WatchedFolder(folder, tmp_path / "log")
    assert ended(run(DEEDS, folder, log=watched.log)) == 0
    (folder / "folder" / "kept").write_text("by somebody else")
    assert watched.missed() == ["folder/kept"]


@pytest.mark.parametrize(
    ("deed", "made"),
    [
        ("file.write(b'new'); file.flush(); os.fsync(file.fileno())", b"new"),
        ("file.write(b'new'); file.flush()", b""),
        ("file.write(b'new'); file.flush(); os.fdatasync(file.fileno()); file.write(b'er'); file.flush()", b"new"),
    ],
)
def test_a_process_that_is_killed_leaves_what_it_has_synced(
    tmp_path: Path, folder: Path, deed: str, made: bytes
) -> None:
    (folder / "file").touch()
    watched = WatchedFolder(folder, tmp_path / "log")
    program = f"import os, signal, sys; file = open(sys.argv[1] + '/file', 'wb'); {deed}; os.kill(os.getpid(), 9)"
    assert ended(run(program, folder, log=watched.log)) == -signal.SIGKILL
    cut = watched.cut("nothing", Random(1))
    assert (folder / "file").read_bytes() == made
    assert cut.forgotten == cut.pending


def test_a_record_that_was_cut_short_is_left_out(tmp_path: Path, folder: Path) -> None:
    watched = WatchedFolder(folder, tmp_path / "log")
    assert ended(run(DEEDS, folder, log=watched.log)) == 0
    log = watched.log.read_bytes()
    whole = list(records(log))
    assert list(records(log[:-1])) == whole[:-1]
    *first, last = records(log[:-1] + log)
    assert [*first, last][-len(whole) :] == whole


WAITS = """
import os, sys
file = open(sys.argv[1] + '/file', 'wb')
print('ready', flush=True)
try:
    os.fsync(file.fileno())
except OSError as error:
    sys.exit(error.strerror)
print('synced', flush=True)
"""


@pytest.mark.parametrize(("trouble", "ends"), [("hold", (0, "synced\n")), ("fail", (1, ""))])
def test_syncs_wait_or_fail_while_they_are_told_to(
    tmp_path: Path, folder: Path, trouble: str, ends: tuple[int, str]
) -> None:
    word = tmp_path / "trouble"
    word.write_text(trouble)
    process = run(WAITS, folder, trouble=word)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    if trouble == "hold":
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        word.unlink()
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == ends
