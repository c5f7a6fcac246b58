"""What USD-M answers to requests that are wrong: the real venue's codes, and never a 500."""

import json
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.sync.client import connect

from core.ports.venue import Credentials
from tests.integration.venue.signed_requests import signed_form
from tests.venues import VenueProcess

ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "58000",
}
STOP = {
    "symbol": "BTCUSDT",
    "algoType": "CONDITIONAL",
    "side": "SELL",
    "type": "STOP_MARKET",
    "quantity": "0.01",
    "triggerPrice": "30000",
}


@pytest.fixture(scope="module")
def account(usdm_venue: VenueProcess) -> Credentials:
    return usdm_venue.register()


@pytest.fixture(scope="module")
def http(usdm_venue: VenueProcess, account: Credentials) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=usdm_venue.url, timeout=10, headers={"X-MBX-APIKEY": account.api_key}) as client:
        yield client


def code(answer: httpx.Response) -> int:
    return int(answer.json()["code"])


def test_an_order_with_its_counts(http: httpx.Client, account: Credentials) -> None:
    answer = http.post(f"/fapi/v1/order?{signed_form(account, ORDER)}")
    assert answer.status_code == 200, answer.text
    assert (answer.headers["x-mbx-order-count-10s"], answer.headers["x-mbx-order-count-1m"]) == ("1", "1")
    assert int(answer.headers["x-mbx-used-weight-1m"]) >= 1
    again = {"symbol": "BTCUSDT", "orderId": str(answer.json()["orderId"])}
    assert http.delete(f"/fapi/v1/order?{signed_form(account, again)}").json()["status"] == "CANCELED"


@pytest.mark.parametrize(
    ("path", "params", "expected"),
    [
        ("order", ORDER | {"symbol": "NOPE"}, -1121),
        ("order", ORDER | {"quantity": "0.01000000001"}, -1111),
        ("order", ORDER | {"quantity": "0"}, -4003),
        ("order", ORDER | {"price": "58000.12"}, -4014),
        ("order", ORDER | {"price": "90000"}, -4016),
        ("order", ORDER | {"side": "SELL", "price": "20000"}, -4024),
        ("order", ORDER | {"quantity": "0.001"}, -4164),
        ("order", ORDER | {"quantity": "90"}, -2019),
        ("order", ORDER | {"positionSide": "LONG"}, -4061),
        ("order", ORDER | {"reduceOnly": "true"}, -2022),
        ("order", ORDER | {"type": "STOP_MARKET"}, -4120),
        ("order", ORDER | {"timeInForce": "GTD", "goodTillDate": "1"}, -5040),
        ("order", ORDER | {"surprise": "1"}, -1104),
        ("algoOrder", STOP | {"triggerPrice": "90000"}, -2021),
        ("algoOrder", STOP | {"symbol": "NOPE"}, -1121),
        ("algoOrder", STOP | {"type": "TRAILING_STOP_MARKET", "callbackRate": "50", "triggerPrice": ""}, -1105),
        ("leverage", {"symbol": "BTCUSDT", "leverage": "500"}, -4028),
        ("leverage", {"symbol": "BTCUSDT"}, -1102),
        ("marginType", {"symbol": "BTCUSDT", "marginType": "CROSSED"}, -4046),
        ("marginType", {"symbol": "BTCUSDT", "marginType": "LOOSE"}, -4055),
        ("positionMargin", {"symbol": "BTCUSDT", "amount": "5", "type": "1"}, -4049),
        ("positionSide/dual", {"dualSidePosition": "false"}, -4059),
        ("multiAssetsMargin", {"multiAssetsMargin": "true"}, -1020),
        ("batchOrders", {"batchOrders": "[1]"}, -1130),
        ("batchOrders", {"batchOrders": json.dumps([ORDER] * 6)}, -4082),
    ],
)
def test_wrong_orders_and_settings(
    http: httpx.Client, account: Credentials, path: str, params: dict[str, str], expected: int
) -> None:
    answer = http.post(f"/fapi/v1/{path}?{signed_form(account, params)}")
    assert (answer.status_code, code(answer)) == (400, expected), answer.text


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=7m", 400, -1120),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=7", 400, -4021),
        ("/fapi/v1/depth?symbol=NOPE", 400, -1121),
        ("/fapi/v1/premiumIndex?symbol=NOPE", 400, -1121),
        ("/fapi/v1/time?x=1", 400, -1101),
        ("/fapi/v3/account", 400, -1102),
    ],
)
def test_wrong_questions(http: httpx.Client, path: str, status: int, expected: int) -> None:
    answer = http.get(path)
    assert (answer.status_code, code(answer)) == (status, expected), answer.text


def test_one_wrong_order_of_a_batch_spares_the_others(http: httpx.Client, account: Credentials) -> None:
    batch = json.dumps([ORDER, ORDER | {"quantity": "0"}])
    good, bad = http.post(f"/fapi/v1/batchOrders?{signed_form(account, {'batchOrders': batch})}").json()
    assert good["status"] == "NEW"
    assert bad == {"code": -4003, "msg": "Quantity less than or equal to zero."}


def test_who_has_no_listen_key(usdm_venue: VenueProcess, http: httpx.Client) -> None:
    answer = http.put("/fapi/v1/listenKey")
    assert (answer.status_code, code(answer)) == (400, -1125)
    anonymous = httpx.post(f"{usdm_venue.url}/fapi/v1/listenKey")
    assert (anonymous.status_code, code(anonymous)) == (401, -2014)


def test_a_connection_with_nobodys_listen_key_stays_silent(usdm_venue: VenueProcess) -> None:
    with connect(f"{usdm_venue.ws_url}/fut/private/ws?listenKey=nobody") as connection:
        connection.send('{"method": "LIST_SUBSCRIPTIONS", "id": 1}')
        assert json.loads(connection.recv(timeout=10)) == {"result": [], "id": 1}
        connection.send('{"method": "SUBSCRIBE", "params": ["btcusdt@avgPrice"], "id": 2}')
        assert json.loads(connection.recv(timeout=10))["error"]["code"] == 2


PATHS = st.sampled_from(
    [
        f"/fapi/{path}"
        for path in (
            "v1/depth",
            "v1/klines",
            "v1/aggTrades",
            "v1/ticker/24hr",
            "v1/premiumIndex",
            "v1/fundingRate",
            "v1/order",
            "v1/algoOrder",
            "v1/batchOrders",
            "v1/allOrders",
            "v1/userTrades",
            "v1/openAlgoOrders",
            "v1/allAlgoOrders",
            "v1/income",
            "v1/forceOrders",
            "v1/leverage",
            "v1/marginType",
            "v1/positionMargin",
            "v1/positionSide/dual",
            "v1/listenKey",
            "v2/account",
            "v3/positionRisk",
        )
    ]
)
NAMES = """
symbol side type algoType quantity price triggerPrice callbackRate timeInForce positionSide reduceOnly closePosition
limit fromId startTime endTime interval orderId algoId leverage marginType amount page batchOrders orderIdList
goodTillDate dualSidePosition x
"""
WORDS = """
BTCUSDT LIMIT MARKET STOP_MARKET TRAILING_STOP_MARKET CONDITIONAL BUY SELL GTC GTX GTD LONG SHORT BOTH true false
ISOLATED CROSSED 1m 0 1 2 5 -1 1e3 60000 0.01 99999999999999999999 [] [1] [{}] {} null
"""
VALUES = st.one_of(st.sampled_from(WORDS.split()), st.integers(0, 2**63).map(str), st.text(max_size=10))
FORMS = st.dictionaries(st.sampled_from(NAMES.split()), VALUES, max_size=8)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PATHS, st.sampled_from(["GET", "POST", "PUT", "DELETE"]), FORMS, st.booleans())
def test_no_request_makes_it_stumble(
    http: httpx.Client, account: Credentials, path: str, method: str, params: dict[str, str], is_signed: bool
) -> None:
    form = signed_form(account, params) if is_signed else urlencode(params)
    answer = http.request(method, f"{path}?{form}")
    assert answer.status_code in (200, 400, 401, 405), answer.text
    if answer.status_code in (400, 401):
        assert code(answer) < -1000


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([ORDER, STOP]), FORMS)
def test_no_order_makes_it_stumble(
    http: httpx.Client, account: Credentials, form: dict[str, str], changes: dict[str, str]
) -> None:
    """Nearly good ones get further than any others."""
    path = "algoOrder" if form is STOP else "order"
    answer = http.post(f"/fapi/v1/{path}?{signed_form(account, form | changes)}")
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        assert code(answer) < -1000
