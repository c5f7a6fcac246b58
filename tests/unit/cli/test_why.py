"""`why` without a daemon: from the record alone."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from core.cli.main import main
from core.cli.reason_counts import counts_table
from core.cli.reasons import explanation
from core.decision_ledger.explain import explained
from core.decision_ledger.schema import ledger_file
from core.decision_ledger.storage import Batch
from core.execution.journal.identity import JournalIdentity
from core.settings.tree import Settings
from core.single_writer import account_name
from unit.decision_ledger import making
from unit.decision_ledger.making import START_MS, line

EVIL = "\x1b[31mred\x1b]0;title\x07 \x9b2J <script>alert(1)</script> \u202eabc"


@pytest.fixture(autouse=True)
def recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("METRONOME__STORAGE__DATA_DIR", str(tmp_path))
    monkeypatch.setenv("METRONOME__API__PORT", "0")
    file = ledger_file(tmp_path, JournalIdentity("paper", "sim", account_name(Settings())))
    storage = making.ledger_file(file)
    storage.write(
        Batch(
            [
                line(minute=1),
                line(minute=2, reason="STALE_QUOTE age_s=4.2 limit_s=2"),
                line("ETH/USDT", 3, inputs={"signal.x": f"HOLD {EVIL}"}, reason=f"STRATEGY_RAISED message={EVIL}"),
            ]
        )
    )
    storage.close()
    return file


def why(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["why", *arguments])
    return code, *capsys.readouterr()


def test_without_a_daemon_the_record_answers(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = why(capsys, "btcusdt")
    assert code == 0
    assert "no daemon answers" in out
    assert out.index("no trade: quote 4.2 s old (limit 2 s)") < out.index("x changes nothing on this candle")


def test_one_decision_is_explained_whole(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = why(capsys, "BTC/USDT", "--at", "2027-01-15T08:02:30")
    assert code == 0
    for words in (
        "no trade: quote 4.2 s old (limit 2 s)",
        "✗ quote",
        "– balance",
        "STALE_QUOTE age_s=4.2",
        "decided 1.5",
    ):
        assert words in out


def test_json_has_sentence_and_data(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = why(capsys, "BTC/USDT", "--json", "--at", "2027-01-15T08:02:30")
    answer = json.loads(out)
    (told,) = answer["decisions"]
    assert (answer["now"], answer["symbol"]) == (None, "BTC/USDT")
    assert told["sentence"] == "no trade: quote 4.2 s old (limit 2 s)"
    assert told["gates"]["quote"] == "no"
    assert told["close_ms"] == START_MS + 120_000


def test_what_a_strategy_says_reaches_no_terminal_as_an_order(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("ETH/USDT",), ("ETH/USDT", "--json"), ("ETH/USDT", "--at", "2027-01-15T09:00"), ("--summary",)):
        code, out, _ = why(capsys, *arguments, *(() if arguments[0] != "--summary" else ("--since", "2027-01-01")))
        assert code == 0
        assert all(each.isprintable() or each == "\n" for each in out)


def test_nor_where_the_terminal_has_colours() -> None:
    told = explained(line(inputs={"signal.x": EVIL}, reason=f"STRATEGY_RAISED message={EVIL}"))
    console = Console(force_terminal=True, color_system=None, width=200)
    with console.capture() as drawn:
        console.print(explanation(told))
    assert not {"\x1b]", "\x9b", "\x07", "\u202e"} & set(drawn.get())
    assert "\x1b[31m" not in drawn.get()


def test_reasons_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = why(capsys, "--summary", "--since", "2027-01-01")
    assert code == 0
    assert [word in out for word in ("BTC/USDT", "ETH/USDT", "STALE_QUOTE", "STRATEGY_RAISED")] == [True] * 4
    _, out, _ = why(capsys, "ethusdt", "--summary", "--since", "2027-01-01", "--json")
    assert [(each["symbol"], each["count"]) for each in json.loads(out)] == [("ETH/USDT", 1)]
    assert "no decisions in" in why(capsys, "--summary", "--since", "2037-01-01")[1]


def test_the_strip_ends_with_the_newest_hour() -> None:
    counts = [making.count(hour=0, count=1), making.count(hour=5, count=80), making.count(hour=9, count=8)]
    console = Console(width=160)
    with console.capture() as drawn:
        console.print(counts_table(counts, 160))
    assert "▁····█···▁" in drawn.get()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("BTCUSD",), 2, "BTCUSD: no decision on it was ever recorded here; did you mean BTC/USDT"),
        (("\x1b[2J",), 2, "did you mean"),
        (("BTCUSD", "--summary"), 2, "did you mean BTC/USDT"),
        (("BTC/USDT", "--at", "soon"), 2, "--at"),
        (("BTC/USDT", "--at", "2020-01-01"), 2, "no decision on BTC/USDT is known from that moment or before"),
        (("--summary", "--since", "soon"), 2, "--since"),
        ((), 2, "which SYMBOL?"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: tuple[str, ...], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, _, err = why(capsys, *arguments)
    assert found == code
    assert words in err
    assert "\x1b[2J" not in err


def test_a_broken_record_is_an_error_that_says_what_to_do(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded.write_bytes(b"nonsense" * 1_000)
    code, _, err = why(capsys, "BTC/USDT")
    assert code == 1
    assert "may also be deleted" in err


def test_nothing_recorded_and_no_daemon_is_told_as_the_latter(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.unlink()
    code, _, err = why(capsys, "BTC/USDT")
    assert code == 1
    assert "no daemon" in err
