"""What a person or a strategy may get wrong: a clear message with its place, the right exit code, nothing half done."""

import json
import socket
from pathlib import Path

import pytest

from integration.cli.daemon_process import Line
from integration.daemon.agreement import journal_file, wait_until_all_agree
from integration.daemon.bot import SYMBOLS, Bot, bot

pytestmark = [pytest.mark.processes, pytest.mark.slow]


def assert_ended(daemon: Bot, code: int, *words: str) -> None:
    assert daemon.end() == code, daemon.lines[-20:]
    for word in words:
        assert word in daemon.errors
    assert "Traceback" not in daemon.errors
    assert not [line for line in daemon.lines if "Traceback" in json.dumps(line)]
    assert not (daemon.data_dir / "api.token").exists()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"TRADING__MOOD": "good"}, ("METRONOME__TRADING__MOOD", "METRONOME__TRADING__MODE?")),
        ({"SIMULATION__SPEED": "fast"}, ("METRONOME__SIMULATION__SPEED", "fast")),
        ({"VENUE__API_KEY": "half-a-pair"}, ("venue.secret is missing",)),
        ({"VENUE__NAME": "binanec"}, ("venue.name", "binance")),
        ({"TRADING__SYMBOLS": '["BTCUSDT"]'}, ("BTCUSDT", "BTC/USDT")),
    ],
)
def test_wrong_settings_are_told_before_anything_is_written(
    tmp_path: Path, variables: dict[str, str], words: tuple[str, ...]
) -> None:
    with bot(tmp_path, **variables) as daemon:
        assert_ended(daemon, 2, *words)
    assert {each.name for each in tmp_path.iterdir()} <= {"strategies"}


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"])
def test_a_venue_port_in_use_is_named_at_once(tmp_path: Path, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with bot(tmp_path, SIMULATION__PORT=str(port)) as daemon:
            connection, _ = taken.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)
            assert_ended(daemon, 2, "simulation.port", str(port), "choose another port")


def test_a_replay_file_that_is_not_what_it_says_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "BTC-USDT-1m.csv"
    file.write_text(
        "timestamp,open,high,low,close,volume\n2024-01-01 00:00,1,2,0.5,1.5,9\n2024-01-01 00:01,1,2,x,1,9\n"
    )
    with bot(
        tmp_path,
        SIMULATION__MARKET="replay",
        SIMULATION__REPLAY_FILES=json.dumps([str(file)]),
        TRADING__SYMBOLS='["BTC/USDT"]',
    ) as daemon:
        assert_ended(daemon, 2, f"{file}, line 3")
        assert len(daemon.all("child_started", child="venue")) == 1, "no second try would mend it"


def test_a_journal_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    with bot(tmp_path) as daemon:
        daemon.next("trading")
    journal = journal_file(tmp_path)
    for each in journal.parent.glob(f"{journal.name}-*"):
        each.unlink()
    journal.write_bytes(b"no database at all" * 100)
    with bot(tmp_path) as daemon:
        assert_ended(daemon, 4, str(journal))
    assert journal.read_bytes() == b"no database at all" * 100


def test_a_risk_state_that_cannot_be_read_lets_nothing_in_until_a_person_has_looked(tmp_path: Path) -> None:
    with bot(tmp_path) as daemon:
        daemon.next("trading")
        file = daemon.until(lambda: next(tmp_path.glob("journal/*.risk.json"), None))
    file.write_text("{")
    with bot(tmp_path) as daemon:
        daemon.mood = "long"
        daemon.until(lambda: daemon.all("cycle", outcome="REFUSED"))
        assert daemon.all("cycle", outcome="REFUSED")[0]["reason"].startswith("LEVEL_FORBIDS")
        status = daemon.status()
        assert status["risk_level"] == "NO_ENTRY"
        assert file.name in status["risk_reason"]
        assert not daemon.all("order")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import os\n\n\nclass Broken(object):\n    os._exit(3)\n", ("can't be loaded", "exit code 3")),
        ("class Broken(Strategy:\n", ("broken.py:1", "invalid syntax")),
        ("class Broken(object):\n    x = 1 / 0\n", ("broken.py:2", "ZeroDivisionError")),
    ],
)
def test_a_strategy_that_cannot_be_loaded_ends_the_start(tmp_path: Path, source: str, words: tuple[str, ...]) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "broken.py").write_text(source)
    with bot(
        tmp_path,
        TRADING__STRATEGIES='[{"use": "Broken"}]',
        TRADING__STRATEGIES_DIR=str(folder),
    ) as daemon:
        assert_ended(daemon, 2, *words)


@pytest.mark.timeout(600)
def test_whatever_a_strategy_does_each_close_is_decided_and_the_next_good_answer_is_traded(tmp_path: Path) -> None:
    with bot(tmp_path, COMPUTE__STRATEGY_DEADLINE_S="1") as daemon:
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"))
        for mood, code, outcome in (
            ("nan", "STRATEGY_NAN", "NO_TRADE"),
            ("raise", "STRATEGY_RAISED", "NO_TRADE"),
            ("die", "STRATEGY_FAILED", "FAILED"),
            ("hang", "STRATEGY_FAILED", "FAILED"),
        ):
            daemon.mood = mood
            for symbol in SYMBOLS:
                line = next_decision(daemon, symbol, code)
                assert line["outcome"] == outcome
                assert mood != "raise" or "obedient.py:" in line["reason"]
            daemon.mood = "hold"
            for symbol in SYMBOLS:
                next_decision(daemon, symbol, "SIGNAL_HOLD")
        daemon.until(lambda: len(daemon.all("symbol_up")) == len(daemon.all("symbol_down")))
        assert len(daemon.venue.stops()) == len(SYMBOLS), "protection stood all the while"
        daemon.mood = "flat"
        daemon.until(lambda: daemon.traded("sell"))
        wait_until_all_agree(daemon)


def next_decision(daemon: Bot, symbol: str, code: str) -> Line:
    """The first cycle of the symbol from now on that ends with that reason."""
    start = len(daemon.all("cycle"))

    def found() -> Line | None:
        lines = (line for line in daemon.all("cycle")[start:] if line["symbol"] == symbol)
        return next((line for line in lines if line["reason"].split()[0] == code), None)

    line = daemon.until(found, 90)
    assert line is not None
    return line
