"""The kill switch on real sockets: by command, through a half-broken venue, over a kill, and without a daemon."""

import json
import signal
import urllib.request
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integration.daemon.agreement import wait_until_all_agree
from integration.daemon.bot import SYMBOLS, Bot, Truth, bot
from integration.daemon.others import OtherClient
from tests.venues import VenueProcess

pytestmark = pytest.mark.processes

LOT = Decimal("0.001")


def bought(daemon: Bot) -> None:
    daemon.mood = "long"
    daemon.until(lambda: daemon.traded("buy"))
    daemon.mood = "hold"
    wait_until_all_agree(daemon)
    assert daemon.venue.stops()


def assert_flat(ledger: dict[str, Any], symbols: Sequence[str] = SYMBOLS) -> None:
    """By the venue's own ledger: no order works, and no base asset is left but dust."""
    assert not [each for each in ledger["orders"] if each["status"] in ("NEW", "PARTIALLY_FILLED")]
    for symbol in symbols:
        balance = ledger["balances"].get(symbol.partition("/")[0], {"free": "0", "locked": "0"})
        assert Decimal(balance["free"]) + Decimal(balance["locked"]) < LOT, symbol


def told(daemon: Bot, *arguments: str) -> dict[str, Any]:
    done = daemon.command(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.slow
def test_the_whole_way_round_by_signal_api_and_command(tmp_path: Path) -> None:
    with bot(tmp_path) as daemon:
        bought(daemon)
        daemon.signal(signal.SIGUSR1)
        said = daemon.next("halted")
        assert (said["was"], said["risk_level"], said["reason"]) == ("NORMAL", "NO_ENTRY", "SIGUSR1")
        assert told(daemon, "resume", "--reason", "a mistake")["level"] == "NORMAL"
        halted = told(daemon, "halt", "--reason", "lunch")
        assert halted["level"] == "NO_ENTRY"
        assert "lunch" in halted["reason"] and halted["since_ms"] > 0 and halted["is_durable"]
        assert daemon.next("command", command="halt", outcome="DONE")["reason"] == "lunch"
        tighter = daemon.api("/api/v1/halt", {"reason": "worse", "by": "me", "reduce_only": True})
        assert (tighter["level"], tighter["is_durable"]) == ("REDUCE_ONLY", True)
        refused = daemon.command("flatten")
        assert refused.returncode == 2 and "--yes" in refused.stderr, "nobody is there to be asked"

        flat = told(daemon, "flatten", "--yes", "--reason", "enough")
        assert flat["level"] == "LOCKED" and flat["flattening"]["is_proven"], flat
        assert "FLATTEN_PROVEN" in flat["reason"] and "enough" in flat["reason"]
        assert_flat(daemon.venue.ledger())
        wait_until_all_agree(daemon)
        status = daemon.status()
        assert (status["risk_level"], status["flattening"]["left"]) == ("LOCKED", [])

        assert told(daemon, "resume", "--reason", "back")["level"] == "NORMAL"
        assert daemon.next("command", command="resume", outcome="DONE")["reason"] == "back"
        daemon.from_now_on()
        daemon.mood = "long"
        daemon.next("fill", side="buy")
        daemon.mood = "hold"
        wait_until_all_agree(daemon)
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0
        assert daemon.errors == ""


def faults(venue: VenueProcess, *wanted: dict[str, Any]) -> None:
    """Arms these, after ending all that are at work."""
    with urllib.request.urlopen(urllib.request.Request(venue.admin_url + "/faults", method="DELETE"), timeout=10):
        pass
    for each in wanted:
        venue.admin("/faults", each)


@pytest.mark.slow
def test_without_a_daemon_it_is_done_directly_and_the_next_start_is_locked(tmp_path: Path, venue: VenueProcess) -> None:
    at_venue = {"SIMULATION__PORT": str(venue.port)}
    with bot(tmp_path, **at_venue) as daemon:
        bought(daemon)
        refused = daemon.command("flatten", "--direct", "--yes")
        assert refused.returncode == 5 and str(daemon.pid) in refused.stderr, refused.stderr
        daemon.signal(signal.SIGKILL)
        daemon.end()
        flat = told(daemon, "flatten", "--direct", "--yes", "--reason", "the daemon is dead")
        assert flat["level"] == "LOCKED" and flat["flattening"]["is_proven"]
        assert_flat(Truth(venue.url).ledger())
    with bot(tmp_path, **at_venue) as daemon:
        daemon.mood = "long"
        daemon.until(lambda: any(line["reason"].startswith("LEVEL_FORBIDS") for line in daemon.all("cycle")))
        status = daemon.status()
        assert status["risk_level"] == "LOCKED" and "the daemon is dead" in status["risk_reason"]
        assert not daemon.all("order")
        daemon.mood = "hold"
        wait_until_all_agree(daemon, Truth(venue.url))


HALF_BROKEN = (
    {"kind": "lose_answer", "how": "unknown", "route": "POST /api/v3/order", "hits": 2},
    {"kind": "refuse", "answer": "unavailable", "route": "DELETE /api/v3/order", "hits": 3},
    {"kind": "refuse", "answer": "bad_gateway", "route": "GET /api/v3/openOrders", "hits": 3},
    {"kind": "lose_events", "hits": 2},
)


@pytest.mark.slow
def test_a_half_broken_venue_is_flattened_all_the_same_and_nothing_twice(tmp_path: Path, venue: VenueProcess) -> None:
    with bot(tmp_path, SIMULATION__PORT=str(venue.port)) as daemon:
        bought(daemon)
        faults(venue, *HALF_BROKEN)
        flat = told(daemon, "flatten", "--yes")
        assert flat["level"] == "LOCKED" and flat["flattening"]["is_proven"], flat
        faults(venue)
        ledger = daemon.venue.ledger()
        assert_flat(ledger)
        closing = [each["symbol"] for each in ledger["orders"] if each["side"] == "SELL" and each["type"] == "MARKET"]
        assert sorted(closing) == sorted(each.replace("/", "") for each in SYMBOLS), "one order closed each"
        wait_until_all_agree(daemon)


DEAF = (
    {"kind": "lose_answer", "how": "hang", "route": "DELETE /api/v3/order", "hits": 2},
    {"kind": "lose_answer", "how": "reset", "route": "POST /api/v3/order", "symbol": "BTCUSDT", "hits": 1},
    {"kind": "refuse", "answer": "unavailable", "symbol": "ETHUSDT", "hits": 12},
    {"kind": "lose_events"},
)
"""Cancels hang, one symbol's requests are refused, an answer is lost, and the private stream says nothing at all."""


@pytest.mark.slow
def test_the_whole_account_is_flattened_through_a_venue_that_hangs_refuses_and_says_nothing(
    tmp_path: Path, venue: VenueProcess
) -> None:
    with bot(tmp_path, SIMULATION__PORT=str(venue.port), VENUE__REQUEST_TIMEOUT_S="2") as daemon:
        bought(daemon)
        other = OtherClient(venue.url)
        other.bid("BTC/USDT", "their-bid", "0.01")
        other.market("ETH/USDT", "their-buy", "0.5")
        other.close()
        faults(venue, *DEAF)
        flat = told(daemon, "flatten", "--yes", "--scope", "account")
        assert flat["level"] == "LOCKED" and flat["flattening"]["is_proven"], flat
        faults(venue)
        ledger = daemon.venue.ledger()
        assert_flat(ledger)
        sold = sum(Decimal(each["executedQty"]) for each in ledger["orders"] if each["side"] == "SELL")
        held = sum(Decimal(each["executedQty"]) for each in ledger["orders"] if each["side"] == "BUY")
        assert held * Decimal("0.998") < sold <= held, "sold once"
        assert {each["status"] for each in ledger["orders"] if each["clientOrderId"] == "their-bid"} == {"CANCELED"}
        verified = daemon.command("journal", "verify")
        assert verified.returncode == 0, verified.stdout


@pytest.mark.slow
def test_direct_flattening_that_is_killed_half_way_is_done_by_the_next(tmp_path: Path, venue: VenueProcess) -> None:
    at_venue, truth = {"SIMULATION__PORT": str(venue.port)}, Truth(venue.url)
    with bot(tmp_path, **at_venue) as daemon:
        bought(daemon)
        daemon.signal(signal.SIGKILL)
        daemon.end()
        faults(venue, {"kind": "refuse", "answer": "maintenance", "route": "POST /api/v3/order", "symbol": "BTCUSDT"})
        first = daemon.start_command("flatten", "--direct", "--yes", "--reason", "first")
        daemon.until(lambda: asset(truth, "ETH") < LOT, 60)
        first.kill()
        assert first.wait() == -signal.SIGKILL
        assert asset(truth, "BTC") >= LOT
        faults(venue)
        flat = told(daemon, "flatten", "--direct", "--yes", "--reason", "second")
        assert flat["level"] == "LOCKED" and flat["flattening"]["is_proven"]
        ledger = truth.ledger()
        assert_flat(ledger)
        closing = [each["symbol"] for each in ledger["orders"] if each["side"] == "SELL" and each["type"] == "MARKET"]
        assert sorted(closing) == sorted(each.replace("/", "") for each in SYMBOLS), "one order closed each"


def asset(truth: Truth, name: str) -> Decimal:
    """All of it, by the venue's ledger."""
    balance = truth.ledger()["balances"].get(name, {"free": "0", "locked": "0"})
    return Decimal(balance["free"]) + Decimal(balance["locked"])


@pytest.mark.slow
def test_a_kill_in_the_middle_goes_on_before_anything_else(tmp_path: Path, venue: VenueProcess) -> None:
    at_venue = {"SIMULATION__PORT": str(venue.port)}
    truth = Truth(venue.url)
    with bot(tmp_path, **at_venue) as daemon:
        bought(daemon)
        faults(venue, {"kind": "refuse", "answer": "maintenance", "route": "POST /api/v3/order", "symbol": "BTCUSDT"})
        assert told(daemon, "flatten", "--yes", "--no-wait", "--reason", "half")["level"] == "FLATTEN"

        def only_btc_is_left() -> bool:
            flattening = daemon.api("/api/v1/kill-switch")["flattening"]
            held = truth.ledger()["balances"]["ETH"]
            is_half_done = Decimal(held["free"]) + Decimal(held["locked"]) < LOT and not flattening["is_proven"]
            return is_half_done and "maintenance" in flattening["note"]

        daemon.until(only_btc_is_left)
        refused = daemon.command("resume", "--reason", "changed my mind")
        assert refused.returncode == 1 and "flattening is under way" in refused.stderr
        daemon.signal(signal.SIGKILL)
        daemon.end()
    with bot(tmp_path, **at_venue) as daemon:
        daemon.mood = "long"
        began = daemon.next("flatten_began")
        assert "half" in began["reason"]
        daemon.next("trading")
        daemon.until(lambda: any(line["reason"].startswith("LEVEL_FORBIDS") for line in daemon.all("cycle")))
        faults(venue)
        daemon.next("flattened", timeout_s=60)
        assert_flat(truth.ledger())
        wait_until_all_agree(daemon, truth)
        daemon.until(lambda: daemon.status()["risk_level"] == "LOCKED")
        assert not daemon.all("fill", side="buy")


@pytest.mark.slow
def test_an_order_in_doubt_is_resolved_by_command_and_its_trades_are_booked_once_they_show(
    tmp_path: Path, venue: VenueProcess
) -> None:
    with bot(tmp_path, SIMULATION__PORT=str(venue.port)) as daemon:
        daemon.next("trading")
        faults(
            venue,
            {"kind": "lose_answer", "how": "unknown", "route": "POST /api/v3/order", "hits": 1},
            {"kind": "refuse", "answer": "unavailable", "route": "GET /api/v3/order"},
            {"kind": "refuse", "answer": "unavailable", "route": "GET /api/v3/openOrders"},
            {"kind": "lose_events"},
        )
        daemon.mood = "long"
        lost = daemon.next("order", now="unknown")["id"]
        daemon.mood = "hold"
        missing = daemon.command("orders", "resolve", "mtn-nobody", "--as", "absent", "--reason", "guess")
        assert missing.returncode == 2 and "there is no order mtn-nobody" in missing.stderr
        line = told(daemon, "orders", "resolve", lost, "--as", "filled", "--reason", "seen in its history")
        assert line["state"] == "filled" and "seen in its history" in line["reason"]
        assert daemon.next("command", command="resolve", outcome="DONE")["order"] == lost
        assert daemon.status()["unknown_orders"] == 0
        faults(venue)
        wait_until_all_agree(daemon)
        assert not daemon.all("fill", foreign=True)
        again = daemon.command("orders", "resolve", lost, "--as", "absent", "--reason", "guess")
        assert again.returncode == 1 and "by the venue's word" in again.stderr
        verified = daemon.command("journal", "verify")
        assert verified.returncode == 0, verified.stdout
