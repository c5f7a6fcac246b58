"""The WebSocket faces, spoken to directly."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.integration.venue.signed_requests import signed_params
from tests.venues import VenueProcess

TIMEOUT_S = 20


@pytest.fixture
def api(venue: VenueProcess) -> Iterator[ClientConnection]:
    with connect(f"{venue.ws_url}/ws-api/v3") as connection:
        yield connection


def ask(
    connection: ClientConnection, method: str, params: dict[str, Any] | None = None, id_: Any = 1
) -> dict[str, Any]:
    """The answer to one request; events on the way are dropped."""
    request = {"id": id_, "method": method} | ({} if params is None else {"params": params})
    connection.send(json.dumps(request))
    while True:
        message = json.loads(connection.recv(TIMEOUT_S))
        if "event" not in message:
            assert message["id"] == id_
            return message


def events(connection: ClientConnection, n: int) -> list[dict[str, Any]]:
    return [json.loads(connection.recv(TIMEOUT_S))["event"] for _ in range(n)]


def test_a_stream_by_its_path(venue: VenueProcess) -> None:
    with (
        connect(f"{venue.ws_url}/ws/btcusdt@bookTicker") as raw,
        connect(f"{venue.ws_url}/stream?streams=btcusdt@bookTicker/ethusdt@bookTicker") as combined,
    ):
        assert json.loads(raw.recv(TIMEOUT_S))["s"] == "BTCUSDT"
        frame = json.loads(combined.recv(TIMEOUT_S))
        assert frame["stream"] == frame["data"]["s"].lower() + "@bookTicker"


def test_subscribing_is_acknowledged_before_frames_come(venue: VenueProcess) -> None:
    with connect(f"{venue.ws_url}/ws") as connection:
        connection.send(json.dumps({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 7}))
        assert json.loads(connection.recv(TIMEOUT_S)) == {"result": None, "id": 7}
        assert json.loads(connection.recv(TIMEOUT_S))["e"] == "trade"


def test_the_book_rebuilt_from_diffs_is_the_venues_own(venue: VenueProcess) -> None:
    """The documented procedure: buffer, snapshot, drop what is older, apply without a gap."""
    with connect(f"{venue.ws_url}/ws/btcusdt@depth@100ms") as connection:
        buffered = [json.loads(connection.recv(TIMEOUT_S))]
        snapshot = httpx.get(f"{venue.url}/api/v3/depth?symbol=BTCUSDT&limit=5000").json()
        book = {side: dict(snapshot[side]) for side in ("bids", "asks")}
        last_id = snapshot["lastUpdateId"]
        applied = 0
        while applied < 15:
            diff = buffered.pop(0) if buffered else json.loads(connection.recv(TIMEOUT_S))
            if diff["u"] <= last_id:
                continue
            assert diff["U"] <= last_id + 1, "no gap"
            last_id = diff["u"]
            applied += 1
            for side, key in (("bids", "b"), ("asks", "a")):
                book[side].update(dict(diff[key]))
        best_bid = max(float(price) for price, quantity in book["bids"].items() if float(quantity))
        best_ask = min(float(price) for price, quantity in book["asks"].items() if float(quantity))
        assert best_bid < best_ask
        later = httpx.get(f"{venue.url}/api/v3/depth?symbol=BTCUSDT&limit=5000").json()
        while last_id < later["lastUpdateId"]:
            diff = json.loads(connection.recv(TIMEOUT_S))
            if diff["U"] > later["lastUpdateId"]:
                break
            last_id = diff["u"]
            for side, key in (("bids", "b"), ("asks", "a")):
                book[side].update(dict(diff[key]))
        if last_id == later["lastUpdateId"]:
            for side in ("bids", "asks"):
                mine = {price: quantity for price, quantity in book[side].items() if float(quantity)}
                assert dict(later[side]).items() <= mine.items()


def test_paths_that_do_not_exist(venue: VenueProcess) -> None:
    with pytest.raises(InvalidStatus) as caught, connect(f"{venue.ws_url}/nowhere"):
        pass
    assert caught.value.response.status_code == 404


def test_bad_messages_are_answered_and_a_flood_is_cut(venue: VenueProcess) -> None:
    with connect(f"{venue.ws_url}/ws") as connection:
        connection.send("{not json")
        assert json.loads(connection.recv(TIMEOUT_S))["error"]["code"] == 3
        connection.send(json.dumps({"method": "SUBSCRIBE", "params": ["nonsense"], "id": 1}))
        assert json.loads(connection.recv(TIMEOUT_S)) == {
            "error": {"code": 2, "msg": "Invalid request: invalid stream"},
            "id": 1,
        }
        with pytest.raises(ConnectionClosed) as caught:
            for n in range(20):
                connection.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": n}))
                connection.recv(TIMEOUT_S)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1008


def test_a_message_too_large_is_refused(venue: VenueProcess) -> None:
    with connect(f"{venue.ws_url}/ws") as connection:
        connection.send("x" * 1_000_000)
        with pytest.raises(ConnectionClosed) as caught:
            connection.recv(TIMEOUT_S)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009


def test_questions_over_the_api(api: ClientConnection) -> None:
    assert ask(api, "ping", id_="a")["result"] == {}
    time_answer = ask(api, "time", id_=None)
    assert time_answer["result"]["serverTime"] > 0
    assert time_answer["rateLimits"][0]["rateLimitType"] == "REQUEST_WEIGHT"
    assert len(ask(api, "klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 3})["result"]) == 3
    assert "rateLimits" not in ask(api, "depth", {"symbol": "BTCUSDT", "limit": 5, "returnRateLimits": False})
    assert ask(api, "v3/ticker.price", {"symbol": "BTCUSDT"})["result"]["symbol"] == "BTCUSDT"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", -1135),
        ("[]", -1135),
        ('{"id":1}', -1135),
        ('{"id":1,"method":"no.such"}', -1135),
        ('{"id":1,"method":"time","params":[1]}', -1135),
        ('{"id":{"a":1},"method":"time"}', -1135),
        ('{"id":1,"method":"time","params":{"x":1}}', -1101),
        ('{"id":1,"method":"klines","params":{"symbol":"BTCUSDT"}}', -1102),
        ('{"id":1,"method":"account.status","params":{}}', -2014),
        ('{"id":1,"method":"userDataStream.subscribe"}', -1102),
        ('{"id":1,"method":"userDataStream.start","params":{"apiKey":"x"}}', -1101),
    ],
)
def test_wrong_requests_over_the_api(api: ClientConnection, text: str, expected: int) -> None:
    api.send(text)
    answer = json.loads(api.recv(TIMEOUT_S))
    assert answer["status"] in (400, 401)
    assert answer["error"]["code"] == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
METHODS = st.sampled_from(["order.place", "klines", "session.logon", "userDataStream.unsubscribe", "exchangeInfo", "x"])
PARAMS = st.dictionaries(st.sampled_from(["symbol", "symbols", "interval", "limit", "timestamp", "apiKey"]), JSON)


def test_no_message_makes_it_stumble(venue: VenueProcess) -> None:
    with connect(f"{venue.ws_url}/ws-api/v3") as connection:

        @settings(max_examples=150, deadline=None)
        @given(JSON | st.fixed_dictionaries({"id": JSON, "method": METHODS | JSON, "params": PARAMS | JSON}))
        def answered(message: Any) -> None:
            connection.send(json.dumps(message))
            answer = json.loads(connection.recv(TIMEOUT_S))
            assert answer["status"] in (200, 400, 401, 410)

        answered()


def test_a_session_needs_no_signature_after_logon(venue: VenueProcess, api: ClientConnection) -> None:
    account = venue.register()
    assert ask(api, "session.status")["result"]["apiKey"] is None
    assert ask(api, "session.logon", signed_params(account))["result"]["apiKey"] == account.api_key
    assert ask(api, "account.status", {"timestamp": int(time.time() * 1000)})["result"]["canTrade"]
    assert ask(api, "account.status", {"timestamp": 1})["error"]["code"] == -1021
    assert ask(api, "userDataStream.subscribe")["result"] == {"subscriptionId": 0}
    assert ask(api, "session.subscriptions")["result"] == [{"subscriptionId": 0}]
    ask(api, "session.logout")
    assert ask(api, "account.status", {"timestamp": int(time.time() * 1000)})["error"]["code"] == -2014


def test_private_events_follow_an_order_through_its_life(venue: VenueProcess, api: ClientConnection) -> None:
    account = venue.register()
    assert ask(api, "userDataStream.subscribe.signature", signed_params(account))["result"] == {"subscriptionId": 0}
    with connect(f"{venue.ws_url}/ws-api/v3") as trading:
        order = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.01"}
        filled = ask(trading, "order.place", signed_params(account, **order, type="MARKET"))
        assert filled["result"]["status"] == "FILLED"
        assert {limit["rateLimitType"] for limit in filled["rateLimits"]} == {"ORDERS", "REQUEST_WEIGHT"}
        price = str(round(float(filled["result"]["fills"][0]["price"]) * 0.9, 2))
        limit = {**order, "type": "LIMIT", "timeInForce": "GTC", "price": price, "newClientOrderId": "mine"}
        ask(trading, "order.place", signed_params(account, **limit))
        ask(trading, "order.cancel", signed_params(account, symbol="BTCUSDT", origClientOrderId="mine"))
    venue.admin("/deposits", {"account": account.api_key, "asset": "USDT", "amount": "1.5"})
    seen = []
    while not seen or seen[-1]["e"] != "balanceUpdate":
        seen += events(api, 1)
    reports = [event for event in seen if event["e"] == "executionReport"]
    trades = [report for report in reports if report["x"] == "TRADE"]
    assert [report["x"] for report in reports] == ["NEW", *["TRADE"] * len(trades), "NEW", "CANCELED"]
    assert trades[-1]["X"] == "FILLED"
    assert (reports[-1]["C"], reports[-1]["X"]) == ("mine", "CANCELED")
    assert sum(float(report["l"]) for report in trades) == pytest.approx(0.01)
    assert {event["e"] for event in seen} == {"executionReport", "outboundAccountPosition", "balanceUpdate"}
    assert ask(api, "userDataStream.unsubscribe", {"subscriptionId": 0})["result"] == {}
