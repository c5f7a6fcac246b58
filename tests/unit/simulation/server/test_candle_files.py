"""Candle files of each kind are read, and each way of being wrong is named with its place."""

import math
from pathlib import Path

import pandas as pd
import pytest

from core.domain.candles import Candle
from core.domain.errors import DataFileError
from core.simulation.server.candle_files import read_candle_files, read_candles, symbol_of
from tests.unprivileged import as_nobody

FIRST_MS = 1_640_991_660_000
ROWS = [
    (FIRST_MS, 100.0, 110.0, 95.0, 105.0, 12.5),
    (FIRST_MS + 60_000, 105.0, 106.0, 104.0, 104.5, 0.0),
    (FIRST_MS + 120_000, 104.5, 120.0, 104.5, 120.0, 3.25),
]
CANDLES = [Candle(*row) for row in ROWS]


def frame(**columns: object) -> pd.DataFrame:
    table = pd.DataFrame(ROWS, columns=["timestamp", "open", "high", "low", "close", "volume"])
    return table.assign(**columns)


def write(table: pd.DataFrame, path: Path) -> Path:
    match path.suffix:
        case ".csv":
            table.to_csv(path, index=False)
        case ".parquet":
            table.to_parquet(path)
        case _:
            table.to_feather(path)
    return path


@pytest.mark.parametrize("name", ["BTC-USDT.csv", "BTC-USDT.parquet", "BTC-USDT.feather"])
def test_each_kind_of_file_gives_the_same_candles(tmp_path: Path, name: str) -> None:
    assert read_candles(write(frame(), tmp_path / name)) == CANDLES


TIMES = pd.to_datetime([row[0] for row in ROWS], unit="ms", utc=True)


@pytest.mark.parametrize(
    "times",
    [
        [row[0] // 1_000 for row in ROWS],
        [row[0] * 1_000 for row in ROWS],
        [row[0] * 1_000_000 for row in ROWS],
        [row[0] / 1_000 for row in ROWS],
        TIMES,
        TIMES.tz_localize(None),
        TIMES.tz_convert("Asia/Tokyo"),
        TIMES.strftime("%Y-%m-%d %H:%M:%S.%f"),
        TIMES.strftime("%Y-%m-%dT%H:%M:%SZ"),
        TIMES.strftime("%Y-%m-%d %H:%M"),
    ],
    ids=["s", "us", "ns", "float s", "utc", "naive", "zone", "text", "iso", "short text"],
)
@pytest.mark.parametrize("name", ["BTC-USDT.csv", "BTC-USDT.parquet"])
def test_times_in_all_their_forms(tmp_path: Path, times: object, name: str) -> None:
    assert read_candles(write(frame(timestamp=times), tmp_path / name)) == CANDLES


@pytest.mark.parametrize("column", ["open_time", "Date", "DateTime", "Open time", "t"])
def test_columns_under_their_usual_names(tmp_path: Path, column: str) -> None:
    table = frame().rename(columns={"timestamp": column, "open": "Open", "high": "HIGH", "volume": "Vol"})
    assert read_candles(write(table, tmp_path / "BTC-USDT.csv")) == CANDLES


def test_a_time_index_is_a_time_column(tmp_path: Path) -> None:
    table = frame(timestamp=TIMES).set_index("timestamp")
    assert read_candles(write(table, tmp_path / "BTC-USDT.parquet")) == CANDLES


def test_quote_volume_and_trade_counts_are_taken_if_there(tmp_path: Path) -> None:
    table = frame(**{"quote asset volume": [1.5, 0, 2], "number of trades": [7, 0, 1]})
    candles = read_candles(write(table, tmp_path / "BTC-USDT.csv"))
    assert [(candle.quote_volume, candle.n_trades) for candle in candles] == [(1.5, 7), (0.0, 0), (2.0, 1)]


def test_an_archive_of_binance_without_header(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-2021-12.csv"
    path.write_text("".join(f"{','.join(map(str, row))},{row[0] + 59_999},99,3,1,2,0\n" for row in ROWS))
    candles = read_candles(path)
    assert [candle.open_ms for candle in candles] == [row[0] for row in ROWS]
    assert (candles[0].quote_volume, candles[0].n_trades) == (99.0, 3)


def test_blank_lines_at_the_end_are_no_candles(tmp_path: Path) -> None:
    path = write(frame(), tmp_path / "BTC-USDT.csv")
    path.write_text(path.read_text() + "\n\n")
    assert read_candles(path) == CANDLES


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BTC-USDT-1m.csv", "BTC/USDT"),
        ("eth_usdt.parquet", "ETH/USDT"),
        ("BTCUSDT-1m-2024-01.csv", "BTC/USDT"),
        ("1INCH-USDT.feather", "1INCH/USDT"),
        ("ETHBTC.csv", "ETH/BTC"),
    ],
)
def test_the_name_of_a_file_says_its_symbol(name: str, symbol: str) -> None:
    assert symbol_of(Path("somewhere") / name) == symbol


@pytest.mark.parametrize("name", ["candles.csv", "1m.csv", "-USDT.csv", "USDT.csv"])
def test_a_name_that_says_none_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(DataFileError, match=r"name it like BTC-USDT-1m\.csv"):
        symbol_of(Path(name))


def test_files_are_read_by_symbol_and_one_symbol_once(tmp_path: Path) -> None:
    first, second = write(frame(), tmp_path / "BTC-USDT.csv"), write(frame(), tmp_path / "ETH-USDT.parquet")
    assert read_candle_files([first, second]) == {"BTC/USDT": CANDLES, "ETH/USDT": CANDLES}
    again = write(frame(), tmp_path / "btc_usdt.parquet")
    with pytest.raises(DataFileError, match=r"btc_usdt\.parquet: .*BTC-USDT\.csv already holds BTC/USDT"):
        read_candle_files([first, again])


def column(name: str, *values: object) -> pd.DataFrame:
    return frame(**{name: list(values)})


TIME = [row[0] for row in ROWS]


@pytest.mark.parametrize(
    ("table", "place", "text"),
    [
        (column("high", 110.0, math.nan, 120.0), 1, "high is not a number"),
        (column("volume", 1.0, 2.0, math.inf), 2, "volume is not a number"),
        (column("open", "100", "105", "many"), 2, "open is not a number: 'many'"),
        (column("high", 110.0, 104.9, 120.0), 1, "high is below open or close"),
        (column("low", 95.0, 104.6, 104.5), 1, "low is above open or close"),
        (column("low", 0.0, 104.0, 104.5), 0, "a price is not positive"),
        (column("volume", 1.0, -1.0, 2.0), 1, "volume is negative"),
        (column("timestamp", TIME[0], TIME[0], TIME[2]), 1, "2021-12-31T23:01:00+00:00 is there twice"),
        (column("timestamp", TIME[0], TIME[2], TIME[1]), 2, "is before the candle above it"),
        (column("timestamp", "2021-12-31", "soon", "2022-01-01"), 1, "is not a time: 'soon'"),
        (column("timestamp", TIME[0], "soon", TIME[2]).astype({"timestamp": str}), 1, "is not a time: 'soon'"),
        (column("timestamp", 0, TIME[1], TIME[2]), 0, "is not a time"),
    ],
)
@pytest.mark.parametrize("name", ["BTC-USDT.csv", "BTC-USDT.parquet"])
def test_what_could_not_have_been_is_named_with_its_place(
    tmp_path: Path, table: pd.DataFrame, place: int, text: str, name: str
) -> None:
    path = write(table, tmp_path / name)
    where = f"{path}, line {place + 2}: " if name.endswith("csv") else f"{path}, row {place}: "
    with pytest.raises(DataFileError) as error:
        read_candles(path)
    assert str(error.value).startswith(where)
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("BTC-USDT.csv", b"", "is empty"),
        ("BTC-USDT.csv", b"timestamp,open,high,low,close,volume\n", "holds no candles"),
        ("BTC-USDT.csv", b"\n\n\n", "is empty|holds no candles"),
        ("BTC-USDT.csv", b"timestamp,open,high,low,close\n1,2,3,1,2\n", "no column 'volume'; has timestamp, open"),
        ("BTC-USDT.csv", b"when,open,high,low,close,volume\n1,2,3,1,2,9\n", "no time column; has when, open"),
        (
            "BTC-USDT.csv",
            b"timestamp,open,Open,high,low,close,volume\n1,2,2,3,1,2,9\n",
            "two columns are called 'open'",
        ),
        ("BTC-USDT.csv", b"t,o,h,l,c,v\n1,2,3,1,2,9\n1,2,3,1,2,9,1,2,3\n", "not a CSV file: .*line 3"),
        ("BTC-USDT.csv", b"\xff\xfe\x00\x01,,\n\x80", "not a CSV file"),
        ("BTC-USDT.parquet", b"PAR1 is only how it begins", "not a Parquet file"),
        ("BTC-USDT.parquet", b"", "not a Parquet file"),
        ("BTC-USDT.feather", b"ARROW1 is only how it begins", "not a Feather file"),
        ("BTC-USDT.xlsx", b"PK", "not a kind of file that is read here"),
    ],
)
def test_files_that_are_not_what_they_say(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataFileError, match=text) as error:
        read_candles(path)
    assert str(path) in str(error.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for kind in ("csv", "parquet", "feather"):
        with pytest.raises(DataFileError, match="no such file"):
            read_candles(tmp_path / f"BTC-USDT.{kind}")
        (tmp_path / f"ETH-USDT.{kind}").mkdir()
        with pytest.raises(DataFileError, match="is a folder"):
            read_candles(tmp_path / f"ETH-USDT.{kind}")


@pytest.mark.parametrize("kind", ["csv", "parquet", "feather"])
def test_a_file_one_may_not_read(walkable_path: Path, kind: str) -> None:
    path = write(frame(), walkable_path / f"BTC-USDT.{kind}")
    path.chmod(0)

    def attempt() -> str:
        try:
            read_candles(path)
        except DataFileError as error:
            return str(error)
        return "read it"

    assert "Permission denied" in as_nobody(attempt)


def test_recorded_candles(recorded_data: Path) -> None:
    (file,) = (recorded_data / "nautilus" / "market").glob("btc-perp-*_1m.csv")
    candles = read_candles(file)
    assert len(candles) == 45_031
    assert candles[0] == Candle(1_640_991_660_000, 46_319.0, 46_385.0, 46_319.0, 46_377.0, 2_300_413.7295)
