"""`journal verify` and `journal export` on real files."""

import json
import sqlite3
from pathlib import Path

import pytest

from core.cli.main import main
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.execution.journal.records import IntentRecorded, RequestRecorded
from unit.execution.making import order, proposal


@pytest.fixture
async def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("METRONOME__STORAGE__DATA_DIR", str(tmp_path))
    journal = Journal(JournalIdentity("paper", "sim", "main"), data_dir=tmp_path)
    await journal.open("epoch-1")
    await journal.append([IntentRecorded(proposal(), 1, 1), RequestRecorded(order())])
    await journal.close()
    return next((tmp_path / "journal").glob("*.sqlite"))


def test_verify_says_what_was_read(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "verify"]) == 0
    assert "paper sim main, epoch epoch-1        2       1        0      0  ok" in capsys.readouterr().out
    assert main(["journal", "verify", "--json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert (report["location"], report["audit"]["orders"]) == (str(file), 1)


def test_verify_ends_with_4_and_names_file_record_and_rule(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(file) as database:
        database.execute("DELETE FROM intents")
    database.close()
    assert main(["journal", "verify"]) == 4
    out = " ".join(capsys.readouterr().out.split())
    assert f"{file}, record 2: order" in out
    assert "is of intent intent-1, which is not there (rule 3)" in out


def test_a_file_that_is_no_journal_is_named_and_the_others_are_read(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = file.with_name("other.sqlite")
    other.write_text("not a database at all, but long enough to look like a file of some kind" * 20)
    assert main(["journal", "verify"]) == 4
    out = "".join(capsys.readouterr().out.split())
    assert f"journal{other}:fileisnotadatabase" in out
    assert "papersimmain" in out


def test_export_prints_every_record_as_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "export", "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["seq"], each["record"]) for each in records] == [(1, "intents"), (2, "requests")]
    assert records[1]["client_order_id"] == order().client_order_id


def test_without_any_journal_there_is_nothing_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("METRONOME__STORAGE__DATA_DIR", str(tmp_path))
    assert main(["journal", "verify"]) == 0
    assert capsys.readouterr().out == "no journal yet\n"
