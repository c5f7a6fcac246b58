"""CSV, Parquet and Feather tables: what they hold, and what is wrong with them."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from core.domain.candles import Timeframe
from core.domain.errors import DataFileError
from core.domain.series import SeriesKind
from core.history.files.discovery import series_in
from core.history.files.reading import read_series
from tests.unprivileged import as_nobody
from unit.history.files.making import FIRST_MS, ROWS, table, write_table


def rows_of(path: Path) -> list[dict[str, object]]:
    (series,) = series_in(path).series
    return read_series(series).rows.to_pylist()


@pytest.mark.parametrize("name", ["BTC-USDT-1m.csv", "btcusdt_1m.csv.gz", "BTC_USDT.parquet", "btc-usdt.feather"])
def test_each_kind_of_file_gives_the_same_bars(tmp_path: Path, name: str):
    (series,) = series_in(write_table(table(), tmp_path / name)).series
    assert str(series.name) == "files candles BTC/USDT 1m"
    rows = read_series(series).rows.to_pylist()
    assert rows[0] == {
        "open_time": datetime(2022, 1, 1, tzinfo=UTC),
        "open": 100.0,
        "high": 110.0,
        "low": 95.0,
        "close": 105.0,
        "volume": 12.5,
        "vwap": None,
        "n_trades": None,
    }
    assert [row["close"] for row in rows] == [105.0, 104.5, 120.0]


@pytest.mark.parametrize(
    ("name", "kind", "symbol"),
    [
        ("SPY_1d.csv", SeriesKind.STOCK_BARS, "SPY"),
        ("AMD_data.csv", SeriesKind.STOCK_BARS, "AMD"),
        ("btc-perp-2021_1m.csv", SeriesKind.CANDLES, "BTC/PERP"),
        ("ETHBTC.csv", SeriesKind.CANDLES, "ETH/BTC"),
    ],
)
def test_the_name_says_symbol_and_market(tmp_path: Path, name: str, kind: SeriesKind, symbol: str):
    (series,) = series_in(write_table(table(), tmp_path / name)).series
    assert (series.name.kind, series.name.symbol) == (kind, symbol)


def test_the_steps_of_the_times_say_the_timeframe(tmp_path: Path):
    days = [FIRST_MS + day * 86_400_000 for day in (0, 1, 4)]
    (series,) = series_in(write_table(table(timestamp=days), tmp_path / "SPY.csv")).series
    assert series.name.timeframe is Timeframe.D1


def test_one_file_of_several_symbols_is_several_series(tmp_path: Path):
    both = pd.concat([table(Ticker="AAPL"), table(Ticker="MSFT", close=106.0)])
    path = write_table(both, tmp_path / "stocks.csv")
    first, second = series_in(path).series
    assert [first.name.symbol, second.name.symbol] == ["AAPL", "MSFT"]
    assert [row["close"] for row in read_series(second).rows.to_pylist()] == [106.0] * 3


def test_lines_of_a_later_symbol_are_those_of_the_file(tmp_path: Path):
    both = pd.concat([table(Ticker="AAPL"), table(Ticker="MSFT").astype({"open": object})])
    both.iloc[4, 1] = "many"
    path = write_table(both, tmp_path / "stocks.csv")
    with pytest.raises(DataFileError, match=r"stocks\.csv, line 6: open is not a number: 'many'"):
        read_series(series_in(path).series[1])


def test_symbols_that_are_mixed_up_are_refused(tmp_path: Path):
    mixed = pd.concat([table(Ticker="AAPL"), table(Ticker="MSFT")]).sort_values("timestamp", kind="stable")
    with pytest.raises(DataFileError, match="rows of AAPL stand between those of others; sort the file by 'ticker'"):
        read_series(series_in(write_table(mixed, tmp_path / "stocks.csv")).series[0])


def test_trades_and_quotes_are_told_by_their_columns(tmp_path: Path):
    times = [FIRST_MS, FIRST_MS + 5]
    trades = pd.DataFrame(
        {
            "timestamp": times,
            "trade_id": [7, 8],
            "price": [1.0, 2.0],
            "quantity": [3.0, 4.0],
            "buyer_maker": ["True", "False"],
        }
    )
    (series,) = series_in(write_table(trades, tmp_path / "btcusdt-trades.parquet")).series
    assert series.name.kind is SeriesKind.TRADES
    first = read_series(series).rows.to_pylist()[0]
    assert {name: first[name] for name in ("trade_id", "price", "size", "side")} == {
        "trade_id": "7",
        "price": 1.0,
        "size": 3.0,
        "side": "sell",
    }
    quotes = pd.DataFrame({"timestamp": times, "symbol": "BTC/USDT", "bid": [1.0, None], "ask": [2.0, 2.5]})
    (series,) = series_in(write_table(quotes, tmp_path / "quotes.csv")).series
    assert str(series.name) == "files quotes BTC/USDT"
    assert [row["bid"] for row in read_series(series).rows.to_pylist()] == [1.0, None]


def test_blank_prices_are_none(tmp_path: Path):
    path = write_table(table(open=[100.0, None, 104.5]), tmp_path / "BTC-USDT.csv")
    assert [row["open"] for row in rows_of(path)] == [100.0, None, 104.5]


@pytest.mark.parametrize("scale", [1e-3, 1, 1e3, 1e6], ids=["s", "ms", "us", "ns"])
def test_units_of_time_are_told_by_their_size(tmp_path: Path, scale: float):
    times = [int(row[0] * scale) for row in ROWS]
    rows = rows_of(write_table(table(timestamp=times), tmp_path / "BTC-USDT-1m.csv"))
    assert [row["open_time"].timestamp() * 1_000 for row in rows] == [row[0] for row in ROWS]


def test_two_units_in_one_file_are_named(tmp_path: Path):
    times = [FIRST_MS, FIRST_MS + 60_000, (FIRST_MS + 120_000) * 1_000]
    path = write_table(table(timestamp=times), tmp_path / "BTC-USDT-1m.csv")
    with pytest.raises(
        DataFileError, match=r"BTC-USDT-1m\.csv, line 4: a time in µs \(1640995320000000\) after times in ms"
    ):
        rows_of(path)


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (
            table().rename(columns={"close": "last"}),
            r"of no kind of series .* has timestamp, open, high, low, last, volume",
        ),
        (table().rename(columns={"timestamp": "when"}), r"no time column; has when, open"),
        (table(timestamp=["2022-01-01", "soon", "2022-01-03"]), r"line 3: is not a time: 'soon'"),
        (table(high=["110", "high", "120"]), r"line 3: high is not a number: 'high'"),
        (table(volume=[1.0, float("inf"), 2.0]), r"line 3: volume is not a number: inf"),
        (table().iloc[:0], r"holds no rows"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, frame: pd.DataFrame, text: str):
    path = write_table(frame, tmp_path / "BTC-USDT-1m.csv")
    with pytest.raises(DataFileError, match=rf"BTC-USDT-1m\.csv.*{text}"):
        rows_of(path)


@pytest.mark.parametrize("name", ["BTC-USDT.csv", "BTC-USDT.parquet", "BTC-USDT.feather", "BTC-USDT.csv.gz"])
def test_a_file_that_is_not_what_it_says(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xfe")
    with pytest.raises(DataFileError, match=rf"{path}: "):
        series_in(path)


def test_a_file_that_was_cut_short(tmp_path: Path):
    path = write_table(table(), tmp_path / "BTC-USDT.parquet")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataFileError, match=rf"{path}: not a Parquet file"):
        series_in(path)
    path = write_table(table(), tmp_path / "BTC-USDT.csv.gz")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataFileError, match=rf"{path}: is cut short or damaged"):
        series_in(path)


def test_bars_whose_length_nobody_says(tmp_path: Path):
    path = write_table(table(timestamp=[FIRST_MS, FIRST_MS + 7, FIRST_MS + 14]), tmp_path / "BTC-USDT.csv")
    with pytest.raises(DataFileError, match=r"\(7 ms apart\) say how long its bars are; name it like BTC-USDT-1m\.csv"):
        series_in(path)


def test_nobody_may_not_read_what_is_not_theirs(walkable_path: Path):
    path = write_table(table(), walkable_path / "BTC-USDT-1m.csv")
    path.chmod(0o600)

    def answer() -> str:
        try:
            series_in(path)
        except DataFileError as error:
            return str(error)
        return "read"

    assert as_nobody(answer) == f"{path}: can't be read as CSV: Permission denied"
