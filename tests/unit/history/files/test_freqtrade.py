"""freqtrade's data folder."""

from pathlib import Path

import pandas as pd
import pytest

from core.domain.errors import DataFileError
from core.history.files.discovery import series_in
from core.history.files.reading import read_series
from unit.history.files.making import FIRST_MS, ROWS, table, write_json, write_table

DATED = (
    table()
    .rename(columns={"timestamp": "date"})
    .assign(date=pd.to_datetime([row[0] for row in ROWS], unit="ms", utc=True))
)


def test_a_folder_of_all_its_kinds(tmp_path: Path):
    folder = tmp_path / "user_data" / "data" / "binance"
    write_table(DATED, folder / "BTC_USDT-1m.feather")
    write_table(DATED, folder / "ETH_USDT-1h.parquet")
    write_json([list(row) for row in ROWS], folder / "SOL_USDT-5m.json")
    write_json([list(row) for row in ROWS], folder / "ADA_USDT-1d.json.gz")
    write_json([[FIRST_MS, "7", None, "buy", 100.0, 0.5, 50.0]], folder / "BTC_USDT-trades.json.gz")
    write_table(DATED, folder / "futures" / "BTC_USDT_USDT-1h-futures.feather")
    write_table(DATED, folder / "futures" / "BTC_USDT_USDT-1h-mark.feather")
    write_table(DATED.assign(open=0.0001), folder / "futures" / "BTC_USDT_USDT-8h-funding_rate.feather")
    found = series_in(tmp_path)
    assert found.unread == {}
    assert sorted(str(each.name).removeprefix("files ") for each in found.series) == [
        "candles ADA/USDT 1d",
        "candles BTC/USDT 1m",
        "candles BTC/USDT:USDT 1h",
        "candles ETH/USDT 1h",
        "candles SOL/USDT 5m",
        "funding BTC/USDT:USDT",
        "mark_candles BTC/USDT:USDT 1h",
        "trades BTC/USDT",
    ]
    for each in found.series:
        rows = read_series(each).rows.to_pylist()
        if each.name.kind == "funding":
            assert [row["rate"] for row in rows] == [0.0001] * 3
        elif each.name.kind == "trades":
            assert (rows[0]["price"], rows[0]["size"], rows[0]["side"]) == (100.0, 0.5, "buy")
        else:
            assert [row["close"] for row in rows] == [105.0, 104.5, 120.0]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"data": []}, "not freqtrade's JSON, a list of rows"),
        ([], "holds no rows"),
        (
            [[FIRST_MS, 1, 2]],
            r"row 0: wants a list of time, open, high, low, close, volume, has \[1640995200000, 1, 2\]",
        ),
        ([list(ROWS[0]), [FIRST_MS, 1, "high", 3, 4, 5]], "row 1: high is not a number: 'high'"),
        ([[None, 1, 2, 3, 4, 5]], "row 0: time is not a number: None"),
    ],
)
def test_json_that_is_something_else(tmp_path: Path, content: object, text: str):
    (series,) = series_in(write_json(content, tmp_path / "BTC_USDT-1m.json")).series
    with pytest.raises(DataFileError, match=rf"BTC_USDT-1m\.json.*{text}"):
        read_series(series)


def test_json_that_was_cut_short(tmp_path: Path):
    path = write_json([list(row) for row in ROWS], tmp_path / "BTC_USDT-1m.json.gz")
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataFileError, match="is cut short or damaged"):
        read_series(series_in(path).series[0])


def test_a_timeframe_that_is_not_known_here(tmp_path: Path):
    path = write_json([], tmp_path / "BTC_USDT-1w.json")
    with pytest.raises(DataFileError, match="bars of 1w are not known here, only 1m, 3m"):
        series_in(path)
