"""`train` and `models`, as a user types them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.cli.main import main
from core.cli.train import exit_code
from core.domain.candles import Timeframe
from core.domain.instruments import InstrumentId
from core.domain.series import SeriesKind, SeriesName
from core.history.cache.layout import shelf_of
from core.history.cache.store import HistoryCache
from core.history.files.parts import table_of
from core.models.coverage import Broke
from core.models.training.session import Attended
from tests.unit.models.training.markets import planted

NAME = SeriesName("binance", SeriesKind.CANDLES, "BTC/USDT", Timeframe.M1)
SETTINGS = """
[storage]
data_dir = "{folder}/var"
[models]
min_samples = 300
folds = 2
horizon_candles = 1
embargo_candles = 2
"""


def candles(folder: Path, name: str = "BTC-USDT-1m.csv", n: int = 1_200, minutes: int = 1) -> Path:
    window = planted(1, n, strength=0.25)
    columns = {each: getattr(window, each) for each in ("open", "high", "low", "close", "volume")}
    times = pd.to_datetime(window.open_ms[0] + minutes * 60_000 * np.arange(n), unit="ms")
    (folder / "data").mkdir(exist_ok=True)
    file = folder / "data" / name
    pd.DataFrame({"timestamp": times, **columns}).to_csv(file, index=False)
    return file


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config = tmp_path / "c.toml"
    config.write_text(SETTINGS.format(folder=tmp_path))

    def typed(*arguments: str) -> tuple[int, str, str]:
        command = 2 if arguments[0] == "models" else 1
        code = main([*arguments[:command], "-c", str(config), *arguments[command:]])
        return (code, *capsys.readouterr())

    return typed


@pytest.mark.slow
def test_from_candles_to_a_live_model_and_back(run, tmp_path: Path):
    file = str(candles(tmp_path))
    code, out, err = run("train", "-d", file, "--quick", "--html", str(tmp_path / "reports"), "--json")
    assert code == 0, err
    (made,) = json.loads(out)["trained"]
    first = made["version"]
    assert (made["outcome"], made["symbols"]) == ("trained", ["BTC/USDT"])
    report = (tmp_path / "reports" / f"{first}.html").read_text("utf-8")
    assert report.count("<svg") == 3
    assert "://" not in report.replace("http://www.w3.org", "")

    code, out, _ = run("train", "-d", file)
    assert (code, "has the model" in out) == (0, True)
    assert run("train", "-d", file, "--due") == (0, "", "")
    code, out, _ = run("train", "-d", file, "--quick", "--force", "--json")
    second = json.loads(out)["trained"][0]["version"]

    for version in (first, second):
        code, out, _ = run("models", "promote", version, "-r", "looks good")
        assert (code, out) == (0, f"{version} is live for sim 1m BTC/USDT\n")
    code, out, _ = run("models", "rollback", "sim 1m BTC/USDT")
    assert (code, out.split()[0]) == (0, first)
    assert run("models", "pin", first[-8:])[0] == 0
    code, _, err = run("models", "promote", second)
    assert (code, "is pinned" in err) == (1, True)
    assert run("models", "pin", first, "--off")[0] == 0

    code, out, _ = run("models", "ls", "--json")
    assert [(each["version"], each["stage"]) for each in json.loads(out)] == [(second, "retired"), (first, "live")]
    code, out, _ = run("models", "show", first, "--json")
    life = json.loads(out)["life"]
    assert [each["event"] for each in life] == ["published", "promoted", "replaced", "restored", "pinned", "unpinned"]
    for command in (("ls",), ("show", first), ("compare", first, second)):
        code, out, _ = run("models", *command)
        assert code == 0
        assert first in out


def test_candles_that_are_too_few_say_how_many_are_missing(run, tmp_path: Path):
    code, out, _ = run("train", "-d", str(candles(tmp_path, n=400)))
    assert code == 1
    assert "at least 300 are needed" in " ".join(out.split())


def test_a_timer_is_only_told_of_what_broke(run, tmp_path: Path):
    file = str(candles(tmp_path, n=400))
    code, out, _ = run("train", "-d", file, "--due")
    assert (code, "too short" in out) == (0, True)
    assert run("train", "-d", file, "--due") == (0, "", "")
    assert exit_code([Attended((InstrumentId("A"),), Broke("out of memory"))], is_due=True) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no candles in the history cache"),
        (("-d", "nowhere/BTC-USDT.csv"), "no such file"),
        (("-d", "{data}", "-s", "ETH/USDT"), "--symbols ETH/USDT: no candles of it; there are BTC/USDT"),
        (("-d", "{data}", "--timeframe", "7m"), "'7m' is none; known: 1m"),
        (("-d", "{data}", "--timeframe", "5m"), "--timeframe 5m: there are only candles of 1m"),
        (("-d", "{data}", "-d", "{data}"), "more than one series of BTC/USDT"),
        (("-d", "{data}", "--html", "{file}"), "--html"),
    ],
)
def test_what_is_wrong_with_the_arguments_is_named(run, tmp_path: Path, arguments: tuple[str, ...], words: str):
    file = candles(tmp_path, n=50)
    given = [each.format(data=file.parent, file=file) for each in arguments]
    code, _, err = run("train", *given)
    assert (code, words in err) == (2, True), err


def test_two_timeframes_are_a_choice(run, tmp_path: Path):
    candles(tmp_path, n=50)
    code, _, err = run("train", "-d", str(candles(tmp_path, "ETH-USDT-5m.csv", n=50, minutes=5).parent))
    assert (code, "there are candles of 1m, 5m: say which" in err) == (2, True)


def test_candles_of_poor_quality_are_refused_with_the_reasons(run, tmp_path: Path):
    file = candles(tmp_path, n=1_000)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:100] + lines[700:]))
    code, out, _ = run("train", "-d", str(file), "--json")
    assert code == 1
    (refused,) = json.loads(out)["trained"]
    assert refused["outcome"] == "unfit"
    assert "is below 0.75" in refused["reason"]


def test_candles_of_the_history_cache_are_taken_where_no_file_is_named(run, tmp_path: Path):
    window = planted(1, 400, strength=0.25)
    bars = {each: getattr(window, each) for each in ("open", "high", "low", "close", "volume")}
    rows = table_of(NAME, {"open_time": window.open_ms, **bars})
    span = (int(window.open_ms[0]), int(window.open_ms[-1]) + 60_000)
    HistoryCache(tmp_path / "var" / "history").store(shelf_of(NAME), {"BTC/USDT": rows}, span, span[1])
    code, out, _ = run("train", "--json")
    (short,) = json.loads(out)["trained"]
    assert (code, short["symbols"], short["outcome"]) == (1, ["BTC/USDT"], "too short")


def test_without_models_it_says_how_to_make_some(run):
    assert "live_bot.py train" in run("models", "ls")[1]
    code, _, err = run("models", "show", "x")
    assert (code, "no model 'x'" in err) == (1, True)
    assert "no model 'x'" in run("models", "rollback", "x")[2]


def test_settings_that_can_not_be_meant_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config = tmp_path / "c.toml"
    for text in ('symbol_encoding = "one_hot"', "retrain_every_h = 100\nexpire_after_h = 50"):
        config.write_text(f"[models]\n{text}\n")
        assert main(["models", "ls", "-c", str(config)]) == 2
        assert text.split(" ", maxsplit=1)[0] in capsys.readouterr().err
