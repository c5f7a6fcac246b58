"""WebSockets that hang, are cut, or never come to be."""

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.integration.venue.faults.client import TIMEOUT_S, Client, events, received

pytestmark = pytest.mark.slow


QUOTES = "btcusdt@bookTicker"


@pytest.mark.parametrize("deaf", [False, True])
def test_a_half_open_connection_says_nothing_and_answers_no_ping(client: Client, deaf: bool) -> None:
    with client.stream(QUOTES) as quotes:
        with client.fault("half_open", stream=QUOTES, deaf=deaf) as fault:
            assert client.log(fault) == ["armed", "hit"]
            with pytest.raises(TimeoutError):
                while True:
                    quotes.recv(timeout=0.3)
            assert not quotes.ping().wait(0.1)
        with pytest.raises(ConnectionClosed) as closed:
            quotes.recv(TIMEOUT_S)
        assert closed.value.rcvd is None, "no goodbye"


def test_a_half_open_connection_may_come_back(client: Client) -> None:
    with client.stream(QUOTES) as quotes:
        with client.fault("half_open", stream=QUOTES, then="resume"), pytest.raises(TimeoutError):
            while True:
                quotes.recv(timeout=0.3)
        assert received(quotes)["s"] == "BTCUSDT"


def test_a_private_connection_is_found_by_its_account(client: Client) -> None:
    other = Client(client.venue)
    with client.private_stream() as private, other.private_stream() as spared:
        with client.fault("cut", account=client.key), pytest.raises(ConnectionClosed) as closed:
            private.recv(TIMEOUT_S)
        assert closed.value.rcvd is None, "a reset"
        other.order()
        assert events(spared, 1)[0]["x"] == "NEW"
    other.http.close()
    with client.private_stream() as private:
        client.order(newClientOrderId="after")
        assert events(private, 1)[0]["c"] == "after"


@pytest.mark.parametrize("code", [1001, 1008, 1011])
def test_a_close_with_a_code(client: Client, code: int) -> None:
    with client.stream(QUOTES) as quotes:
        with client.fault("cut", how="close", code=code, stream=QUOTES), pytest.raises(ConnectionClosed) as closed:
            while True:
                quotes.recv(TIMEOUT_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code


def test_the_venue_says_that_it_will_shut_down(client: Client) -> None:
    with client.stream("btcusdt@avgPrice") as stream, client.private_stream() as private:
        with client.fault("server_shutdown"):
            while (frame := received(stream))["e"] != "serverShutdown":
                pass
            assert frame.keys() == {"e", "E"}
            assert received(private)["event"]["e"] == "serverShutdown"
            assert private.ping().wait(TIMEOUT_S), "not yet"
        with pytest.raises(ConnectionClosed) as closed:
            private.recv(TIMEOUT_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


def test_handshakes_are_refused(client: Client) -> None:
    with client.fault("refuse_handshake", route="/ws/*", retry_after_s=7):
        with pytest.raises(InvalidStatus) as refused, client.stream(QUOTES):
            pass
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["retry-after"] == "7"
        with connect(f"{client.venue.ws_url}/ws-api/v3"):
            pass  # another route
    with client.stream(QUOTES) as quotes:
        assert received(quotes)["s"] == "BTCUSDT"


@pytest.mark.parametrize(
    ("how", "status"), [("maintenance", 503), ("bad_gateway", 502), ("unavailable", 503), ("refused", None)]
)
def test_maintenance(client: Client, how: str, status: int | None) -> None:
    with client.stream(QUOTES) as quotes, client.fault("maintenance", how=how):
        with pytest.raises(ConnectionClosed):
            while True:
                quotes.recv(TIMEOUT_S)
        if status is None:
            with pytest.raises(httpx.ConnectError):
                httpx.get(f"{client.venue.url}/api/v3/time")
            with pytest.raises(ConnectionRefusedError), client.stream(QUOTES):
                pass
        else:
            answer = httpx.get(f"{client.venue.url}/api/v3/time")
            assert answer.status_code == status
            assert "x-venue-epoch" in answer.headers, "tools still know it"
            with pytest.raises(InvalidStatus), client.stream(QUOTES):
                pass
    while True:  # the door opens with the venue's next turn
        try:
            assert httpx.get(f"{client.venue.url}/api/v3/time").status_code == 200
            break
        except httpx.ConnectError:
            continue
    with client.stream(QUOTES) as again:
        assert received(again)["s"] == "BTCUSDT"


def test_after_maintenance_data_flows_before_orders_do(client: Client) -> None:
    with client.fault("maintenance", for_s=86_400, closed_for=0.999999):
        while client.http.get("/api/v3/time").status_code != 200:
            pass
        assert client.order().json()["msg"] == "Market is closed."
        assert client.http.get("/api/v3/depth?symbol=BTCUSDT").json()["bids"]
    assert client.order().status_code == 200


def test_a_ban_shuts_all_keys_and_all_doors(client: Client) -> None:
    other = Client(client.venue)
    with client.fault("ban", for_s=60):
        answers = [client.signed("GET", "/api/v3/account"), other.http.get("/api/v3/time")]
        assert [answer.status_code for answer in answers] == [418, 418]
        assert 50 <= int(answers[0].headers["retry-after"]) <= 60
        with pytest.raises(InvalidStatus) as refused, client.stream(QUOTES):
            pass
        assert refused.value.response.status_code == 418
    assert other.signed("GET", "/api/v3/account").status_code == 200
    other.http.close()


def test_limits_are_squeezed(client: Client) -> None:
    with client.fault("squeeze_limits", weight=1):
        answer = client.http.get("/api/v3/depth?symbol=BTCUSDT")
        assert (answer.status_code, answer.json()["code"]) == (429, -1003)
        assert int(answer.headers["retry-after"]) <= 60
        assert "current limit is 1 request weight" in answer.text
    assert client.http.get("/api/v3/depth?symbol=BTCUSDT").status_code == 200
