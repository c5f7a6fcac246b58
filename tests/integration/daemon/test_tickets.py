"""Orders by hand through a daemon: every type at the venue, kept over a kill, ended at its date, never twice."""

import json
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integration.daemon.bot import Bot, Truth, bot
from integration.daemon.test_kill_switch import told
from tests.venues import VenueProcess

pytestmark = [pytest.mark.processes, pytest.mark.slow]

BTC, SWAP = "BTC/USDT", "BTC/USDT:USDT"
OPEN = ("NEW", "PARTIALLY_FILLED")
AMEND = ("orders", "amend", "--reason", "a test")
TWAP = ("orders", "place", BTC, "buy", "0.01", "--yes", "--reason", "a test")
TERMS = {"brief": ("--twap", "2m", "--slices", "2"), "long": ("--twap", "20h", "--slices", "4")}


def ticket(name: str, kind: str, side: str = "buy", symbol: str = BTC, **terms: Any) -> dict[str, Any]:
    given = {"ticket_id": name, "symbol": symbol, "side": side, "order_type": kind, "quantity": "0.01"}
    return {**given, "reason": "a test", "by": "me", **terms}


def price(daemon: Bot, factor: float) -> str:
    """So far from the market, in whole units of quote."""
    return str(int(last_price(daemon) * factor))


def last_price(daemon: Bot) -> float:
    """0 before the first quote."""
    (line,) = [each for each in daemon.api("/api/v1/symbols") if each["symbol"] in (BTC, SWAP)]
    return float(line["last_price"] or 0)


def placed(daemon: Bot, body: dict[str, Any]) -> dict[str, Any]:
    status, answer = daemon.post("/api/v1/orders", body)
    assert status == 200, answer
    order: dict[str, Any] = answer["order"]
    return order


def refused(daemon: Bot, body: dict[str, Any], status: int, words: str) -> None:
    got, answer = daemon.post("/api/v1/orders", body)
    assert got == status and words in answer["detail"], answer


def state(daemon: Bot, order: dict[str, Any]) -> str:
    (line,) = [e for e in daemon.api("/api/v1/orders") if e["client_order_id"] == order["client_order_id"]]
    return str(line["state"])


def plan(daemon: Bot, of: dict[str, Any]) -> dict[str, Any]:
    (found,) = [each for each in daemon.api("/api/v1/plans") if each["plan_id"] == of["plan_id"]]
    return dict(found)


def spot(truth: Truth, order: dict[str, Any]) -> dict[str, Any]:
    (found,) = [each for each in truth.ledger()["orders"] if each["clientOrderId"] == order["client_order_id"]]
    return dict(found)


def test_every_type_on_spot_is_kept_over_a_kill_ended_at_its_date_and_never_sent_twice(
    tmp_path: Path, venue: VenueProcess
) -> None:
    truth = Truth(venue.url)
    settings = {"SIMULATION__PORT": str(venue.port), "TRADING__SYMBOLS": json.dumps([BTC])}
    with bot(tmp_path, **settings) as daemon:
        daemon.mood = "hold"
        daemon.next("trading")
        daemon.until(lambda: last_price(daemon))
        bought = placed(daemon, ticket("market", "market"))
        assert (bought["state"], bought["strategies"]) == ("filled", ["manual"])
        # So far that the hours which a busy machine takes do not bring the market there.
        low, high = price(daemon, 0.83), price(daemon, 1.17)
        near, beyond = price(daemon, 1.15), price(daemon, 1.155)
        resting = {
            "LIMIT": placed(daemon, ticket("limit", "limit", price=low)),
            "LIMIT_MAKER": placed(daemon, ticket("post", "limit", price=low, post_only=True)),
            "STOP_LOSS": placed(daemon, ticket("stop", "stop_loss", stop_price=near)),
            "STOP_LOSS_LIMIT": placed(daemon, ticket("slimit", "stop_loss_limit", stop_price=near, price=beyond)),
            "TAKE_PROFIT": placed(daemon, ticket("tp", "take_profit", "sell", stop_price=high, quantity="0.005")),
            "TAKE_PROFIT_LIMIT": placed(daemon, ticket("tpl", "take_profit_limit", stop_price=low, price=low)),
        }
        for kind, order in resting.items():
            assert (spot(truth, order)["type"], spot(truth, order)["status"]) == (kind, "NEW")
        ice = placed(daemon, ticket("ice", "limit", price=low, quantity="0.05", visible_quantity="0.01"))
        assert Decimal(spot(truth, ice)["icebergQty"]) == Decimal("0.01")
        trail = placed(daemon, ticket("trail", "stop_loss", trailing_bps=1500))
        assert spot(truth, trail)["type"] == "STOP_LOSS"
        for in_force in ("IOC", "FOK"):
            assert placed(daemon, ticket(in_force, "limit", price=low, time_in_force=in_force))["state"] == "expired"

        dated = placed(daemon, ticket("dated", "limit", price=low, good_for_s=600))
        assert (dated["time_in_force"], dated["expires_ms"] > 0) == ("GTC", True)
        daemon.until(lambda: state(daemon, dated) == "cancelled")
        assert spot(truth, dated)["status"] == "CANCELED"

        refused(daemon, ticket("past", "limit", price=low, until_ms=1_000), 409, "DATE_PASSED")
        refused(daemon, ticket("off", "limit", price=low + ".001"), 409, "PRICE_OFF_GRID")
        refused(daemon, ticket("small", "limit", price=low, quantity="0.00001"), 409, "NOTIONAL_BELOW_MINIMUM")
        refused(daemon, ticket("wrong", "stop_loss", stop_price=low), 409, "STOP_WOULD_TRIGGER")
        refused(daemon, ticket("none", "market", symbol="NO/WHERE"), 404, "not traded")
        refused(daemon, ticket("more", "market", "sell", quantity="5"), 409, "EXIT_EXCEEDS_POSITION")
        refused(daemon, ticket("limit", "limit", price=high), 409, "TICKET_REPEATED")
        said = daemon.command("orders", "place", BTC, "buy", "0.01", "--price", "x", "--yes", "--reason", "x")
        assert said.returncode == 2 and "--price" in said.stderr

        moved = placed(daemon, ticket("moved", "limit", price=low))
        less = told(daemon, *AMEND, resting["LIMIT"]["client_order_id"], "--quantity", "0.005")
        assert (less["result"], less["order"]["quantity"]) == ("amended", "0.005")
        assert Decimal(spot(truth, resting["LIMIT"])["origQty"]) == Decimal("0.005")
        nearer = told(daemon, *AMEND, moved["client_order_id"], "--price", price(daemon, 0.84))
        assert (nearer["result"], nearer["replacement"]["replaces"]) == ("replaced", moved["client_order_id"])
        assert (spot(truth, moved)["status"], spot(truth, nearer["replacement"])["status"]) == ("CANCELED", "NEW")

        brief = told(daemon, *TWAP, *TERMS["brief"], "--ticket", "brief")["plan"]
        daemon.until(lambda: plan(daemon, brief)["state"] == "over")
        assert plan(daemon, brief)["filled_quantity"] == "0.01"
        long = told(daemon, *TWAP, *TERMS["long"], "--ticket", "long")["plan"]
        assert (long["style"], long["slices"], long["state"]) == ("twap", 4, "working")

        late = placed(daemon, ticket("late", "limit", price=low, good_for_s=120))
        daemon.signal(signal.SIGKILL)
        daemon.end()
    passed_ms = late["expires_ms"]
    with bot(tmp_path, **settings) as daemon:
        began = daemon.next("trading")
        assert began
        daemon.until(lambda: daemon.status()["trading_time_ms"] > passed_ms and state(daemon, late) == "cancelled")
        for order in (*resting.values(), ice, trail):
            assert state(daemon, order) == "accepted"
        before = len(truth.ledger()["orders"])
        again = daemon.post("/api/v1/orders", ticket("limit", "limit", price=low))[1]
        assert again["is_repeated"] and again["order"]["client_order_id"] == resting["LIMIT"]["client_order_id"]
        assert len(truth.ledger()["orders"]) == before
        for name, first in (("brief", brief), ("long", long)):
            same = told(daemon, *TWAP, *TERMS[name], "--ticket", name)
            assert same["is_repeated"] and same["order"] is None
            assert (same["plan"]["plan_id"], same["plan"]["quantity"]) == (first["plan_id"], "0.01")
        assert told(daemon, *TWAP, *TERMS["brief"], "--ticket", "brief")["plan"]["filled_quantity"] == "0.01"
        refused(daemon, ticket("long", "market"), 409, "TICKET_REPEATED")
        assert "1 plan at work" in daemon.command("orders").stdout
        wrong = daemon.command("orders", "cancel", long["plan_id"], "--reason", "x")
        assert wrong.returncode == 1 and f"plans end {long['plan_id']}" in wrong.stderr
        told(daemon, "plans", "end", long["plan_id"], "--reason", "enough")
        daemon.until(lambda: plan(daemon, long)["state"] == "over")
        gone = told(daemon, "orders", "cancel", resting["LIMIT"]["client_order_id"], "--reason", "enough")
        assert gone["state"] == "cancelled" and "enough" in gone["reason"]
        twice = daemon.command("orders", "cancel", resting["LIMIT"]["client_order_id"], "--reason", "x")
        assert twice.returncode == 1 and "cancelled already" in twice.stderr
        told(daemon, "halt", "--reduce-only", "--reason", "lunch")
        entries = [order for kind, order in resting.items() if kind != "TAKE_PROFIT"]
        daemon.until(lambda: {state(daemon, order) for order in (*entries, ice, trail)} == {"cancelled"})
        assert state(daemon, resting["TAKE_PROFIT"]) == "accepted", "it only takes away"
        refused(daemon, ticket("halted", "market"), 409, "LEVEL_FORBIDS")
        assert told(daemon, "flatten", "--yes")["flattening"]["is_proven"]
        assert not [each for each in truth.ledger()["orders"] if each["status"] in OPEN]
        assert daemon.command("journal", "verify").returncode == 0


def test_strategies_leave_alone_what_is_held_by_hand(tmp_path: Path) -> None:
    with bot(tmp_path, TRADING__SYMBOLS=json.dumps([BTC])) as daemon:
        daemon.mood = "hold"
        daemon.next("trading")
        daemon.until(lambda: last_price(daemon))
        mine = placed(daemon, ticket("mine", "market", quantity="0.02"))
        kept = Decimal(daemon.until(lambda: daemon.api("/api/v1/positions"))[0]["quantity"])
        assert mine["state"] == "filled" and kept > 0
        daemon.mood = "long"
        daemon.until(lambda: Decimal(daemon.api("/api/v1/positions")[0]["quantity"]) > 2 * kept, 60)
        daemon.mood = "flat"
        daemon.until(lambda: Decimal(daemon.api("/api/v1/positions")[0]["quantity"]) < 2 * kept, 60)
        left = Decimal(daemon.api("/api/v1/positions")[0]["quantity"])
        assert abs(left - kept) < Decimal("0.001")
        assert not daemon.venue.stops(), "those of the strategies, and nobody else's"
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0


@pytest.fixture
def perpetual(tmp_path: Path) -> Iterator[VenueProcess]:
    folder = tmp_path / "perpetual"
    folder.mkdir()
    process = VenueProcess(folder, symbols=(BTC, SWAP), speed=60.0, options=("--latency-ms", "0"))
    yield process
    process.stop()


def test_every_type_on_perpetuals(tmp_path: Path, perpetual: VenueProcess) -> None:
    truth = Truth(perpetual.url)
    settings = {
        "SIMULATION__PORT": str(perpetual.port),
        "TRADING__SYMBOLS": json.dumps([SWAP]),
    }

    def booked(order: dict[str, Any]) -> dict[str, Any]:
        books = truth.ledger()["usdm"]
        every = [(each["clientOrderId"], each) for each in books["orders"]]
        every += [(each["clientAlgoId"], each) for each in books["algoOrders"]]
        (found,) = [each for name, each in every if name == order["client_order_id"]]
        return dict(found)

    def by(name: str, kind: str, side: str = "buy", **terms: Any) -> dict[str, Any]:
        return placed(daemon, ticket(name, kind, side, SWAP, **terms))

    with bot(tmp_path, **settings) as daemon:
        daemon.mood = "hold"
        daemon.next("trading")
        daemon.until(lambda: last_price(daemon))
        assert by("in", "market", quantity="0.02")["state"] == "filled"
        low, high, near = price(daemon, 0.97), price(daemon, 1.03), price(daemon, 1.025)
        assert booked(by("limit", "limit", price=low))["timeInForce"] == "GTC"
        assert booked(by("post", "limit", price=low, post_only=True))["timeInForce"] == "GTX"
        day = by("day", "limit", price=low, good_for_s=86_400)
        assert booked(day)["timeInForce"] == "GTD" and day["time_in_force"] == "GTD"
        soon = by("soon", "limit", price=low, good_for_s=120)
        assert booked(soon)["timeInForce"] == "GTC", "the venue keeps no date so near"
        daemon.until(lambda: state(daemon, soon) == "cancelled")
        for in_force in ("IOC", "FOK"):
            assert by(in_force, "limit", price=low, time_in_force=in_force)["state"] == "expired"
        assert booked(by("stop", "stop_loss", stop_price=high))["orderType"] == "STOP_MARKET"
        assert booked(by("slimit", "stop_loss_limit", stop_price=near, price=high))["orderType"] == "STOP"
        out = {"quantity": "0.005", "reduce_only": True}
        assert booked(by("tp", "take_profit", "sell", stop_price=high, **out))["orderType"] == "TAKE_PROFIT_MARKET"
        limit = by("tpl", "take_profit_limit", "sell", stop_price=near, price=high, **out)
        assert booked(limit)["orderType"] == "TAKE_PROFIT" and booked(limit)["reduceOnly"]
        trail = by("trail", "stop_loss", "sell", trailing_bps=500, **out)
        assert booked(trail)["orderType"] == "TRAILING_STOP_MARKET"
        hidden = ticket("ice", "limit", symbol=SWAP, price=low, quantity="0.02", visible_quantity="0.005")
        ice = daemon.post("/api/v1/orders", hidden)[1]["plan"]
        assert (ice["style"], ice["slices"], ice["sent"]) == ("iceberg", 4, 1)
        (shown,) = [each for each in daemon.api("/api/v1/orders") if each["plan_id"] == ice["plan_id"]]
        assert (Decimal(booked(shown)["origQty"]), shown["state"]) == (Decimal("0.005"), "accepted")
        wrong = daemon.command("orders", "cancel", shown["client_order_id"], "--reason", "x")
        assert wrong.returncode == 1 and f"plans end {ice['plan_id']}" in wrong.stderr
        told(daemon, "plans", "end", ice["plan_id"], "--reason", "enough")
        daemon.until(lambda: state(daemon, shown) == "cancelled" and plan(daemon, ice)["state"] == "over")
        refused(daemon, ticket("turn", "market", "sell", SWAP, quantity="0.05"), 409, "POSITION_TURNS")
        nothing = ticket("nothing", "market", "buy", SWAP, reduce_only=True)
        refused(daemon, nothing, 409, "EXIT_EXCEEDS_POSITION")
        assert told(daemon, "flatten", "--yes")["flattening"]["is_proven"]
        assert not truth.ledger()["usdm"]["positions"]
