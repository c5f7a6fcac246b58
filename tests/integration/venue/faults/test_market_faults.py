"""Faults inside the venue: races, halts, rules, fees and its clock."""

from typing import Any

import pytest

from tests.integration.venue.faults.client import Client, events

pytestmark = pytest.mark.slow

BELOW_ALL_TRADES = "50000"
"""A race trades at the order's own price, which is the last one until the market trades again."""


def test_a_cancel_that_comes_too_late(client: Client) -> None:
    client.order(newClientOrderId="raced")
    with client.private_stream() as private, client.fault("cancel_race", account=client.key, fill=1.0, hits=1):
        refused = client.cancel("raced")
        assert (refused.json()["code"], refused.json()["msg"]) == (-2011, "Unknown order sent.")
        order = client.query("raced").json()
        assert (order["status"], order["executedQty"]) == ("FILLED", "0.01000000")
        assert [event["X"] for event in events(private, 1)] == ["FILLED"]
        client.order(newClientOrderId="spared")
        assert client.cancel("spared").json()["status"] == "CANCELED"


def test_a_cancel_of_a_stop_that_has_just_been_triggered(client: Client) -> None:
    stop = {"type": "STOP_LOSS", "timeInForce": None, "price": None, "side": "SELL", "stopPrice": BELOW_ALL_TRADES}
    assert client.order(newClientOrderId="raced", **stop).status_code == 200
    with client.private_stream() as private, client.fault("cancel_race", account=client.key, hits=1):
        assert client.cancel("raced").json()["code"] == -2011
        assert client.query("raced").json()["status"] == "FILLED"
        assert [event["x"] for event in events(private, 2)] == ["NEW", "TRADE"]
        client.order(newClientOrderId="spared", **stop)
        assert client.cancel("spared").json()["status"] == "CANCELED"


def test_a_cancel_of_what_has_just_filled_in_part(client: Client) -> None:
    client.order(newClientOrderId="raced")
    with client.private_stream() as private, client.fault("cancel_race", account=client.key, fill=0.4):
        cancelled = client.cancel("raced").json()
        assert (cancelled["status"], cancelled["executedQty"]) == ("CANCELED", "0.00400000")
        assert [(event["x"], event["z"]) for event in events(private, 2)] == [
            ("TRADE", "0.00400000"),
            ("CANCELED", "0.00400000"),
        ]


def test_the_last_trade_may_be_told_after_the_cancel(client: Client) -> None:
    client.order(newClientOrderId="raced")
    with (
        client.private_stream() as private,
        client.fault("cancel_race", account=client.key, fill=0.4),
        client.fault("reorder_events", account=client.key, window_ms=60_000, order="reversed") as reordered,
    ):
        client.cancel("raced")
        client.end(reordered)
        assert [event["x"] for event in events(private, 2)] == ["CANCELED", "TRADE"]


@pytest.mark.parametrize(
    ("status", "place", "cancel"),
    [("CANCEL_ONLY", -1013, None), ("BREAK", -1013, -1013), ("ABSENT", -1121, -1121)],
)
def test_a_symbol_that_stops(client: Client, status: str, place: int, cancel: int | None) -> None:
    client.order(newClientOrderId="rests")
    with client.fault("halt", symbol="BTCUSDT", status=status):
        rows = {row["symbol"]: row for row in client.http.get("/api/v3/exchangeInfo").json()["symbols"]}
        assert rows["BNBUSDT"]["status"] == "TRADING"
        assert rows["BTCUSDT"]["status"] == status if status != "ABSENT" else "BTCUSDT" not in rows
        assert client.order().json()["code"] == place
        assert client.cancel("rests").json().get("code") == cancel
        book = client.http.get("/api/v3/depth?symbol=BTCUSDT").json()
        assert bool(book.get("bids")) is (status == "CANCEL_ONLY")
        last = last_trade(client) if status == "CANCEL_ONLY" else None
    assert client.order(newClientOrderId="later").status_code == 200
    if last is not None:
        while last_trade(client) == last:
            pass  # it trades again
    assert client.query("rests").json()["status"] == ("NEW" if cancel else "CANCELED")


def test_nothing_trades_in_a_halted_symbol(client: Client) -> None:
    with client.fault("halt", symbol="BTCUSDT", status="CANCEL_ONLY"):
        before = last_trade(client)
        other = last_trade(client, "BNBUSDT")
        while last_trade(client, "BNBUSDT") < other + 5:
            pass
        assert last_trade(client) == before


def test_a_symbol_is_delisted_in_stages_and_its_orders_are_cancelled(client: Client) -> None:
    client.order(newClientOrderId="doomed")
    with client.fault("delist", symbol="BTCUSDT", for_s=1.5):
        seen: list[str] = []
        while not seen or seen[-1] != "TRADING":
            rows = {row["symbol"]: row["status"] for row in client.http.get("/api/v3/exchangeInfo").json()["symbols"]}
            status = rows.get("BTCUSDT", "absent")
            seen += [status] if status not in seen[-1:] else []
        assert seen == ["CANCEL_ONLY", "BREAK", "absent", "TRADING"]
    assert client.query("doomed").json()["status"] == "CANCELED"


def test_filters_change(client: Client) -> None:
    with client.fault("change_filters", symbol="BTCUSDT", tick_times=100, step_times=100, min_notional=600):
        filters = filters_of(client)
        assert filters["PRICE_FILTER"]["tickSize"] == "1.00000000"
        assert filters["LOT_SIZE"]["stepSize"] == "0.00100000"
        assert filters["NOTIONAL"]["minNotional"] == "600.00000000"
        wrong = [
            client.order(price="55000.5", quantity="0.02"),
            client.order(quantity="0.0205"),
            client.order(quantity="0.01"),
        ]
        assert [answer.json()["msg"].removeprefix("Filter failure: ") for answer in wrong] == [
            "PRICE_FILTER",
            "LOT_SIZE",
            "NOTIONAL",
        ]
        assert client.order(quantity="0.02").status_code == 200
    assert filters_of(client)["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert client.order(price="55000.5").status_code == 200


def test_fees_are_paid_in_another_asset_while_it_lasts(client: Client) -> None:
    with client.fault("pay_fees_in", account=client.key, asset="BNB", amount="0.002"):
        assets = []
        while assets[-1:] != ["BTC"]:
            assets += [fill["commissionAsset"] for fill in client.market_order().json()["fills"]]
        assert set(assets) == {"BNB", "BTC"}
        assert assets[0] == "BNB"
    ledger = client.venue.ledger(client.account)
    assert {"asset": "BNB", "amount": "0.00200000"}.items() <= ledger["deposits"][-1].items()


@pytest.mark.parametrize("offset_ms", [30_000, -30_000])
def test_the_venues_clock_is_wrong(client: Client, offset_ms: int) -> None:
    true_ms = server_ms(client)
    with client.fault("clock_error", offset_ms=offset_ms):
        wrong_ms = server_ms(client)
        assert abs(wrong_ms - true_ms - offset_ms) < 10_000
        refused = client.signed("GET", "/api/v3/account", timestamp=true_ms - 40_000 if offset_ms > 0 else true_ms)
        assert refused.json()["code"] == -1021
        assert client.signed("GET", "/api/v3/account", timestamp=wrong_ms).status_code == 200
    assert abs(server_ms(client) - true_ms) < 10_000


def test_the_venues_clock_drifts(client: Client) -> None:
    with client.fault("clock_error", offset_ms=0, drift_ppm=500_000) as fault:
        while (before := unfaulted_ms(client)) < fault["began_ms"] + 400:
            pass
        shown, after = server_ms(client), unfaulted_ms(client)
        least, most = ((each - fault["began_ms"]) * 3 // 2 for each in (before, after))
        assert least - 1 <= shown - fault["began_ms"] <= most + 1, "half as fast again"


def test_a_client_id_is_taken_only_while_its_order_is_open(client: Client) -> None:
    """No fault, but a rule of the venue that clients mistake for a promise."""
    assert client.order(newClientOrderId="same").status_code == 200
    assert client.order(newClientOrderId="same").json()["msg"] == "Duplicate order sent."
    client.cancel("same")
    assert client.order(newClientOrderId="same").status_code == 200


def last_trade(client: Client, symbol: str = "BTCUSDT") -> int:
    return int(client.http.get(f"/api/v3/trades?symbol={symbol}&limit=1").json()[-1]["id"])


def filters_of(client: Client) -> dict[str, dict[str, Any]]:
    row = client.http.get("/api/v3/exchangeInfo?symbol=BTCUSDT").json()["symbols"][0]
    return {each["filterType"]: each for each in row["filters"]}


def unfaulted_ms(client: Client) -> int:
    return int(client.venue.admin("/health")["venueTime"])


def server_ms(client: Client) -> int:
    return int(client.http.get("/api/v3/time").json()["serverTime"])
