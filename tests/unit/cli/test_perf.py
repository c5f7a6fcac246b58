"""`perf`: usage, table, JSON and report, of measurements that were made up."""

import json
import sys
from pathlib import Path

import pytest

from core.cli.main import main
from tests.unit.performance.test_report import compared, measured


@pytest.fixture(autouse=True)
def _no_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.cli.perf._compared", lambda *_: compared(measured(1.0)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rounds", "0"], "--rounds"),
        (["--seconds", "soon"], "--seconds"),
        (["--threads", "65"], "--threads"),
        (["--html", "/no/such/folder/x.html"], "the folder /no/such/folder does not exist"),
        (["--html", "/"], "this is a folder"),
        (["-c", "absent.toml"], "no such settings file"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_measured(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["perf", *arguments]) == 2
    text = capsys.readouterr().err
    assert words in text
    assert "Traceback" not in text


def test_a_table_and_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "report.html"
    assert main(["perf", "--html", str(file)]) == 0
    said = capsys.readouterr()
    assert "AsyncFeatureComputer" in said.out and "within the bounds" in said.out
    assert "\x1b" not in said.out, "plain where it is piped"
    assert str(file) in said.err
    assert file.read_text().startswith("<!doctype html>")


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["perf", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"]["holds"] is True


def test_outside_its_bounds_it_ends_with_1_and_too_busy_to_tell_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.cli.perf._compared", lambda *_: compared(measured(80.0)))
    assert main(["perf"]) == 1
    monkeypatch.setattr("core.cli.perf._compared", lambda *_: compared(measured(80.0), floor_ms=9.0))
    assert main(["perf"]) == 0


def test_without_the_extra_the_report_is_refused_before_minutes_of_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["perf", "--html", str(tmp_path / "report.html")]) == 2
    assert "pip install matplotlib" in capsys.readouterr().err
    assert main(["perf"]) == 0
