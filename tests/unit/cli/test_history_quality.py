"""`history quality` on real files."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from core.cli.main import main
from core.history.series import Series
from tests.market_series import crypto_minutes, stock_days
from tests.planted_defects import splits


def write(series: Series, path: Path) -> Path:
    pq.write_table(series.rows, path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    write(crypto_minutes(rng, days=1), tmp_path / "BTC-USDT-1m.parquet")
    stocks = splits(stock_days(rng, days=300), rng)
    assert stocks is not None
    write(stocks.series, tmp_path / "SPY-1d.parquet")
    return tmp_path


def test_a_good_series_ends_with_0(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["history", "quality", str(folder), "--symbols", "btc/usdt"]) == 0
    out = capsys.readouterr().out
    assert "1.000  nothing found" in out
    assert "0 of 1 series are below history.min_quality (0.75)" in out


def test_a_poor_one_ends_with_1_and_says_why(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["history", "quality", str(folder)]) == 1
    out = capsys.readouterr().out
    assert "split: costs 30% of the score" in out
    assert "1 of 2 series are below" in out


def test_machines_read_it(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("METRONOME__HISTORY__FILES_DIR", str(folder))
    monkeypatch.setenv("METRONOME__HISTORY__MIN_QUALITY", "0.6")
    assert main(["history", "quality", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    coin, stock = document["series"]
    assert (coin["name"], coin["score"], coin["findings"]) == ("files candles BTC/USDT 1m", 1.0, [])
    assert (stock["accepted"], stock["findings"][0]["kind"]) == (True, "split")
    assert stock["findings"][0]["places"][0]["words"].count("from") == 1


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_examined(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    (folder / "ETH-USDT-1m.csv").write_text("when,what\n1,2\n")
    assert main(["history", "quality", str(folder), "--symbols", "BTC/USDT"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "not read:" in out
    assert "wants a time and open, high, low, close" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say which file or folder to examine, or set history.files_dir"),
        (["absent"], "absent: no such file or folder"),
        ([".", "--calendar", "XNYX"], "no calendar is called 'XNYX'; did you mean XNYS"),
        (["{folder}", "--symbols", "AAPL"], "no series of AAPL"),
        (["{folder}/empty"], "holds no series; known are CSV"),
    ],
)
def test_wrong_arguments_are_said(folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str):
    (folder / "empty").mkdir()
    given = [each.format(folder=folder) for each in arguments]
    assert main(["history", "quality", *given]) == 2
    assert words in capsys.readouterr().err
