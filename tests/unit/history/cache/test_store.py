"""The cache against what a disk and other processes do to it."""

import errno
import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import CacheError
from core.domain.series import SeriesKind
from core.history.cache import parts, store
from core.history.cache.layout import shelf_of
from core.history.cache.store import MANIFEST, TORN, HistoryCache
from core.history.coverage import missing
from unit.history.tables import DAY_MS, JAN_MS, bars, name_of, times_of

SPY = name_of()
YEAR = (JAN_MS, JAN_MS + 366 * DAY_MS)
FOR_EVER = YEAR[1] + 1
CALL, PUT = (name_of(symbol, SeriesKind.OPTION_BARS) for symbol in ("SPY240119C00470000", "SPY240119P00470000"))


def days(first: int, last: int) -> tuple[int, int]:
    return JAN_MS + first * DAY_MS, JAN_MS + last * DAY_MS


def put(cache: HistoryCache, first: int, last: int, *, price: float = 1.0, settled_ms: int = FOR_EVER) -> None:
    span = days(first, last)
    cache.store(shelf_of(SPY), {"SPY": bars(range(*span, DAY_MS), price)}, span, settled_ms)


def files(cache: HistoryCache) -> list[Path]:
    return sorted(cache.root.glob("**/*.parquet"))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 30), st.floats(1, 9)), max_size=5))
def test_what_was_written_last_is_read_and_covered(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, int, float]]
) -> None:
    cache = HistoryCache(tmp_path_factory.mktemp("cache"))
    model: dict[int, float] = {}
    for first, n_days, price in writes:
        put(cache, first, first + n_days, price=price)
        model |= dict.fromkeys(range(*days(first, first + n_days), DAY_MS), price)
    found = cache.read(SPY, YEAR).rows
    assert dict(zip(times_of(found), found.column("close").to_pylist(), strict=True)) == model
    assert times_of(found) == sorted(model)
    gaps = missing(YEAR, cache.covered([SPY])[SPY])
    assert {moment for gap in gaps for moment in range(*gap, DAY_MS)} == set(range(*YEAR, DAY_MS)) - set(model)


def test_an_empty_range_that_was_asked_is_covered(tmp_path: Path) -> None:
    cache = HistoryCache(tmp_path)
    cache.store(shelf_of(SPY), {"SPY": bars([])}, days(0, 40), FOR_EVER)
    assert cache.covered([SPY])[SPY] == (days(0, 40),)
    assert len(cache.read(SPY, YEAR)) == 0
    assert not files(cache)


def test_rows_that_may_be_revised_are_kept_and_asked_for_again(tmp_path: Path) -> None:
    cache = HistoryCache(tmp_path)
    put(cache, 0, 10, settled_ms=days(0, 8)[1])
    assert len(cache.read(SPY, YEAR)) == 10
    assert cache.covered([SPY])[SPY] == (days(0, 8),)


def test_rows_that_the_source_has_taken_back_are_gone(tmp_path: Path) -> None:
    cache = HistoryCache(tmp_path)
    put(cache, 0, 10)
    cache.store(shelf_of(SPY), {"SPY": bars([])}, days(8, 10), FOR_EVER)
    assert len(cache.read(SPY, YEAR)) == 8


def test_contracts_share_files_and_stay_apart(tmp_path: Path) -> None:
    cache = HistoryCache(tmp_path)
    shelf = shelf_of(CALL)
    cache.store(shelf, {CALL.symbol: bars([JAN_MS], 1), PUT.symbol: bars([JAN_MS, JAN_MS + DAY_MS], 2)}, YEAR, FOR_EVER)
    cache.store(shelf, {CALL.symbol: bars([JAN_MS], 3)}, YEAR, FOR_EVER)
    call, put = cache.read_many([CALL, PUT], YEAR)
    assert call.rows.column("close").to_pylist() == [3.0]
    assert put.rows.column("close").to_pylist() == [2.0, 2.0]
    assert cache.read(PUT, YEAR).rows.equals(put.rows)
    assert len(files(cache)) == 1


def test_rows_of_a_contract_of_which_nothing_is_settled_are_not_taken_for_those_of_another(tmp_path: Path) -> None:
    cache = HistoryCache(tmp_path)
    cache.store(shelf_of(CALL), {CALL.symbol: bars([JAN_MS], 1)}, YEAR, JAN_MS)
    cache.store(shelf_of(PUT), {PUT.symbol: bars([JAN_MS], 2)}, YEAR, FOR_EVER)
    assert cache.read(PUT, YEAR).rows.column("close").to_pylist() == [2.0]
    assert cache.read(CALL, YEAR).rows.column("close").to_pylist() == [1.0]
    assert cache.covered([CALL])[CALL] == ()


def test_the_disk_is_waited_for_where_older_rows_change_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, waits = HistoryCache(tmp_path), list[int]()
    monkeypatch.setattr(parts.os, "fsync", waits.append)
    put(cache, 0, 5)
    assert len(waits) == 1, "for the manifest"
    put(cache, 5, 6)
    assert len(waits) == 3, "and for the month that had rows"


def test_repeated_times_are_kept_in_their_order(tmp_path: Path) -> None:
    cache = HistoryCache(tmp_path)
    twice = parts.pa.concat_tables([bars([JAN_MS], 1), bars([JAN_MS], 2)])
    cache.store(shelf_of(SPY), {"SPY": twice}, YEAR, FOR_EVER)
    assert cache.read(SPY, YEAR).rows.column("close").to_pylist() == [1.0, 2.0]


@pytest.mark.parametrize("damage", ["cut", "flip", "gone", "empty"])
def test_a_torn_file_is_never_read_and_asked_for_again(tmp_path: Path, damage: str) -> None:
    cache = HistoryCache(tmp_path)
    put(cache, 0, 60)
    january = files(cache)[0]
    content = january.read_bytes()
    match damage:
        case "cut":
            january.write_bytes(content[:-7])
        case "flip":
            january.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
        case "empty":
            january.write_bytes(b"")
        case "gone":
            january.unlink()
    found = cache.read(SPY, YEAR)
    assert times_of(found.rows) == list(range(*days(31, 60), DAY_MS))
    assert missing(days(0, 60), cache.covered([SPY])[SPY]) == (days(0, 31),)
    assert len(list(tmp_path.glob(f"**/*{TORN}"))) == (damage != "gone")
    put(cache, 0, 31)
    assert len(cache.read(SPY, YEAR)) == 60


def test_writing_into_a_month_whose_file_is_torn_forgets_the_rest_of_it(tmp_path: Path) -> None:
    cache = HistoryCache(tmp_path)
    put(cache, 0, 20)
    files(cache)[0].write_bytes(b"PAR1")
    put(cache, 20, 31)
    assert cache.covered([SPY])[SPY] == (days(20, 31),)
    assert len(cache.read(SPY, YEAR)) == 11


def test_a_damaged_manifest_is_set_aside_and_all_is_asked_for_again(tmp_path: Path) -> None:
    cache = HistoryCache(tmp_path)
    put(cache, 0, 5)
    manifest = next(tmp_path.glob(f"**/{MANIFEST}"))
    manifest.write_bytes(manifest.read_bytes()[:-20])
    assert cache.covered([SPY])[SPY] == ()
    assert len(cache.read(SPY, YEAR)) == 0
    put(cache, 0, 5)
    assert len(cache.read(SPY, YEAR)) == 5


def test_verify_names_what_is_torn_and_sets_it_aside(tmp_path: Path) -> None:
    cache = HistoryCache(tmp_path)
    put(cache, 0, 60)
    assert cache.verify(shelf_of(SPY)) == []
    torn = files(cache)[1]
    torn.write_bytes(b"")
    assert cache.verify(shelf_of(SPY)) == [torn.name]
    assert cache.verify(shelf_of(SPY)) == []


def test_prune_frees_months_and_forgets_that_they_were_asked_for(tmp_path: Path) -> None:
    cache = HistoryCache(tmp_path)
    put(cache, 0, 60)
    first = files(cache)[0].stat().st_size
    assert cache.prune(shelf_of(SPY), before_ms=days(0, 45)[1]) == first
    assert cache.covered([SPY])[SPY] == (days(31, 60),)
    assert list(cache.shelves()) == [shelf_of(SPY)]
    assert cache.prune(shelf_of(SPY)) > 0
    assert list(cache.shelves()) == []
    assert not files(cache)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = HistoryCache(tmp_path)
    put(cache, 0, 5)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(parts.os, "fsync", full)
    with pytest.raises(CacheError, match=r"No space left on device\. Free some space"):
        put(cache, 5, 50, price=2)
    monkeypatch.undo()
    assert times_of(cache.read(SPY, YEAR).rows) == list(range(*days(0, 5), DAY_MS))
    assert not list(tmp_path.glob("**/.*parquet*"))


def test_a_writer_that_dies_before_the_manifest_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = HistoryCache(tmp_path)
    put(cache, 0, 5)

    def die(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "gone")

    monkeypatch.setattr(store, "write_whole", die)
    with pytest.raises(CacheError):
        put(cache, 0, 50, price=2)
    monkeypatch.undo()
    assert cache.read(SPY, YEAR).rows.column("close").to_pylist() == [1.0] * 5
    put(cache, 5, 6)
    assert len(files(cache)) == 1


def _write_months(root: Path, first: int) -> None:
    cache = HistoryCache(root)
    for month in range(first, 120, 40):
        put(cache, month, month + 20)


@pytest.mark.slow
def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_months, args=(tmp_path, first)) for first in (0, 20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert len(HistoryCache(tmp_path).read(SPY, YEAR)) == 120
