"""Requests and answers, as a client sees them; and that it ends."""

import httpx
import pytest

from tests.integration.venue.faults.client import Client

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ("overloaded", 503, -1008),
        ("weight", 429, -1003),
        ("banned", 418, -1003),
        ("maintenance", 503, 1),
        ("bad_gateway", 502, None),
        ("unavailable", 503, None),
        ("market_closed", 400, -1013),
    ],
)
def test_what_is_refused_has_not_happened(client: Client, answer: str, status: int, code: int | None) -> None:
    with client.fault("refuse", answer=answer, account=client.key, route="POST /api/v3/order", hits=1) as fault:
        refused = client.order(newClientOrderId="one")
        assert refused.status_code == status
        if code is None:
            assert refused.headers["content-type"] == "text/html"
        else:
            assert refused.json()["code"] == code
        assert client.query("one").json()["code"] == -2013
        assert client.order(newClientOrderId="one").status_code == 200, "the second one gets through"
    assert client.log(fault) == ["armed", "hit", "ended"]


def test_only_orders_that_must_not_take_would_take(client: Client) -> None:
    with client.fault("refuse", answer="would_take", account=client.key):
        assert client.order(newClientOrderId="gtc").status_code == 200
        maker = client.order(type="LIMIT_MAKER", timeInForce=None)
        assert (maker.json()["code"], maker.json()["msg"]) == (-2010, "Order would immediately match and take.")
    assert client.order(type="LIMIT_MAKER", timeInForce=None).status_code == 200


def test_only_stops_would_trigger(client: Client) -> None:
    stop = {"type": "STOP_LOSS_LIMIT", "side": "SELL", "stopPrice": "56000"}
    with client.fault("refuse", answer="would_trigger", account=client.key):
        assert client.order().status_code == 200
        assert client.order(**stop).json()["msg"] == "Order would trigger immediately."
    assert client.order(**stop).status_code == 200


@pytest.mark.parametrize("how", ["hang", "reset", "unknown", "gateway_timeout"])
def test_an_answer_that_is_lost_is_of_an_order_that_exists(client: Client, how: str) -> None:
    with client.fault("lose_answer", how=how, account=client.key, hits=1, hang_ms=100):
        if how in ("hang", "reset"):
            with pytest.raises(httpx.TransportError):
                client.order(newClientOrderId="lost")
        else:
            answer = client.order(newClientOrderId="lost")
            assert answer.status_code == (503 if how == "unknown" else 504)
            assert ("-1007" in answer.text) is (how == "unknown")
        assert client.query("lost").json()["status"] == "NEW"
    assert client.cancel("lost").status_code == 200


def test_an_answer_may_come_after_the_events_of_what_it_tells(client: Client) -> None:
    with client.private_stream() as private, client.fault("late_answer", account=client.key, delay_ms=150):
        began_ms = int(client.http.get("/api/v3/time").json()["serverTime"])
        assert client.market_order().json()["status"] == "FILLED"
        first = private.recv(timeout=0)
        assert b"executionReport" in (first if isinstance(first, bytes) else first.encode()), "it was there already"
        assert client.http.get("/api/v3/time").json()["serverTime"] - began_ms >= 150


def test_a_request_that_arrives_late_may_be_too_old(client: Client) -> None:
    with client.fault("late_answer", where="request", account=client.key, delay_ms=120):
        answer = client.signed("GET", "/api/v3/account")
        assert answer.status_code == 200, "the window of the client is long"


@pytest.mark.parametrize("how", ["slow", "fragmented", "gzip", "huge"])
def test_odd_bodies_can_be_read(client: Client, how: str) -> None:
    with client.fault("bad_body", how=how, account=client.key, slow_ms=100):
        assert client.signed("GET", "/api/v3/account").json()["accountType"] == "SPOT"


@pytest.mark.parametrize("how", ["empty", "truncated", "gzip_truncated"])
def test_broken_bodies_can_not(client: Client, how: str) -> None:
    with client.fault("bad_body", how=how, account=client.key, hits=1):
        with pytest.raises((httpx.DecodingError, ValueError)):
            client.signed("GET", "/api/v3/account").json()
        assert client.signed("GET", "/api/v3/account").json()["accountType"] == "SPOT"


def test_reads_lag_behind_what_was_accepted(client: Client) -> None:
    client.order(newClientOrderId="before")
    with client.fault("replica_lag", lag_ms=3_600_000, account=client.key):
        client.order(newClientOrderId="after")
        client.cancel("before")
        assert client.query("after").json()["code"] == -2013, "not there yet"
        assert client.query("before").json()["status"] == "NEW", "as it was"
        open_orders = client.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT").json()
        assert [order["clientOrderId"] for order in open_orders] == ["before"]
        client.market_order()
        assert client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT").json() == []
        assert balance(client, "BTC") == "1.00000000"
    assert client.query("after").json()["status"] == "NEW"
    assert client.query("before").json()["status"] == "CANCELED"
    assert len(client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT").json()) >= 1
    assert balance(client, "BTC") != "1.00000000"


def test_a_snapshot_that_is_old(client: Client) -> None:
    def last_id() -> int:
        return int(client.http.get("/api/v3/depth?symbol=BTCUSDT").json()["lastUpdateId"])

    with client.fault("old_snapshot", updates_back=1_000):
        before = last_id()
        assert last_id() == before, "again and again"
    assert last_id() >= before + 1_000


def test_candles_that_are_revised(client: Client) -> None:
    def highs() -> list[str]:
        rows = client.http.get("/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=10").json()
        return [row[2] for row in rows]

    true = highs()
    with client.fault("revise_candles", bars=2, by_bps=50):
        told = highs()
    assert told[:-2] == true[:-2]
    assert told[-2] > true[-2]
    assert highs()[-2] == true[-2]


def balance(client: Client, asset: str) -> str:
    rows = client.signed("GET", "/api/v3/account").json()["balances"]
    return next(str(row["free"]) for row in rows if row["asset"] == asset)
