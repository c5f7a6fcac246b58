"""A folder of files as a source of history."""

import pickle
from pathlib import Path

import pytest

from core.domain.candles import Timeframe
from core.domain.errors import GarbageAnswer, NotPermitted, QueryRefused, SourceUnavailable, UnknownSymbols
from core.domain.series import SeriesKind
from core.history.files.source import FileSource
from core.ports.history import HistoryPage, HistoryQuery, HistorySource, UnreadPage
from tests.unprivileged import as_nobody
from unit.history.files.making import FIRST_MS, table, write_table, write_zip
from unit.history.files.test_lean import MINUTES


def query(symbol: str = "BTC/USDT", *, start_ms: int = 0, end_ms: int = 2 * FIRST_MS) -> HistoryQuery:
    return HistoryQuery(SeriesKind.CANDLES, (symbol,), Timeframe.M1, start_ms, end_ms)


def read(page: HistoryPage | UnreadPage) -> HistoryPage:
    """As in a worker process."""
    return pickle.loads(pickle.dumps(page)).read() if isinstance(page, UnreadPage) else page


def test_a_page_holds_the_rows_of_its_range_in_order(tmp_path: Path):
    write_table(table().iloc[::-1], tmp_path / "BTC-USDT-1m.csv")
    source: HistorySource = FileSource(tmp_path)
    page = read(source.page(query(start_ms=FIRST_MS + 60_000, end_ms=FIRST_MS + 120_001), None))
    assert [row["close"] for row in page.rows["BTC/USDT"].to_pylist()] == [104.5, 120.0]
    assert page.next_token is None
    assert read(source.page(query(start_ms=0, end_ms=1), None)).rows == {}
    assert [str(each) for each in source.listing() or ()] == ["files candles BTC/USDT 1m"]


def test_each_file_of_a_series_is_a_page_and_days_outside_the_range_are_not_read(tmp_path: Path):
    folder = tmp_path / "crypto/coinbase/minute/btcusd"
    for day in ("20180401", "20180404", "20180405", "20180420"):
        write_zip(folder / f"{day}_trade.zip", {"trade.csv": MINUTES})
    source = FileSource(tmp_path)
    asked = query("BTC/USD", start_ms=1_522_800_000_000, end_ms=1_522_972_800_000)  # 4 and 5 April
    token, rows = None, []
    for _ in range(3):
        page = read(source.page(asked, token))
        rows.append(page.rows["BTC/USD"].num_rows if page.rows else 0)
        if (token := page.next_token) is None:
            break
    assert rows == [2, 2]


def test_what_is_not_there_is_named_with_what_is(tmp_path: Path):
    write_table(table(), tmp_path / "BTC-USDT-1m.csv")
    (tmp_path / "ETH-USDT-1m.csv").write_text("when,what\n1,2\n")
    source = FileSource(tmp_path)
    with pytest.raises(
        UnknownSymbols, match=r"no such symbol: XRP/USDT\. In .*: candles BTC/USDT 1m\. Not read: .*ETH-USDT"
    ):
        source.page(query("XRP/USDT"), None)
    write_table(table(), tmp_path / "XRP-USDT-1m.csv")
    assert read(source.page(query("XRP/USDT"), None)).rows.keys() == {"XRP/USDT"}


def test_two_files_of_one_series_are_not_chosen_between(tmp_path: Path):
    write_table(table(), tmp_path / "a" / "BTC-USDT-1m.csv")
    write_table(table(), tmp_path / "b" / "BTC-USDT-1m.csv")
    with pytest.raises(QueryRefused, match=r"more than one series is BTC/USDT candles: .*a/BTC-USDT-1m\.csv, .*b/"):
        FileSource(tmp_path).page(query(), None)


def test_several_symbols_at_a_time_are_refused(tmp_path: Path):
    asked = HistoryQuery(SeriesKind.CANDLES, ("A", "B"), Timeframe.M1, 0, 1)
    with pytest.raises(QueryRefused, match="one symbol at a time"):
        FileSource(tmp_path).page(asked, None)


def test_a_file_that_changed_meanwhile_is_garbage(tmp_path: Path):
    path = write_table(table(), tmp_path / "BTC-USDT-1m.parquet")
    page = FileSource(tmp_path).page(query(), None)
    path.write_bytes(b"no more")
    with pytest.raises(GarbageAnswer, match=r"files: .*BTC-USDT-1m\.parquet: not a Parquet file"):
        read(page)


def test_no_folder_and_a_closed_source(tmp_path: Path):
    with pytest.raises(GarbageAnswer, match="no such file or folder"):
        FileSource(tmp_path / "absent").listing()
    source = FileSource(tmp_path)
    source.close()
    source.close()
    with pytest.raises(SourceUnavailable):
        source.listing()


def test_a_file_of_somebody_else_needs_a_person(walkable_path: Path):
    path = write_table(table(), walkable_path / "BTC-USDT-1m.csv")
    page = FileSource(walkable_path).page(query(), None)
    path.chmod(0o600)

    def answer() -> str:
        try:
            read(page)
        except NotPermitted as error:
            return str(error)
        return "read"

    assert as_nobody(answer) == f"files: {path}: can't be read as CSV: Permission denied"


def test_abilities_know_every_kind(tmp_path: Path):
    kinds = FileSource(tmp_path).abilities.kinds
    assert kinds.keys() == set(SeriesKind)
    assert kinds[SeriesKind.CANDLES].timeframes == frozenset(Timeframe)
