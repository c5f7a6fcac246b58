"""Requests that nobody would send, to every route and method: each is answered in the venue's words, none hurts it."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from core.ports.venue import Credentials
from core.simulation.server.endpoint import Security
from core.simulation.server.routes import SIGNED_PARAMS, build_routes
from core.simulation.server.signature import sign
from core.simulation.server.usdm.routes import account_routes, market_routes, order_routes
from tests.integration.venue.signed_requests import signed_params
from tests.venues import VenueProcess

pytestmark = pytest.mark.slow

SPOT = build_routes(*(MagicMock() for _ in range(5)), time_headers={})
ROUTES = {
    **SPOT.rest,
    **market_routes(MagicMock(), {}),
    **order_routes(MagicMock(), MagicMock(), MagicMock()),
    **account_routes(MagicMock(), MagicMock()),
}
KNOWN_STATUS = {200, 400, 401, 403, 404, 405, 409, 410, 414, 429}
UNTIMED = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

GOOD = {
    "symbol": ["BTCUSDT"],
    "side": ["BUY", "SELL"],
    "type": ["LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT", "STOP_MARKET"],
    "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    "quantity": ["0.01", "1", "0.001"],
    "price": ["60000", "55000", "65000"],
    "stopPrice": ["55000", "65000"],
    "triggerPrice": ["55000", "65000"],
    "algoType": ["CONDITIONAL"],
    "newOrderRespType": ["ACK", "RESULT", "FULL"],
    "positionSide": ["BOTH", "LONG"],
    "interval": ["1m", "1M", "1s"],
    "marginType": ["ISOLATED", "CROSSED"],
    "cancelReplaceMode": ["STOP_ON_FAILURE", "ALLOW_FAILURE"],
    "selfTradePreventionMode": ["NONE", "EXPIRE_TAKER", "EXPIRE_BOTH"],
    "recvWindow": ["5000", "60000"],
    "countdownTime": ["0", "1000", "60000"],
    "icebergQty": ["0.1", "0.001", "0"],
    "trailingDelta": ["100", "10"],
    "newQty": ["0.005", "0.5"],
    "orderId": ["1", "2", "3"],
    "cancelOrderId": ["1", "2", "3"],
    "orderListId": ["1", "2"],
    **{name: ["BUY", "SELL"] for name in ("workingSide", "pendingSide")},
    **{name: ["0.01"] for name in ("workingQuantity", "pendingQuantity")},
    "workingType": ["LIMIT", "LIMIT_MAKER"],
    **{
        f"{leg}{field}": values
        for leg in ("above", "below", "pending", "pendingAbove", "pendingBelow")
        for field, values in (
            ("Type", ["LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT"]),
            ("Price", ["55000", "65000"]),
            ("StopPrice", ["55000", "65000"]),
            ("TimeInForce", ["GTC"]),
        )
    },
}
"""What is sent more often than anything else, so that requests get beyond the first check."""
WORDS = st.sampled_from(
    [
        *("btcusdt", "NOPE", "BTCUSDT", "7m", "true", "false", "MINI", "CANCEL_ONLY", "ONLY_NEW", "MARK_PRICE"),
        *sorted({value for values in GOOD.values() for value in values}),
    ]
)
NUMBERS = st.one_of(
    st.sampled_from(
        ["0", "1", "-1", "1000", "0.00000001", "0.000000001", "1e3", ".5", "5.", "1_0", "١٢", "NaN", "0x10"]
    ),
    st.sampled_from(["9223372036854775807", "9223372036854775808", "9" * 20, "9" * 21, "Infinity"]),
    st.integers(-5, 2**64).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-10, max_value=10**6, places=3).map(str),
)
LISTS = st.sampled_from(
    ['["BTCUSDT"]', '["BTCUSDT","BTCUSDT"]', "[]", "[", "[1]", "[[]]", '[{"symbol":"BTCUSDT"}]', "{}", "null"]
)
VALUES = st.one_of(WORDS, NUMBERS, LISTS, st.text(max_size=40))
SIGNATURES = st.sampled_from([*["right"] * 12, "wrong", "none", "stale", "no key", "strange key"])


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    """A venue for this alone, whose log must stay free of faults."""
    options = ("--latency-ms", "0", "--limits", "relaxed")
    process = VenueProcess(tmp_path_factory.mktemp("fuzzed"), symbols=("BTC/USDT", "BTC/USDT:USDT"), options=options)
    yield process
    assert httpx.get(f"{process.url}/api/v3/ping").status_code == 200
    assert process.stop() == 0
    log = (process.data_dir / "venue.log").read_text()
    assert "request_failed" not in log
    assert "Traceback" not in log


@pytest.fixture(scope="module")
def account(fuzzed: VenueProcess) -> Credentials:
    return fuzzed.register(deposit={"USDT": "1000000", "BTC": "10"})


@pytest.fixture(scope="module")
def http(fuzzed: VenueProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fuzzed.url, timeout=30) as client:
        yield client


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, dict[str, str], str, bool]:
    """Method, path, parameters, how it is signed, and whether they are in the body."""
    method, path = draw(st.sampled_from(sorted(ROUTES)))
    names = sorted(ROUTES[method, path].params - SIGNED_PARAMS | {"recvWindow"})
    usual = [name for name in names if name in GOOD and name != "recvWindow"]
    chosen = {*draw(st.lists(st.sampled_from(names), unique=True, max_size=4)), *(usual if draw(st.booleans()) else [])}
    params = {
        name: draw(st.sampled_from(GOOD[name]) if name in GOOD and draw(st.integers(0, 3)) else VALUES)
        for name in sorted(chosen)
    }
    if draw(st.integers(0, 19)) == 0:
        params[draw(st.text(max_size=8))] = draw(VALUES)
    is_public = ROUTES[method, path].security is Security.NONE
    if is_public:
        params.pop("recvWindow", None)
    return method, path, params, "none" if is_public else draw(SIGNATURES), draw(st.booleans())


def form_of(params: dict[str, str], account: Credentials, signing: str) -> str:
    if signing == "none":
        return urlencode(params, errors="replace")
    now_ms = int(time.time() * 1_000) - (600_000 if signing == "stale" else 0)
    form = urlencode(params | {"timestamp": str(now_ms)}, errors="replace")
    return f"{form}&signature={sign('another' if signing == 'wrong' else account.secret, form)}"


@UNTIMED
@given(requests())
def test_rest(http: httpx.Client, account: Credentials, request_: tuple[str, str, dict[str, str], str, bool]) -> None:
    method, path, params, signing, in_body = request_
    form = form_of(params, account, signing)
    key = {"no key": None, "strange key": "k" * 64}.get(signing, account.api_key)
    headers = {"content-type": "application/x-www-form-urlencoded"} | ({} if key is None else {"x-mbx-apikey": key})
    if in_body:
        answer = http.request(method, path, content=form, headers=headers)
    else:
        answer = http.request(method, f"{path}?{form}", headers=headers)
    assert answer.status_code in KNOWN_STATUS, answer.text
    said = answer.json()
    event(f"status {answer.status_code}" if answer.status_code == 200 else f"code {said['code']}")
    if answer.status_code != 200:
        assert said["code"] < 0 and said["msg"]


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), VALUES),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    method = draw(st.one_of(st.sampled_from(sorted(SPOT.socket)), JSON))
    names = sorted(SPOT.socket[method].params) if isinstance(method, str) and method in SPOT.socket else []
    params: dict[str, Any] = {name: draw(st.one_of(VALUES, JSON)) for name in names if draw(st.booleans())}
    message = {"id": draw(st.one_of(st.integers(0, 99), JSON)), "method": method, "params": params}
    if draw(st.integers(0, 9)) == 0:
        message["params"] = draw(JSON)
    return message


async def answers(url: str, sent: list[str | bytes]) -> list[dict[str, Any]]:
    """To each message and to a last, good one; other frames are left out. Raises TimeoutError when one is missing."""
    found: list[dict[str, Any]] = []
    async with connect(url, max_size=None) as socket, asyncio.timeout(60):
        for each in [*sent, '{"id": "last", "method": "LIST_SUBSCRIPTIONS"}']:
            await socket.send(each)
        while len(found) <= len(sent):
            said = json.loads(await socket.recv())
            if isinstance(said, dict) and said.keys() & {"result", "error"}:
                found.append(said)
    return found


@settings(UNTIMED, max_examples=150)
@given(st.lists(messages(), min_size=1, max_size=5), st.booleans())
async def test_socket_api(
    fuzzed: VenueProcess, account: Credentials, sent: list[dict[str, Any]], is_signed: bool
) -> None:
    if is_signed:
        for message in sent:
            if isinstance(message["params"], dict):
                known = {name: value for name, value in message["params"].items() if isinstance(value, str)}
                message["params"] = signed_params(account, **known | {"timestamp": int(time.time() * 1_000)})
    for each in await answers(f"{fuzzed.ws_url}/ws-api/v3", [json.dumps(message) for message in sent]):
        assert each["status"] in KNOWN_STATUS, each
        assert ("result" in each) == (each["status"] == 200)
        if each["status"] != 200:
            assert each["error"]["code"] < 0 and each["error"]["msg"]


STREAMS = st.sampled_from(
    [
        *("btcusdt@trade", "btcusdt@kline_1m", "btcusdt@depth5@100ms", "!ticker@arr", "btcusdt@markPrice@1s"),
        *("btcusdt@depth@7ms", "nope@trade", "@", "btcusdt@", "!nope", "BTCUSDT@trade", "btcusdt@kline_7m", ""),
    ]
)
METHODS = st.sampled_from(
    ["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY", "NOPE", "subscribe"]
)
PATHS = st.sampled_from(["/ws", "/stream", "/stream/ws/3", "/fut/market/ws/1"])
CALLS = st.fixed_dictionaries(
    {"method": st.one_of(METHODS, JSON)},
    optional={"params": st.one_of(st.lists(st.one_of(STREAMS, JSON), max_size=4), JSON), "id": JSON},
).map(json.dumps)
FRAMES = st.one_of(CALLS, CALLS, JSON.map(json.dumps), st.text(max_size=60), st.binary(max_size=60))


@settings(UNTIMED, max_examples=150)
@given(
    st.lists(FRAMES, min_size=1, max_size=8), st.sampled_from(["/ws", "/stream", "/stream/ws/3", "/fut/market/ws/1"])
)
async def test_streams(fuzzed: VenueProcess, sent: list[str | bytes], path: str) -> None:
    for each in await answers(fuzzed.ws_url + path, sent):
        assert "result" in each or (each["error"]["code"] in (0, 1, 2, 3) and each["error"]["msg"])


@pytest.mark.parametrize("path", ["/ws", "/ws-api/v3", "/fut/market/ws"])
async def test_a_message_that_is_too_large_ends_its_connection_alone(fuzzed: VenueProcess, path: str) -> None:
    async with connect(fuzzed.ws_url + path) as neighbour, connect(fuzzed.ws_url + path) as socket:
        with pytest.raises(ConnectionClosed, match="1009"):
            await socket.send('"' + "x" * 300_000 + '"')
            while True:
                await socket.recv()
        await neighbour.send('{"id": 1, "method": "LIST_SUBSCRIPTIONS"}')
        assert "id" in json.loads(await neighbour.recv())
