"""The record is bounded, survives what happens to its file, and never holds up who records."""

import shutil
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from core.decision_ledger.storage import Batch
from tests.waiting import eventually
from unit.decision_ledger.making import START_MS, ledger_file, line, reader, recording

DAY_MS = 86_400_000


async def test_all_that_was_recorded_is_in_the_file_once_it_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "decisions" / "x.sqlite"
    async with recording(ledger_file(file), flush_s=3_600.0) as ledger:
        for minute in range(500):
            ledger.record(line(minute=minute))
        assert ledger.statistics().waiting == 500
    assert len(reader(file).newest(1_000)) == 500
    done = ledger.statistics()
    assert (done.recorded, done.waiting, done.dropped, done.failure) == (500, 0, 0, "")


async def test_what_finds_the_queue_full_is_dropped_and_counted(tmp_path: Path) -> None:
    async with recording(ledger_file(tmp_path / "x.sqlite"), flush_s=3_600.0, queue_size=100) as ledger:
        for minute in range(150):
            ledger.record(line(minute=minute))
        assert ledger.statistics().dropped == 50
    assert [each.close_ms for each in reader(tmp_path / "x.sqlite").newest(1)] == [START_MS + 99 * 60_000]


async def test_a_folder_that_cannot_be_written_is_said_once_and_loses_nothing_that_fits(tmp_path: Path) -> None:
    folder = tmp_path / "decisions"
    folder.write_text("in the way")
    with capture_logs() as logs:
        async with recording(ledger_file(folder / "x.sqlite")) as ledger:
            ledger.record(line(minute=1))
            await eventually(lambda: ledger.statistics().failure)
            ledger.record(line(minute=2))
            folder.unlink()
            await eventually(lambda: ledger.statistics().recorded == 2)
            await eventually(lambda: not ledger.statistics().failure)
    events = [each["event"] for each in logs]
    assert events.count("decision_ledger_failed") == events.count("decision_ledger_works_again") == 1


async def test_with_little_room_on_the_disk_nothing_is_written_until_there_is_more(tmp_path: Path) -> None:
    free_mb = [150.0]
    async with recording(
        ledger_file(tmp_path / "x.sqlite"), min_free_mb=200.0, free=lambda: free_mb[0], queue_size=100
    ) as ledger:
        ledger.record(line())
        await eventually(lambda: "150 MB are left" in ledger.statistics().failure)
        assert not (tmp_path / "x.sqlite").exists()
        for minute in range(200):
            ledger.record(line(minute=minute))
        assert ledger.statistics().dropped > 0
        free_mb[0] = 300.0
        await eventually(lambda: ledger.statistics().waiting == 0)
    assert reader(tmp_path / "x.sqlite").newest(1)


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5_000])
async def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.sqlite"
    file.write_bytes(content)
    with capture_logs() as logs:
        async with recording(ledger_file(file)) as ledger:
            ledger.record(line())
            await eventually(lambda: ledger.statistics().recorded)
    assert [each.close_ms for each in reader(file).newest(9)] == [START_MS]
    assert (tmp_path / "x.sqlite.set-aside").read_bytes() == content
    assert [each["event"] for each in logs] == ["decision_ledger_set_aside"]


async def test_a_page_that_is_damaged_while_it_runs_costs_the_past_not_the_future(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite"
    first = ledger_file(file)
    first.write(Batch([line(minute=minute) for minute in range(500)]))
    first.close()
    content = bytearray(file.read_bytes())
    content[4_096 : len(content)] = b"\xff" * (len(content) - 4_096)
    file.write_bytes(content)
    async with recording(ledger_file(file)) as ledger:
        ledger.record(line(minute=1_000))
        await eventually(lambda: ledger.statistics().recorded)
    assert reader(file).newest(1)[0].close_ms == START_MS + 1_000 * 60_000


async def test_a_file_of_another_version_is_set_aside(tmp_path: Path) -> None:
    import sqlite3

    file = tmp_path / "x.sqlite"
    other = sqlite3.connect(file)
    other.execute("PRAGMA user_version = 99")
    other.close()
    async with recording(ledger_file(file)) as ledger:
        ledger.record(line())
    assert len(reader(file).newest(9)) == 1
    assert (tmp_path / "x.sqlite.set-aside").exists()


async def test_a_file_that_is_deleted_under_the_writer_is_made_again(tmp_path: Path) -> None:
    file = tmp_path / "decisions" / "x.sqlite"
    async with recording(ledger_file(file)) as ledger:
        ledger.record(line(minute=1))
        await eventually(lambda: ledger.statistics().recorded == 1)
        shutil.rmtree(file.parent)
        ledger.record(line(minute=2))
        await eventually(lambda: ledger.statistics().recorded == 2)
    assert [each.close_ms for each in reader(file).newest(9)] == [START_MS + 120_000]


def test_what_is_too_old_is_deleted_with_its_counts(tmp_path: Path) -> None:
    now_ms = [START_MS]
    file = ledger_file(tmp_path / "x.sqlite", max_age_ms=2 * DAY_MS, wall_ms=lambda: now_ms[0])
    for day in range(5):
        now_ms[0] = START_MS + day * DAY_MS
        file.write(Batch([line(minute=day * 1_440)]))
    while file.prune():
        pass
    file.close()
    of = reader(tmp_path / "x.sqlite")
    kept = [START_MS + day * DAY_MS for day in (2, 3, 4)]
    assert [each.close_ms for each in reversed(of.newest(9))] == kept
    assert [each.hour_ms for each in of.summary()] == kept


def test_the_file_stays_within_its_size_and_keeps_the_newest(tmp_path: Path) -> None:
    file = ledger_file(tmp_path / "x.sqlite", max_bytes=300_000)
    for batch in range(12):
        file.write(Batch([line(minute=batch * 500 + n, inputs={"n": f"{n * 7919:x}" * 8}) for n in range(500)]))
        while file.prune():
            pass
    size_mb = file.size_mb
    file.close()
    assert reader(tmp_path / "x.sqlite").newest(1)[0].close_ms == START_MS + 5_999 * 60_000
    assert size_mb < 3.0
    assert len(reader(tmp_path / "x.sqlite").newest(6_000)) < 5_000


async def test_recording_never_waits_for_a_disk_that_hangs(tmp_path: Path) -> None:
    hangs = threading.Event()

    def free_mb() -> float:
        assert hangs.wait(60)
        return 1e6

    async with recording(ledger_file(tmp_path / "x.sqlite"), free=free_mb) as ledger:
        for minute in range(2_000):
            ledger.record(line(minute=minute))
        waiting = ledger.statistics()
        assert waiting.recorded == 0
        assert waiting.dropped >= 800
        assert not await ledger.close(0.01)
        hangs.set()
