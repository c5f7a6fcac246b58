"""The bundle of a machine whose daemon is dead, with secrets planted wherever one may get to."""

import json
import os
import stat
import tarfile
from pathlib import Path

import pytest

from core.account_ledger import ledger_reader
from core.cli.main import main
from core.decision_ledger.storage import Batch
from core.settings.load import load_settings
from core.single_writer import account_name
from unit.decision_ledger import making

SECRETS = {
    "METRONOME__VENUE__API_KEY": "planted-key-aaaaaaaa",
    "METRONOME__VENUE__SECRET": 'planted"secret/bb=bbbb',
    "METRONOME__API__TOKEN": "planted-token-cccccccc",
    "METRONOME__NOTIFY__URLS": "json://localhost/planted-hook-dddddddd",
    "METRONOME__STORAGE__JOURNAL_URL": "sqlite:///:memory:?password=planted-eeeeeeee",
}
OLD_TOKEN = "planted-file-token-ffffffff"


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("METRONOME__STORAGE__JOURNAL_URL")
    monkeypatch.setenv("METRONOME__STORAGE__DATA_DIR", str(data_dir))
    monkeypatch.setenv("METRONOME__API__PORT", "0")
    (data_dir / "api.token").write_text(f"{OLD_TOKEN}\n")
    every = " ".join((*SECRETS.values(), OLD_TOKEN))
    escaped = json.dumps({"event": "request", "text": every})
    (data_dir / "metronome.log").write_text(
        f"{every}\n{escaped}\nGET /order?signature=planted0123456789abcdef&symbol=X\n" * 3, encoding="utf-8"
    )
    settings = load_settings((), os.environ, {}).settings
    reader = ledger_reader(settings, account_name(settings))
    storage = making.ledger_file(reader.file)
    storage.write(Batch([making.line(inputs={"signal.x": every}, reason=f"STRATEGY_RAISED message={every}")]))
    storage.close()
    return data_dir


def unpacked(file: Path) -> dict[str, str]:
    with tarfile.open(file) as archive:
        members = {each.name: archive.extractfile(each) for each in archive.getmembers()}
        return {name: content.read().decode() for name, content in members.items() if content is not None}


def test_no_secret_is_in_it_and_all_else_is(planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bundle.tar.gz"
    assert main(["bundle", "-o", str(file)]) == 0
    texts = unpacked(file)
    assert {name.partition("/")[2] for name in texts} == {
        "contents.txt",
        "data_dir.txt",
        "decisions.jsonl",
        "journal_findings.json",
        "logs/metronome.log",
        "reasons.jsonl",
        "settings.toml",
        "versions.json",
    }
    for name, text in texts.items():
        assert "planted" not in text, name
    assert "GET /order?signature=***&symbol=X" in texts["metronome-bundle/logs/metronome.log"]
    assert "STRATEGY_RAISED" in texts["metronome-bundle/decisions.jsonl"]
    assert "stacks.txt: no daemon of this data folder runs" in texts["metronome-bundle/contents.txt"]
    assert "planted" not in "".join(capsys.readouterr())


def test_it_is_whole_and_for_this_user_alone(planted: Path, tmp_path: Path) -> None:
    file = tmp_path / "bundle.tar.gz"
    assert main(["bundle", "-o", str(file)]) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["bundle.tar.gz"]


def test_what_is_broken_is_said_and_holds_nothing_else_up(planted: Path, tmp_path: Path) -> None:
    (ledger,) = (planted / "decisions").glob("*.sqlite")
    ledger.write_bytes(b"nonsense" * 1_000)
    (planted / "journal").mkdir()
    (planted / "journal" / "paper-sim-x.sqlite").write_bytes(b"nonsense" * 1_000)
    file = tmp_path / "bundle.tar.gz"
    assert main(["bundle", "-o", str(file)]) == 0
    texts = unpacked(file)
    assert "decisions.jsonl: decision ledger" in texts["metronome-bundle/contents.txt"]
    assert "file is not a database" in texts["metronome-bundle/journal.jsonl"]
    assert "metronome-bundle/logs/metronome.log" in texts


@pytest.mark.parametrize(("name", "words"), [("there", "exists already"), ("no/such/folder", "does not exist")])
def test_a_file_that_cannot_be_is_refused_before_anything_is_gathered(
    name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there").write_text("mine")
    assert main(["bundle", "-o", str(tmp_path / name)]) == 2
    assert words in capsys.readouterr().err
    assert (tmp_path / "there").read_text() == "mine"
