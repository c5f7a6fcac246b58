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
    monkeypatch.setenv("METRONOME__HISTORY__MIN_QUALITY", "0.6")
    assert main(["history", "quality", str(folder), "--json"]) == 0
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
        ([], "there is nothing of that in the cache"),
        (["absent"], "'absent' is no file or folder, and nothing of that is in the cache"),
        ([".", "--calendar", "XNYX"], "no calendar is called 'XNYX'; did you mean XNYS"),
        (["{folder}", "--symbols", "AAPL"], "no series of AAPL"),
        (["{folder}/empty"], "holds no series; known are CSV"),
    ],
)
def test_wrong_arguments_are_said(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
):
    monkeypatch.setenv("METRONOME__HISTORY__DIR", str(folder / "cache"))
    (folder / "empty").mkdir()
    given = [each.format(folder=folder) for each in arguments]
    assert main(["history", "quality", *given]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.slow
def test_what_was_loaded_is_examined_in_the_cache(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Through the source `files` and the loader, which says what is refused, and why."""
    monkeypatch.setenv("METRONOME__HISTORY__DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("METRONOME__HISTORY__FILES_DIR", str(folder))
    load = ["history", "load", "--source", "files", "--kinds", "stock_bars", "--symbols", "SPY"]
    assert main([*load, "--since", "2020-01-01", "--until", "2021-06-01", "--json"]) == 6
    (loaded,) = json.loads(capsys.readouterr().out)["symbols"]
    assert loaded["state"] == "refused"
    assert "below 0.75: split: 1 of" in loaded["problems"][0]
    assert main(["history", "quality", "SPY"]) == 1
    assert "split: costs 30% of the score" in capsys.readouterr().out
