"""Each trigger of the kill switch, pulled in a running daemon by what it is there for: a market that falls, orders that
fail, feeds that fall silent, money that is gone, a process that stood still. It is told once, shown, kept over a kill,
and nothing that opens leaves until somebody resumes."""

import csv
import json
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integration.daemon.bot import Bot, Truth, bot, eventually
from integration.daemon.test_kill_switch import assert_flat, faults, told
from tests.venues import VenueProcess

pytestmark = [pytest.mark.processes, pytest.mark.slow]

HISTORY, FALL = 500, 900
FIRST_MS = 1_704_067_200_000  # 2024-01-01T00:00Z: all of the fall is in one UTC day
MARKET_READS = ("GET /api/v3/depth", "GET /api/v3/klines", "GET /api/v3/ticker/*")


def forbidden(daemon: Bot) -> bool:
    return any(line["reason"].startswith("LEVEL_FORBIDS") for line in daemon.all("cycle"))


def bought(truth: Truth) -> set[str]:
    return {each["clientOrderId"] for each in truth.ledger()["orders"] if each["side"] == "BUY"}


def on_disk(data_dir: Path) -> dict[str, Any]:
    (file,) = (data_dir / "journal").glob("*.risk.json")
    held: dict[str, Any] = json.loads(file.read_text())
    return held


def pull(data_dir: Path, code: str, level: str, provoke: Callable[[Bot], None], **variables: str) -> None:
    """Two lives of a daemon: the one in which `provoke` pulls the trigger, and the one after a kill."""
    with bot(data_dir, **variables) as daemon:
        daemon.next("trading")
        provoke(daemon)
        said = daemon.next("halted")
        assert (said["was"], said["risk_level"]) == ("NORMAL", level)
        assert said["reason"].startswith(code + " ")
        before = bought(daemon.venue)
        shown = eventually(daemon.status)  # a loop that has just stood still is answered for with 503
        assert (shown["risk_level"], shown["risk_reason"]) == (level, said["reason"])
        daemon.until(lambda: daemon.api("/api/v1/kill-switch")["is_durable"])
        daemon.until(lambda: (on_disk(data_dir)["level"], on_disk(data_dir)["reason"]) == (level, said["reason"]))
        daemon.mood = "pulse"
        daemon.until(lambda: forbidden(daemon), 60)
        assert bought(daemon.venue) == before
        assert len(daemon.all("halted")) == 1, "told once, however long it lasts"
        daemon.signal(signal.SIGKILL)
        daemon.end()
    with bot(data_dir, **variables) as daemon:
        daemon.next("trading")
        kept = daemon.status()
        assert [kept[each] for each in ("risk_level", "risk_reason", "risk_since_ms")] == [
            shown[each] for each in ("risk_level", "risk_reason", "risk_since_ms")
        ]
        daemon.until(lambda: forbidden(daemon), 60)
        assert bought(daemon.venue) == before
        assert not daemon.all("halted")
        daemon.mood = "hold"
        assert told(daemon, "resume", "--reason", "seen")["level"] == "NORMAL"
        assert len(daemon.all("resumed")) == 1


def falling(folder: Path) -> dict[str, str]:
    """The settings of a venue whose market stands still for 500 minutes, which are history, and then loses 0.3 % a
    minute."""
    file, price = folder / "BTC-USDT-1m.csv", 30_000.0
    with file.open("w", newline="") as lines:
        rows = csv.writer(lines)
        rows.writerow(["timestamp", "open", "high", "low", "close", "volume"])
        for minute in range(HISTORY + FALL):
            close = price * (0.997 if minute >= HISTORY else 1.0)
            prices = [f"{each:.2f}" for each in (price, max(price, close), min(price, close), close)]
            rows.writerow([FIRST_MS + minute * 60_000, *prices, "50"])
            price = close
    return {
        "TRADING__SYMBOLS": '["BTC/USDT"]',
        "SIMULATION__MARKET": "replay",
        "SIMULATION__REPLAY_FILES": json.dumps([str(file)]),
        "SIZING__FRACTION_PCT": "15",
    }


def buy(daemon: Bot) -> None:
    daemon.mood = "long"
    daemon.next("fill", side="buy")


def test_a_day_that_loses_too_much(tmp_path: Path) -> None:
    market = falling(tmp_path)
    pull(tmp_path, "DAILY_LOSS", "NO_ENTRY", buy, RISK__MAX_DAILY_LOSS_PCT="0.2", RISK__MAX_DRAWDOWN_PCT="20", **market)


def test_a_drawdown_that_is_to_flatten_ends_locked_with_nothing_left(tmp_path: Path) -> None:
    market = falling(tmp_path)
    limits = {"RISK__MAX_DRAWDOWN_PCT": "0.2", "RISK__DRAWDOWN_LEVEL": "FLATTEN"}
    with bot(tmp_path, **limits, **market) as daemon:
        daemon.next("trading")
        buy(daemon)
        said = daemon.next("halted", risk_level="FLATTEN")
        assert said["reason"].startswith("DRAWDOWN_LIMIT ")
        daemon.next("flattened")
        daemon.next("locked")
        assert_flat(daemon.venue.ledger(), ["BTC/USDT"])
        shown = daemon.status()
        assert shown["risk_level"] == "LOCKED" and said["reason"] in shown["risk_reason"]
        daemon.until(lambda: on_disk(tmp_path)["level"] == "LOCKED")
        before = bought(daemon.venue)
        daemon.until(lambda: forbidden(daemon), 60)
        assert bought(daemon.venue) == before
        assert len(daemon.all("halted")) == len(daemon.all("locked")) == 1


def test_orders_that_fail_again_and_again(tmp_path: Path, venue: VenueProcess) -> None:
    def refuse_orders(daemon: Bot) -> None:
        faults(venue, {"kind": "refuse", "answer": "overloaded", "route": "POST /api/v3/order"})
        daemon.mood = "long"
        daemon.until(lambda: daemon.all("halted"), 60)
        faults(venue)

    limits = {"RISK__MIN_ORDER_ERRORS": "4", "RISK__ORDER_ERRORS_LEVEL": "REDUCE_ONLY"}
    pull(tmp_path, "ORDER_ERRORS", "REDUCE_ONLY", refuse_orders, SIMULATION__PORT=str(venue.port), **limits)


def test_feeds_that_fall_silent(tmp_path: Path, venue: VenueProcess) -> None:
    def mute(daemon: Bot) -> None:
        silence = [{"kind": "refuse", "answer": "unavailable", "route": each} for each in MARKET_READS]
        faults(venue, {"kind": "mute", "stream": "*"}, *silence)
        daemon.until(lambda: daemon.all("halted"), 60)
        faults(venue)

    limits = {"RISK__STALE_FEEDS_S": "8"}
    pull(tmp_path, "FEEDS_STALE", "NO_ENTRY", mute, SIMULATION__PORT=str(venue.port), **limits)


def test_money_that_is_gone(tmp_path: Path, venue: VenueProcess) -> None:
    def withdraw(daemon: Bot) -> None:
        venue.admin("/deposits", {"account": "paper", "asset": "USDT", "amount": "-5000"})
        assert daemon.next("balance_unexplained")["difference"] == "-5000.00000000"

    quick = {"EXECUTION__RECONCILE_S": "1"}
    pull(tmp_path, "RECONCILIATION_BREAK", "NO_ENTRY", withdraw, SIMULATION__PORT=str(venue.port), **quick)


def test_a_loop_that_stood_still(tmp_path: Path, venue: VenueProcess) -> None:
    def stop(daemon: Bot) -> None:
        daemon.next("cycle")  # its loop is watched
        daemon.signal(signal.SIGSTOP)
        until_ms = venue_ms(venue) + 6_000 * 60
        daemon.until(lambda: venue_ms(venue) > until_ms)
        daemon.signal(signal.SIGCONT)

    limits = {"RISK__LOOP_LAG_S": "0", "RISK__MAX_LOOP_LAG_MS": "2000"}
    pull(tmp_path, "LOOP_LAG", "NO_ENTRY", stop, SIMULATION__PORT=str(venue.port), **limits)


def venue_ms(venue: VenueProcess) -> int:
    with urllib.request.urlopen(f"{venue.url}/api/v3/time", timeout=10) as answer:
        return int(json.load(answer)["serverTime"])
