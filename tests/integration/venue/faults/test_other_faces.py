"""The WebSocket API and USD-M stand behind the same seams."""

import json
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.integration.venue.faults.client import TIMEOUT_S, Client, received
from tests.integration.venue.signed_requests import signed_params
from tests.venues import VenueProcess

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    options = ("--latency-ms", "0", "--weight-limit", "1000000000")
    process = VenueProcess(tmp_path_factory.mktemp("both"), symbols=("BTC/USDT:USDT",), options=options)
    yield process
    assert process.stop() == 0


@pytest.fixture
def trader(both: VenueProcess) -> Iterator[Client]:
    client = Client(both)
    yield client
    client.http.close()


def place(connection: ClientConnection, client: Client, client_id: str) -> None:
    order = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "55000",
        "newClientOrderId": client_id,
        "recvWindow": 60_000,
    }
    params = signed_params(client.account, **order)
    connection.send(json.dumps({"id": client_id, "method": "order.place", "params": params}))


def test_answers_are_lost_over_websocket_too(client: Client) -> None:
    with connect(f"{client.venue.ws_url}/ws-api/v3") as connection:
        with client.fault("lose_answer", how="hang", account=client.key):
            place(connection, client, "hangs")
            with pytest.raises(TimeoutError):
                connection.recv(timeout=0.2)
        with client.fault("lose_answer", how="unknown", account=client.key):
            place(connection, client, "unknown")
            assert received(connection)["error"]["code"] == -1007
        with client.fault("refuse", route="order.*", answer="overloaded"):
            place(connection, client, "refused")
            assert received(connection)["status"] == 503
        with client.fault("lose_answer", how="reset", account=client.key):
            place(connection, client, "reset")
            with pytest.raises(ConnectionClosed):
                connection.recv(TIMEOUT_S)
    known = [client.query(name).json().get("status") for name in ("hangs", "unknown", "refused", "reset")]
    assert known == ["NEW", "NEW", None, "NEW"]


def test_perpetual_orders(trader: Client) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    order |= {"price": "55000"}
    with trader.fault("lose_answer", how="unknown", account=trader.key, route="POST /fapi/*"):
        assert trader.signed("POST", "/fapi/v1/order", **order, newClientOrderId="lost").json()["code"] == -1007
    found = trader.signed("GET", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="lost")
    assert found.json()["status"] == "NEW"
    with trader.fault("refuse", answer="would_take", account=trader.key):
        taker = trader.signed("POST", "/fapi/v1/order", **order | {"timeInForce": "GTX"})
        assert taker.json()["code"] == -5022
    with trader.fault("halt", symbol="BTCUSDT", status="ABSENT"):
        assert trader.signed("POST", "/fapi/v1/order", **order).json()["code"] == -1121
    assert trader.signed("POST", "/fapi/v1/order", **order).status_code == 200


def test_perpetual_streams(trader: Client) -> None:
    key = trader.http.post("/fapi/v1/listenKey").json()["listenKey"]
    private_url = f"{trader.venue.ws_url}/fut/private/ws?listenKey={key}"
    with connect(private_url) as private, trader.fault("expire_stream", account=trader.key):
        assert received(private)["e"] == "listenKeyExpired"
    with connect(f"{trader.venue.ws_url}/fut/market/ws/btcusdt@markPrice@1s") as marks:
        with trader.fault("mute", stream="btcusdt@markPrice*") as fault, pytest.raises(TimeoutError):
            while True:
                marks.recv(timeout=2.5)
        assert "hit" in trader.log(fault)
        assert received(marks)["e"] == "markPriceUpdate"
