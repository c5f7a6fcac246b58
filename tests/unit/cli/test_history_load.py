"""What `history load` says to what can't be loaded."""

from pathlib import Path

import pytest

from core.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--symbols", "SPY", "--since", "2024-02-31"], "--since: '2024-02-31' is no day; write it as 2024-01-31"),
        (["--symbols", "SPY", "--since", "2099-01-01"], "no time between the first and the last day"),
        (["--symbols", " , "], "--symbols: none given"),
        (["--symbols", "A B"], "'A B' is no symbol"),
        ([], "--symbols is missing"),
        (["--symbols", "SPY", "--kinds", "horoscopes"], "--kinds: 'horoscopes' is none; known: candles"),
        (["--symbols", "SPY", "--timeframe", "7m"], "--timeframe: '7m' is none; known: 1m"),
        (["--symbols", "SPY", "--kinds", "funding"], "alpaca has no funding"),
        (["--symbols", "SPY", "--source", "nowhere"], "there is no source called 'nowhere'"),
        (["--symbols", "SPY", "--source", "files"], "history.files_dir: not set"),
        (["--resume"], "--resume: no load was begun"),
    ],
)
def test_what_can_t_be_loaded_is_said_in_one_line_with_exit_code_2(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("METRONOME__HISTORY__DIR", str(tmp_path))
    monkeypatch.setenv("METRONOME__HISTORY__ALPACA_API_KEY", "key")
    monkeypatch.setenv("METRONOME__HISTORY__ALPACA_SECRET", "secret")
    assert main(["history", "load", *arguments]) == 2
    assert words in capfd.readouterr().err


def test_missing_keys_are_said_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("METRONOME__HISTORY__DIR", str(tmp_path))
    assert main(["history", "load", "--symbols", "SPY"]) == 2
    assert "METRONOME__HISTORY__ALPACA_API_KEY" in capfd.readouterr().err
