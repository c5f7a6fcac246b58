"""LEAN's folder: stocks, crypto, options."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from core.domain.errors import DataFileError
from core.history.files.discovery import series_in
from core.history.files.reading import covers_of, read_series
from unit.history.files.making import write_zip

DAILY = "19980102 00:00,136300,162500,135000,162500,6315000\n19980105 00:00,165000,165600,151900,160000,5677300\n"
MINUTES = "34200000,7424.91,7424.91,7422,7422,7.14319709\n34260000,7420,7422,7405,7405,13.35069752\n"
QUOTES = "34200000,,,,,0,21500,21500,5000,5000,19\n34260000,10000,10000,9900,9900,7,21500,21500,20000,20000,3\n"
OPTION = "20151224_goog_minute_{what}_american_{right}_7500000_20151231.csv"


def test_daily_stocks_are_scaled_and_new_york_s(tmp_path: Path):
    path = write_zip(tmp_path / "equity/usa/daily/aapl.zip", {"aapl.csv": DAILY})
    (series,) = series_in(tmp_path).series
    assert str(series.name) == "files stock_bars AAPL 1d"
    rows = read_series(series).rows.to_pylist()
    assert rows[0]["open_time"] == datetime(1998, 1, 2, 5, tzinfo=UTC)
    assert [rows[0][name] for name in ("open", "high", "low", "close", "volume")] == [
        13.63,
        16.25,
        13.5,
        16.25,
        6_315_000,
    ]
    assert covers_of(series) is None
    assert series_in(path).series == (series,)


def test_days_of_minutes_become_one_series(tmp_path: Path):
    folder = tmp_path / "crypto/coinbase/minute/btcusd"
    for day in ("20180405", "20180404"):
        write_zip(folder / f"{day}_trade.zip", {f"{day}_btcusd_minute_trade.csv": MINUTES})
    (series,) = series_in(tmp_path).series
    assert str(series.name) == "files candles BTC/USD 1m"
    rows = read_series(series).rows.to_pylist()
    assert [row["open_time"] for row in rows[1:3]] == [
        datetime(2018, 4, 4, 9, 31, tzinfo=UTC),
        datetime(2018, 4, 5, 9, 30, tzinfo=UTC),
    ]
    assert rows[0]["close"] == 7_422.0
    assert covers_of(series) == (1_522_800_000_000, 1_522_972_799_999)


def test_times_of_another_day_are_refused(tmp_path: Path):
    write_zip(tmp_path / "crypto/coinbase/minute/btcusd/20180404_trade.zip", {"t.csv": "86400000,1,1,1,1,1\n"})
    with pytest.raises(DataFileError, match="86400000 ms since midnight are of another day"):
        read_series(series_in(tmp_path).series[0])


def test_a_side_without_quotes_is_none(tmp_path: Path):
    write_zip(tmp_path / "equity/usa/minute/spy/20131004_quote.zip", {"q.csv": QUOTES})
    (series,) = series_in(tmp_path).series
    rows = read_series(series).rows.to_pylist()
    assert [row["bid"] for row in rows] == [None, 0.99]
    assert [row["ask"] for row in rows] == [0.5, 2.0]
    assert rows[0]["time"] == datetime(2013, 10, 4, 13, 30, tzinfo=UTC)


def test_options_are_a_chain_and_bars_of_each_contract(tmp_path: Path):
    folder = tmp_path / "option/usa/minute/goog"
    names = {right: OPTION.format(what="quote", right=right) for right in ("call", "put")}
    write_zip(folder / "20151224_quote_american.zip", {names["put"]: QUOTES, names["call"]: ""})
    write_zip(
        folder / "20151224_openinterest_american.zip",
        {OPTION.format(what="openinterest", right="put"): "23520000,15\n"},
    )
    bars = "39420000,3555400,3555400,3555400,3555400,1\n"
    write_zip(folder / "20151224_trade_american.zip", {OPTION.format(what="trade", right="call"): bars})
    chain, contract = series_in(tmp_path).series
    assert str(contract.name) == "files option_bars GOOG151231C00750000 1m"
    assert read_series(contract).rows.to_pylist()[0]["close"] == 355.54
    interest, first, second = read_series(chain).rows.to_pylist()
    assert (interest["open_interest"], interest["contract"]) == (15.0, "GOOG151231P00750000")
    assert (first["bid"], first["ask"], first["ask_size"]) == (None, 0.5, 19.0)
    assert (second["strike"], second["right"], second["expiry"]) == (750.0, "put", date(2015, 12, 31))


def test_a_universe_is_the_chain_at_the_close(tmp_path: Path):
    path = tmp_path / "option/usa/universes/goog/20151223.csv"
    path.parent.mkdir(parents=True)
    header = (
        "#expiry,strike,right,open,high,low,close,volume,open_interest,implied_volatility,delta,gamma,vega,theta,rho\n"
    )
    rows = ",,,749.55,749.99,748.54,748.54,11492,,,,,,,\n20151231,750,C,7,7.2,4.8,4.8,385,1139,0,0.99,0,0,-0.01,0.4\n"
    path.write_text(header + rows)
    (series,) = series_in(path).series
    (row,) = read_series(series).rows.to_pylist()
    assert row["time"] == datetime(2015, 12, 23, 21, tzinfo=UTC)
    assert (row["last"], row["volume"], row["open_interest"]) == (4.8, 385.0, 1_139.0)
    assert (row["implied_volatility"], row["delta"]) == (None, None)  # 0: LEAN found none
    path.write_text(header + rows.replace(",C,", ",X,"))
    with pytest.raises(DataFileError, match=r"20151223\.csv, line 3: 'X' is neither C nor P"):
        read_series(series)


@pytest.mark.parametrize(
    ("name", "members", "text"),
    [
        ("aapl.zip", {"aapl.csv": DAILY + "19980106 00:00,1,2,3\n"}, r"aapl\.csv: not the rows of time, open.*Row #3"),
        ("aapl.zip", {"aapl.csv": DAILY.replace("136300", "many")}, r"not the rows .*Row #1.*many"),
        ("aapl.zip", {"aapl.csv": DAILY.replace("19980105", "1998-1-5")}, "a time is not what LEAN writes"),
        ("aapl.zip", {"aapl.csv": ""}, "holds no rows"),
        ("aapl.zip", {"aapl.csv": DAILY, "ibm.csv": DAILY}, "holds 2 files, where LEAN has one CSV"),
    ],
)
def test_an_archive_that_is_not_what_its_name_says(tmp_path: Path, name: str, members: dict[str, str], text: str):
    path = write_zip(tmp_path / "equity/usa/daily" / name, members)
    with pytest.raises(DataFileError, match=rf"{path}.*{text}"):
        read_series(series_in(path).series[0])


def test_an_archive_that_was_cut_short(tmp_path: Path):
    path = write_zip(tmp_path / "equity/usa/daily/aapl.zip", {"aapl.csv": DAILY * 50})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataFileError, match=rf"{path}: not a zip file, or cut short or damaged"):
        read_series(series_in(path).series[0])


def test_a_zip_elsewhere_and_a_market_elsewhere(tmp_path: Path):
    with pytest.raises(DataFileError, match="a zip, but its place and name are not LEAN's"):
        series_in(write_zip(tmp_path / "aapl.zip", {"aapl.csv": DAILY}))
    with pytest.raises(DataFileError, match="stocks of 'india' are not known here, only usa"):
        series_in(write_zip(tmp_path / "equity/india/daily/tcs.zip", {"tcs.csv": DAILY}))
    with pytest.raises(DataFileError, match="20151399 in its name is no day"):
        series_in(write_zip(tmp_path / "equity/usa/minute/spy/20151399_trade.zip", {"x.csv": MINUTES}))
