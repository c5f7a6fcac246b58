"""From the start to the end of a daemon: cycles at every close, a fill, its stop, and a sum that the venue confirms."""

import json
import signal
from decimal import Decimal
from pathlib import Path

import pytest

from integration.daemon.agreement import assert_books_agree, wait_until_all_agree
from integration.daemon.bot import CANDLE_MS, SYMBOLS, Bot, bot, descendants, eventually
from tests.processes import is_alive
from unit.api.test_summary import PROMISED

pytestmark = pytest.mark.processes


def test_it_trades_at_every_close_and_its_sum_is_the_venues(tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    with bot(tmp_path, "--summary-json", str(summary)) as daemon:
        daemon.next("trading")
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"))
        daemon.mood = "hold"
        wait_until_all_agree(daemon)
        stops = {order["symbol"] for order in daemon.venue.stops()}
        assert stops == {symbol.replace("/", "") for symbol in SYMBOLS}
        assert {each["symbol"] for each in daemon.api("/api/v1/positions")} == set(SYMBOLS)
        assert {each["symbol"] for each in daemon.api("/api/v1/feeds")} == set(SYMBOLS)
        why = daemon.api("/api/v1/why/BTC-USDT")["decisions"]
        assert any(line["outcome"] == "TRADE" and line["reason"].startswith("SIGNAL_LONG") for line in why)
        daemon.mood = "flat"
        daemon.until(lambda: daemon.traded("sell"))
        wait_until_all_agree(daemon)
        ledger = daemon.venue.ledger()
        family = descendants(daemon.pid)
        assert len(family) >= 3, "a venue and two workers"
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0, daemon.errors
        assert daemon.errors == ""
        assert not daemon.complaints()
        assert_every_close_was_decided_once(daemon)
    eventually(lambda: not any(is_alive(pid) for pid in family))
    assert not (tmp_path / "api.token").exists()
    assert_books_agree(tmp_path, ledger)
    told = json.loads(summary.read_text())
    assert told.keys() >= PROMISED
    assert (told["orders"], told["fills"]) == (len(ledger["orders"]), len(ledger["fills"]))
    assert (told["mode"], told["venue"], told["clock_speed"], told["exit_code"]) == ("paper", "sim", 60.0, 0)
    assert sum(told["decisions"].values()) == told["cycles"] == len(daemon.all("cycle"))
    assert told["loop_lag_ms"].keys() == {"p50", "p95", "p99", "max"}
    assert told["rss_mb"] < told["pss_tree_mb"]
    left_over = Decimal(1)  # less than a lot of each base asset cannot be sold
    assert 0 <= Decimal(told["profit"]) - (Decimal(ledger["balances"]["USDT"]["free"]) - 100_000) < left_over


@pytest.mark.slow
def test_a_stop_leaves_protection_at_the_venue_and_the_next_start_takes_it_up(tmp_path: Path) -> None:
    with bot(tmp_path) as daemon:
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"))
        daemon.mood = "hold"
        wait_until_all_agree(daemon)
        before = {order["clientOrderId"] for order in daemon.venue.stops()}
        equity = Decimal(daemon.status()["equity"])
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0
        stages = [line["stage"] for line in daemon.all("stop_stage")]
        assert stages == [
            "deciding",
            "orders",
            "streams",
            "journal",
            "training",
            "messages",
            "sessions",
            "embedded venue",
        ]

    with bot(tmp_path) as daemon:
        recovered = daemon.next("recovered")
        assert (recovered["lost_track_of"], recovered["unresolved"], recovered["stops_armed"]) == (0, 0, 0)
        daemon.next("cycle", outcome="NO_TRADE")
        wait_until_all_agree(daemon)
        assert {order["clientOrderId"] for order in daemon.venue.stops()} == before
        assert abs(Decimal(daemon.status()["equity"]) - equity) < equity / 50, "the market has moved on, no more"
        assert not daemon.all("order"), "nothing was sent anew"
        assert not daemon.complaints()
        daemon.mood = "flat"
        daemon.until(lambda: daemon.traded("sell"))
        wait_until_all_agree(daemon)
        assert daemon.venue.stops() == []


@pytest.mark.slow
def test_a_second_signal_is_in_a_hurry_and_loses_nothing(tmp_path: Path) -> None:
    """The daemon is frozen while both signals come, so that the first has no head start."""
    with bot(tmp_path) as daemon:
        daemon.mood = "pulse"
        daemon.until(lambda: daemon.traded("sell"))
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
            daemon.signal(number)
        assert daemon.end() == 0, daemon.errors
        assert daemon.errors == ""
        family = [line["pid"] for line in daemon.all("child_started")]
        assert {line["stage"] for line in daemon.all("stop_stage", skipped=True)} >= {"sessions"}
        assert daemon.all("stop_stage", stage="journal", skipped=None)
    eventually(lambda: not any(is_alive(pid) for pid in family))
    with bot(tmp_path) as daemon:
        daemon.mood = "hold"
        daemon.next("trading")
        wait_until_all_agree(daemon)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["api_listening", "child_started", "embedded_venue", "recovered", "trading"])
def test_a_stop_during_the_start_is_a_clean_one(tmp_path: Path, moment: str) -> None:
    with bot(tmp_path) as daemon:
        daemon.next(moment)
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0, daemon.errors
        assert daemon.errors == ""
        assert not daemon.complaints()
        assert not (tmp_path / "api.token").exists()
        children = [line["pid"] for line in daemon.all("child_started")]
    eventually(lambda: not any(is_alive(pid) for pid in children))


@pytest.mark.slow
def test_a_halt_lets_nothing_in_and_everything_out_and_outlives_a_restart(tmp_path: Path) -> None:
    with bot(tmp_path) as daemon:
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"))
        daemon.signal(signal.SIGUSR1)
        daemon.next("halted", reason="SIGUSR1")
        daemon.mood = "flat"
        daemon.until(lambda: daemon.traded("sell"))
        daemon.mood = "long"
        daemon.until(lambda: daemon.all("cycle", outcome="REFUSED"))
        status = daemon.status()
        assert (status["risk_level"], status["risk_reason"]) == ("NO_ENTRY", "SIGUSR1")
        daemon.until(lambda: "NO_ENTRY" in next(tmp_path.glob("journal/*.risk.json")).read_text())
        daemon.signal(signal.SIGKILL)
        daemon.end()
    with bot(tmp_path) as daemon:
        refused = daemon.next("cycle", outcome="REFUSED")
        assert refused["reason"].startswith("LEVEL_FORBIDS")
        assert daemon.status()["risk_reason"] == "SIGUSR1"
        assert not daemon.all("order")


@pytest.mark.slow
def test_a_halt_during_the_start_is_not_forgotten(tmp_path: Path) -> None:
    with bot(tmp_path) as daemon:
        daemon.mood = "long"
        daemon.next("child_started")
        daemon.signal(signal.SIGUSR1)
        daemon.until(lambda: any(line["reason"].startswith("LEVEL_FORBIDS") for line in daemon.all("cycle")))
        assert daemon.status()["risk_level"] == "NO_ENTRY"
        assert not daemon.all("order")


def assert_every_close_was_decided_once(daemon: Bot) -> None:
    for symbol in SYMBOLS:
        closes = [line["close_ms"] for line in daemon.all("cycle", symbol=symbol)]
        assert closes == list(range(closes[0], closes[-1] + 1, CANDLE_MS)), symbol
    assert len({len(daemon.all("cycle", symbol=symbol)) for symbol in SYMBOLS}) == 1
