"""`orders place` and `orders cancel`: what is wrong is said before any daemon is asked."""

from pathlib import Path

import pytest

from core.cli.main import main

PLACE = ["orders", "place", "BTC/USDT", "buy", "0.1", "--reason", "x"]


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data folder in which no daemon runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("METRONOME__STORAGE__DATA_DIR", str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*PLACE, "--price", "abc", "--yes"], "--price: 'abc' is no number"),
        ([*PLACE, "--price", "nan", "--yes"], "price: must be a number above 0"),
        (["orders", "place", "BTC/USDT", "hold", "0.1", "-r", "x"], "side: buy or sell"),
        (["orders", "place", "BTC/USDT", "buy", "all", "-r", "x"], "quantity: 'all' is no number"),
        ([*PLACE, "--type", "wish"], "no orders are called 'wish'; there are market, limit"),
        ([*PLACE, "--type", "limit"], "price: a limit order needs a limit price"),
        ([*PLACE, "--price", "1", "--tif", "DAY"], "--tif: GTC, IOC, FOK or GTD, not 'DAY'"),
        ([*PLACE, "--price", "1", "--tif", "gtd"], "GTD needs a date"),
        ([*PLACE, "--price", "1", "--until", "tomorrow"], "--until: 'tomorrow' is neither a span"),
        ([*PLACE, "--price", "1", "--until", "0s"], "good_for_s: must be above 0"),
        ([*PLACE, "--type", "stop-limit", "--price", "1"], "stop_price: a stop_loss_limit order needs a stop price"),
        ([*PLACE, "--twap", "soon"], "--twap: 'soon' is no span of time"),
        ([*PLACE, "--twap", "10s", "--slices", "20"], "slices: 1 to 10 in 10 s"),
        ([*PLACE, "--post-only"], "post_only: a market order may take"),
        ([*PLACE, "--price", "1"], "say --yes where nobody can be asked"),
    ],
)
def test_a_bad_ticket_ends_with_2_and_names_the_fault(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [*PLACE, "--yes"],
        [*PLACE, "--yes", "--price", "1", "--until", "2026-11-30T18:00"],
        [*PLACE, "--yes", "--price", "1", "--until", "1.5h", "--post-only"],
        [*PLACE, "--yes", "--type", "stop-loss", "--trail-bps", "50"],
        [*PLACE, "--yes", "--twap", "10m", "--slices", "20"],
        ["orders", "cancel", "mtn-1", "--reason", "x"],
    ],
)
def test_without_a_daemon_it_says_so(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    assert "no daemon runs" in capsys.readouterr().err
