import json
import os
from pathlib import Path

import pytest

from core.cli.data_dir import open_log, require_data_dir, stderr_into
from core.cli.main import main
from core.domain.errors import SettingsError
from unprivileged import as_nobody


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("METRONOME__STORAGE__DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("METRONOME__API__PORT", "0")


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["run", "--nonsense"], "No such option: --nonsense"),
        (["run", "--max-runtime-s", "soon"], "--max-runtime-s"),
        (["run", "--max-runtime-s", "0"], "--max-runtime-s"),
        (
            ["run", "--mode", "papre"],
            "command line: trading.mode: got \"papre\" (text), wanted 'paper', 'observe' or 'live'",
        ),
        (["run", "--symbols", "btc"], '"btc" is not a symbol'),
        (["run", "--symbols", ","], "the list is empty"),
        (["run", "-c", "absent.toml"], "absent.toml: no such settings file"),
        (["run", "--mode", "live"], "--i-accept-live-trading"),
        (["run", "--mode", "live", "--i-accept-live-trading"], "venue.api_key and venue.secret are missing"),
        (["run", "--summary-json", "/no/such/folder/x.json"], "the folder /no/such/folder does not exist"),
        (["run", "--summary-json", "/"], "this is a folder"),
        (["why"], "which SYMBOL?"),
        (["why", "BTC/USDT", "--limit", "0"], "--limit"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_message(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]):
    assert main(arguments) == 2
    text = said(capsys)
    assert words in text
    assert "Traceback" not in text


@pytest.mark.parametrize("command", [["status"], ["orders"], ["positions"], ["why", "BTC/USDT"]])
def test_without_a_daemon_commands_end_with_1_and_say_how_to_start_one(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(command) == 1
    text = said(capsys)
    assert "no daemon runs" in text
    assert "live_bot.py run" in text
    assert str(tmp_path / "data") in text


def test_a_traceback_is_shown_only_when_asked_for(capsys: pytest.CaptureFixture[str]):
    assert main(["-v", "status"]) == 1
    assert "Traceback" in said(capsys)
    assert main(["status"]) == 1
    assert "Traceback" not in said(capsys)


def test_help_version_and_settings_end_with_0(capsys: pytest.CaptureFixture[str]):
    assert main(["--version"]) == 0
    assert main(["--help"]) == 0
    assert main(["run", "--help"]) == 0
    assert main(["run", "--show-config", "--mode", "observe"]) == 0
    assert 'mode = "observe"  # command line' in capsys.readouterr().out.splitlines()


def test_show_config_of_live_mode_asks_for_no_consent(capsys: pytest.CaptureFixture[str]):
    assert main(["run", "--mode", "live", "--show-config"]) == 0


def test_the_data_folder_is_made(tmp_path: Path):
    require_data_dir(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(SettingsError, match="is not a folder"):
            require_data_dir(folder)


@pytest.mark.parametrize(("name", "words"), [("", "no permission to write in"), ("new", "no permission to make")])
def test_a_data_folder_without_permission_says_so(walkable_path: Path, name: str, words: str):
    locked = walkable_path / "locked"
    locked.mkdir(mode=0o555)

    def require() -> str:
        with pytest.raises(SettingsError) as caught:
            require_data_dir(locked / name)
        return str(caught.value)

    assert f"storage.data_dir: {words} {locked / name}" in as_nobody(require)


def test_a_summary_that_could_not_be_written_is_said_at_the_start(
    walkable_path: Path, capsys: pytest.CaptureFixture[str]
):
    (walkable_path / "locked").mkdir(mode=0o555)
    file = walkable_path / "locked" / "summary.json"

    def start() -> str:
        code = main(["run", "--summary-json", str(file)])
        return f"{code} {said(capsys)}"

    assert as_nobody(start) == f"2 error: --summary-json {file}: no permission to write there.\n"


def test_the_log_of_the_run_before_is_kept(tmp_path: Path):
    for text in ("first", "second", "third"):
        with open_log(tmp_path) as log:
            log.write(json.dumps(text))
    assert (tmp_path / "metronome.log").read_text() == '"third"'
    assert (tmp_path / "metronome.log.1").read_text() == '"second"'


def test_error_output_goes_to_the_log_while_the_table_is_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    with open_log(tmp_path) as log, stderr_into(log):
        os.write(2, b"from the depths\n")
    os.write(2, b"and back\n")
    assert (tmp_path / "metronome.log").read_text() == "from the depths\n"
    assert capfd.readouterr().err == "and back\n"
