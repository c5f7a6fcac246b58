"""What the venue answers to requests that are wrong: the real venue's codes and texts, and never a 500."""

import socket
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.ports.venue import Credentials
from tests.integration.venue.signed_requests import signed_form
from tests.venues import VenueProcess

ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "50000",
}


@pytest.fixture(scope="module")
def account(venue: VenueProcess) -> Credentials:
    return venue.register()


@pytest.fixture(scope="module")
def http(venue: VenueProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=venue.url, timeout=10) as client:
        yield client


def post_order(http: httpx.Client, form: str, key: str | None) -> httpx.Response:
    headers = {"content-type": "application/x-www-form-urlencoded"} | ({} if key is None else {"X-MBX-APIKEY": key})
    return http.post("/api/v3/order", content=form, headers=headers)


def code(answer: httpx.Response) -> int:
    return int(answer.json()["code"])


def test_a_good_order_for_comparison(http: httpx.Client, account: Credentials) -> None:
    answer = post_order(http, signed_form(account, ORDER), account.api_key)
    assert answer.status_code == 200
    assert answer.headers["x-mbx-order-count-10s"] == "1"
    assert int(answer.headers["x-mbx-used-weight-1m"]) >= 1
    query = signed_form(account, {"symbol": "BTCUSDT", "orderId": str(answer.json()["orderId"])})
    headers = {"X-MBX-APIKEY": account.api_key}
    assert http.delete(f"/api/v3/order?{query}", headers=headers).json()["status"] == "CANCELED"


def test_unsigned_stale_and_forged(http: httpx.Client, account: Credentials) -> None:
    key, now_ms = account.api_key, int(time.time() * 1000)
    cases = [
        (urlencode(ORDER), key, 400, -1102),
        (f"{urlencode(ORDER)}&timestamp={now_ms}", key, 400, -1102),
        (signed_form(account, ORDER), None, 401, -2014),
        (signed_form(account, ORDER), "not a key!", 401, -2014),
        (signed_form(account, ORDER), "unknown-key", 401, -2015),
        (signed_form(account, ORDER | {"timestamp": now_ms - 60_000}), key, 400, -1021),
        (signed_form(account, ORDER | {"timestamp": now_ms + 60_000}), key, 400, -1021),
        (signed_form(account, ORDER | {"recvWindow": "60001"}), key, 400, -1131),
        (signed_form(account, ORDER).replace("0.01", "0.02"), key, 400, -1022),
        (signed_form(Credentials(key, "wrong"), ORDER), key, 400, -1022),
    ]
    for form, api_key, status, expected in cases:
        answer = post_order(http, form, api_key)
        assert (answer.status_code, code(answer)) == (status, expected), form


def test_wrong_orders(http: httpx.Client, account: Credentials) -> None:
    cases = [
        (ORDER | {"symbol": "NOPE"}, -1121),
        (ORDER | {"symbol": "btcusdt"}, -1100),
        (ORDER | {"quantity": "0.0100000001"}, -1111),
        (ORDER | {"quantity": "0.0100001"}, -1013),
        (ORDER | {"quantity": "abc"}, -1100),
        (ORDER | {"surprise": "1"}, -1104),
        (ORDER | {"newClientOrderId": "no spaces please"}, -1100),
        (ORDER | {"newClientOrderId": "x" * 37}, -1100),
        (ORDER | {"quantity": "20"}, -2010),
    ]
    for params, expected in cases:
        answer = post_order(http, signed_form(account, params), account.api_key)
        assert (answer.status_code, code(answer)) == (400, expected), params


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("/api/v3/klines?symbol=BTCUSDT&interval=7m", 400, -1120),
        ("/api/v3/klines?symbol=BTCUSDT", 400, -1102),
        ("/api/v3/depth?symbol=BTCUSDT&limit=x", 400, -1100),
        ("/api/v3/depth?symbol=BTCUSDT&symbol=ETHUSDT", 400, -1101),
        ("/api/v3/time?x=1", 400, -1101),
        ("/api/v3/ticker/24hr?symbol=BTCUSDT&symbols=[%22BTCUSDT%22]", 400, -1128),
        ("/api/v3/ticker/24hr?type=HUGE", 400, -1139),
        ("/api/v3/exchangeInfo?symbols=[%22NOPE%22]", 400, -1121),
        ("/api/v3/allOrders", 401, -2014),
    ],
)
def test_wrong_questions(http: httpx.Client, path: str, status: int, expected: int) -> None:
    answer = http.get(path)
    assert (answer.status_code, code(answer)) == (status, expected)


def test_listen_keys_are_gone(http: httpx.Client) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert http.request(method, "/api/v3/userDataStream").status_code == 410


def test_pages_that_do_not_exist(http: httpx.Client) -> None:
    assert http.get("/api/v3/nothing").status_code == 404
    assert http.get("/").status_code == 404
    assert http.put("/api/v3/order").status_code == 405
    assert http.get("/api/v3/ping?" + "x" * 20_000).status_code == 414
    assert http.post("/api/v3/order", content=b"x" * 2_000_000).status_code == 413


def test_garbage_on_the_line_does_not_hurt(venue: VenueProcess, http: httpx.Client) -> None:
    for garbage in (
        b"\x00\xff" * 500,
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/v3/order HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", venue.port), timeout=10) as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4_096):
                pass
    assert http.get("/api/v3/ping").status_code == 200


PATHS = st.sampled_from(
    [
        "/api/v3/exchangeInfo",
        "/api/v3/depth",
        "/api/v3/trades",
        "/api/v3/aggTrades",
        "/api/v3/klines",
        "/api/v3/avgPrice",
        "/api/v3/ticker/24hr",
        "/api/v3/ticker/bookTicker",
        "/api/v3/order",
        "/api/v3/allOrders",
        "/api/v3/myTrades",
        "/api/v3/openOrders",
        "/api/v3/account",
        "/sapi/v1/asset/tradeFee",
    ]
)
NAMES = st.sampled_from(
    ["symbol", "symbols", "limit", "fromId", "startTime", "endTime", "interval", "orderId", "type", "quantity", "x"]
)
VALUES = st.one_of(
    st.sampled_from(
        ["BTCUSDT", '["BTCUSDT"]', "1m", "1M", "LIMIT", "BUY", "0", "1", "-1", "1e3", "99999999999999999999"]
    ),
    st.integers(0, 2**63).map(str),
    st.text(max_size=10),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PATHS, st.sampled_from(["GET", "POST", "DELETE"]), st.dictionaries(NAMES, VALUES, max_size=5), st.booleans())
def test_no_request_makes_it_stumble(
    http: httpx.Client, account: Credentials, path: str, method: str, params: dict[str, str], is_signed: bool
) -> None:
    form = signed_form(account, params) if is_signed else urlencode(params)
    answer = http.request(method, f"{path}?{form}", headers={"X-MBX-APIKEY": account.api_key})
    assert answer.status_code in (200, 400, 401, 405)
    if answer.status_code in (400, 401):
        assert code(answer) < -1000
