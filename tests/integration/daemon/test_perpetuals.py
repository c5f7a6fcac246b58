"""A daemon on perpetuals: long, short and flat with stops at the venue, killed in between; what it knows at the end is
what the venue's own ledger says, funding included."""

import json
import random
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.domain.orders import Side
from core.venues.binance.usdm.rest import UsdmRest
from integration.daemon.agreement import rows
from integration.daemon.bot import Bot, Truth, bot
from integration.daemon.others import OtherClient
from integration.daemon.test_kill_switch import faults, told
from tests.venues import VenueProcess

pytestmark = [pytest.mark.processes, pytest.mark.slow]

SWAP = "BTC/USDT:USDT"
SYMBOLS = json.dumps([SWAP])
CENTS = Decimal("0.01")


@pytest.fixture
def venue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VenueProcess]:
    """It outlives the daemons; a venue hour lasts a minute, and with it comes funding."""
    monkeypatch.setenv("METRONOME__SIMULATION__FUNDING_INTERVAL_H", "1")
    folder = tmp_path / "venue"
    folder.mkdir()
    process = VenueProcess(folder, symbols=("BTC/USDT", SWAP), speed=60.0, options=("--latency-ms", "0"))
    yield process
    process.stop()


def ledger(truth: Truth) -> dict[str, Any]:
    found: dict[str, Any] = truth.ledger()["usdm"]
    return found


def standing_stops(truth: Truth) -> list[dict[str, Any]]:
    return [order for order in ledger(truth)["algoOrders"] if order["algoStatus"] == "NEW"]


def held(books: dict[str, Any]) -> Decimal:
    return sum((Decimal(each["positionAmt"]) for each in books["positions"]), Decimal(0))


def assert_agree(daemon: Bot, truth: Truth) -> None:
    """Fills, funding, position, stop and profit; wait for this while nothing new is traded."""
    books = ledger(truth)
    booked = {trade for (trade,) in rows(daemon.data_dir, "SELECT trade_id FROM fills WHERE is_ours")}
    assert booked == {str(fill["id"]) for fill in books["fills"]}
    asked = [name for (name,) in rows(daemon.data_dir, "SELECT client_order_id FROM requests")]
    placed = [each["clientOrderId"] for each in books["orders"]] + [
        each["clientAlgoId"] for each in books["algoOrders"]
    ]
    assert len(set(asked)) == len(asked) and set(placed) <= set(asked)
    paid = {str(each["tranId"]): Decimal(each["income"]) for each in books["income"] if _is_funding(each)}
    assert dict(_funding(daemon.data_dir)) == paid
    (position,) = daemon.api("/api/v1/positions") or [{"quantity": "0", "stop_price": None}]
    assert Decimal(position["quantity"]) == held(books)
    stops = standing_stops(truth)
    assert sum((Decimal(stop["quantity"]) for stop in stops), Decimal(0)) == abs(held(books))
    assert {stop["side"] for stop in stops} <= {"SELL" if held(books) > 0 else "BUY"}
    assert all(stop["reduceOnly"] for stop in stops)
    status = daemon.status()
    profit = sum((Decimal(fill["realizedPnl"]) - Decimal(fill["commission"]) for fill in books["fills"]), Decimal(0))
    known = Decimal(status["realised_profit"]) - Decimal(status["fees"]) + Decimal(status["funding"])
    assert abs(known - profit - sum(paid.values())) <= 3 * CENTS
    assert status["note"] == "" and status["unknown_orders"] == 0


def wait_until_agree(daemon: Bot, truth: Truth) -> None:
    def agree() -> bool:
        assert_agree(daemon, truth)
        return True

    daemon.until(agree, 60)


def perpetual_bot(data_dir: Path, port: int) -> Any:
    return bot(data_dir, TRADING__SYMBOLS=SYMBOLS, SIMULATION__PORT=str(port))


@pytest.mark.timeout(600)
def test_long_short_and_flat_through_kills_agree_with_the_venues_ledger(tmp_path: Path, venue: VenueProcess) -> None:
    chance, truth = random.Random(5), Truth(venue.url)
    for mood in ("long", "turn"):
        with perpetual_bot(tmp_path, venue.port) as daemon:
            daemon.mood = "hold"
            daemon.next("trading")
            wait_until_agree(daemon, truth)
            daemon.mood = mood
            daemon.next("order", now="filled")
            end = len(daemon.lines) + chance.randint(1, 40)
            daemon.until(lambda daemon=daemon, end=end: len(daemon.lines) >= end, 60)
            daemon.signal(signal.SIGKILL)
            assert daemon.end() == -signal.SIGKILL
    with perpetual_bot(tmp_path, venue.port) as daemon:
        daemon.mood = "short"
        daemon.until(lambda: held(ledger(truth)) < 0 and len(standing_stops(truth)) == 1, 60)
        daemon.mood = "hold"
        wait_until_agree(daemon, truth)
        daemon.until(lambda: any(map(_is_funding, ledger(truth)["income"])), 90)
        wait_until_agree(daemon, truth)
        assert _funding(daemon.data_dir)
        (position,) = daemon.api("/api/v1/positions")
        assert Decimal(position["quantity"]) < 0 and Decimal(position["stop_price"]) > position["mark_price"]
        daemon.mood = "long"
        daemon.until(lambda: held(ledger(truth)) > 0, 60)
        daemon.mood = "hold"
        wait_until_agree(daemon, truth)
        daemon.mood = "flat"
        daemon.until(lambda: held(ledger(truth)) == 0 and not standing_stops(truth), 60)
        daemon.mood = "hold"
        wait_until_agree(daemon, truth)
        sides = {(fill["side"], fill["positionSide"]) for fill in ledger(truth)["fills"]}
        assert sides == {("BUY", "BOTH"), ("SELL", "BOTH")}
        assert not [
            line for line in daemon.complaints() if line["event"] in ("position_unexplained", "balance_unexplained")
        ]
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0


def _is_funding(entry: dict[str, Any]) -> bool:
    return bool(entry["incomeType"] == "FUNDING_FEE")


def _funding(data_dir: Path) -> list[tuple[str, Decimal]]:
    return [(name, Decimal(amount)) for name, amount in rows(data_dir, "SELECT payment_id, amount FROM funding")]


@pytest.mark.timeout(600)
def test_a_short_is_flattened_through_a_half_broken_venue_reduce_only_and_its_stop_goes_with_it(
    tmp_path: Path, venue: VenueProcess
) -> None:
    truth = Truth(venue.url)
    with perpetual_bot(tmp_path, venue.port) as daemon:
        daemon.mood = "short"
        daemon.until(lambda: held(ledger(truth)) < 0 and len(standing_stops(truth)) == 1, 60)
        daemon.mood = "hold"
        wait_until_agree(daemon, truth)
        faults(
            venue,
            {"kind": "lose_answer", "how": "unknown", "route": "POST /fapi/v1/order", "hits": 1},
            {"kind": "refuse", "answer": "unavailable", "route": "DELETE /fapi/v1/algoOrder", "hits": 2},
            {"kind": "refuse", "answer": "bad_gateway", "route": "GET /fapi/v*/positionRisk", "hits": 2},
            {"kind": "lose_events"},
        )
        done = daemon.command("flatten", "--yes", "--json")
        assert done.returncode == 0, done.stderr
        status = json.loads(done.stdout)
        assert (status["level"], status["flattening"]["is_proven"], status["flattening"]["dust"]) == (
            "LOCKED",
            True,
            [],
        )
        books = ledger(truth)
        assert held(books) == 0 and not standing_stops(truth)
        (closing,) = [order for order in books["orders"] if order["side"] == "BUY" and order["type"] == "MARKET"]
        assert closing["reduceOnly"]
        daemon.signal(signal.SIGKILL)
        daemon.end()
    with perpetual_bot(tmp_path, venue.port) as daemon:
        daemon.mood = "short"
        daemon.until(lambda: any(line["reason"].startswith("LEVEL_FORBIDS") for line in daemon.all("cycle")))
        assert held(ledger(truth)) == 0


def test_a_position_that_no_trade_explains_halts_is_shown_and_is_none_of_the_bots(
    tmp_path: Path, venue: VenueProcess
) -> None:
    """Opened by hand before the bot ever looked; what is traded by hand later is explained by its trade."""
    other = OtherClient(venue.url, UsdmRest)
    other.rest.instruments()
    other.market(SWAP, "before", "0.02")
    settings = {"TRADING__SYMBOLS": SYMBOLS, "SIMULATION__PORT": str(venue.port), "EXECUTION__RECONCILE_S": "1"} | {
        "VENUE__MARGIN_TYPE": "cross"
    }
    with bot(tmp_path, **settings) as daemon:
        assert daemon.next("position_unexplained")["difference"].rstrip("0") == "0.02"
        said = daemon.next("halted")
        assert (said["risk_level"], said["reason"]) == ("NO_ENTRY", f"RECONCILIATION_BREAK what={SWAP} 0.02")
        assert "differs by 0.02" in daemon.status()["note"]
        assert told(daemon, "resume", "--reason", "mine")["level"] == "NORMAL"
        other.market(SWAP, "later", "0.01", Side.SELL)
        daemon.next("fill", foreign=True)
        daemon.mood = "long"
        daemon.next("fill", side="buy")
        daemon.mood = "hold"
        assert len(daemon.all("halted")) == 1, "what has been seen is no break any more"
        flat = told(daemon, "flatten", "--yes")
        assert flat["flattening"]["is_proven"]
        assert held(ledger(Truth(venue.url))) == Decimal("0.01"), "theirs"
    other.close()
