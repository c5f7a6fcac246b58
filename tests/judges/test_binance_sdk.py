"""The official SDK, whose models are made from the venue's own specification, parses every answer and every event."""

import fnmatch
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_common.errors import NotFoundError
from binance_sdk_spot.rest_api.rest_api import SpotRestAPI
from binance_sdk_spot.websocket_api.websocket_api import SpotWebSocketAPI
from binance_sdk_spot.websocket_streams.websocket_streams import SpotWebSocketStreams

from core.ports.venue import Credentials
from tests.judges.sdk_census import Census, example_arguments, methods
from tests.venues import VenueProcess
from tests.waiting import eventually

BTC = "BTCUSDT"
LIMIT = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.01}
pytestmark = [
    pytest.mark.slow,
    # The SDK's own, about how it makes its connection.
    pytest.mark.filterwarnings(r"ignore:parameter 'timeout' of type 'float':DeprecationWarning"),
]
KNOWN = tomllib.loads(Path(__file__).with_name("sdk_known_differences.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def credentials(venue: VenueProcess) -> Credentials:
    return venue.register(deposit={"USDT": "1000000", "BTC": "2"})


@pytest.fixture(scope="module")
def rest(venue: VenueProcess, credentials: Credentials) -> SpotRestAPI:
    return SpotRestAPI(
        ConfigurationRestAPI(api_key=credentials.api_key, api_secret=credentials.secret, base_path=venue.url, retries=0)
    )


@pytest.fixture
async def socket(venue: VenueProcess, credentials: Credentials) -> AsyncIterator[SpotWebSocketAPI]:
    configuration = ConfigurationWebSocketAPI(
        api_key=credentials.api_key, api_secret=credentials.secret, stream_url=f"{venue.ws_url}/ws-api/v3"
    )
    api = await SpotWebSocketAPI(configuration).create_connection()
    yield api
    await api.close_connection(close_session=True)


@pytest.fixture
async def streams(venue: VenueProcess) -> AsyncIterator[SpotWebSocketStreams]:
    configuration = ConfigurationWebSocketStreams(stream_url=f"{venue.ws_url}/stream")
    made = await SpotWebSocketStreams(configuration).create_connection()
    yield made
    await made.close_connection(close_session=True)


def unserved(face: str) -> set[str]:
    """Methods of the SDK that this venue refuses."""
    return {name for entry in KNOWN["unserved"] for name in entry.get(face, [])}


def judge(census: Census, face: str) -> None:
    """The list of differences says all, and nothing that is no longer so."""
    differences = KNOWN.get(face, [])
    found = {"unknown": census.unknown(), "never_sent": census.never_sent()}
    complaints = []
    for what, names in found.items():
        patterns = [pattern for entry in differences if entry["reason"] for pattern in entry.get(what, [])]
        explained = {name for name in names for pattern in patterns if fnmatch.fnmatchcase(name, pattern)}
        complaints += [f"{what}: {name}" for name in sorted(names - explained)]
        complaints += [f"no longer {what}: {each}" for each in patterns if not fnmatch.filter(names, each)]
    assert complaints == [], "\n".join(complaints)


SOCKET_NAMES = {
    "all_order_list": "all_order_lists",
    "delete_order_list": "order_list_cancel",
    "get_order_list": "order_list_status",
    "new_order": "order_place",
    "open_order_list": "open_order_lists_status",
    "order_list_oco": "order_list_place_oco",
    "order_list_oto": "order_list_place_oto",
    "order_list_otoco": "order_list_place_otoco",
    "order_oco": "order_list_place",
    "delete_open_orders": "open_orders_cancel_all",
    "delete_order": "order_cancel",
}
"""What the SDK calls over the socket what REST calls otherwise."""


async def special_session(ask: Callable[..., Awaitable[Any]], price: float, prefix: str) -> None:
    """Lists of orders, orders that are changed, and orders that want more than a price. `ask` takes REST's names."""
    low, lower, high = round(price * 0.95, 2), round(price * 0.94, 2), round(price * 1.05, 2)
    sell = {"symbol": BTC, "side": "SELL", "quantity": 0.01}
    stop = {
        "below_type": "STOP_LOSS_LIMIT",
        "below_stop_price": low,
        "below_price": lower,
        "below_time_in_force": "GTC",
    }
    oco = await ask(
        "order_list_oco", **sell, above_type="LIMIT_MAKER", above_price=high, **stop, new_order_resp_type="RESULT"
    )
    list_id = told(oco).order_list_id
    await ask("get_order_list", order_list_id=list_id)
    await ask("open_order_list")
    await ask("delete_order_list", symbol=BTC, order_list_id=list_id)
    legacy = {"stop_price": low, "stop_limit_price": lower, "stop_limit_time_in_force": "GTC"}
    second = await ask("order_oco", **sell, price=high, **legacy, new_order_resp_type="RESULT")
    await ask("delete_order", symbol=BTC, order_id=told(second).orders[0].order_id)
    working = {
        "symbol": BTC,
        "working_type": "LIMIT",
        "working_side": "BUY",
        "working_price": low,
        "working_quantity": 0.01,
        "working_time_in_force": "GTC",
        "pending_side": "SELL",
        "pending_quantity": 0.01,
        "new_order_resp_type": "RESULT",
    }
    await ask("order_list_oto", **working, pending_type="LIMIT", pending_price=high, pending_time_in_force="GTC")
    await ask(
        "order_list_otoco",
        **working,
        pending_above_type="LIMIT_MAKER",
        pending_above_price=high,
        pending_below_type="STOP_LOSS",
        pending_below_stop_price=lower,
    )
    await ask("all_order_list")
    resting = await ask(
        "new_order", **LIMIT | {"quantity": 0.02}, price=low, iceberg_qty=0.01, strategy_id=1, strategy_type=1_000_000
    )
    order_id = told(resting).order_id
    plain = told(await ask("new_order", **LIMIT | {"quantity": 0.02}, price=low)).order_id
    await ask("order_amend_keep_priority", symbol=BTC, order_id=plain, new_qty=0.01)
    await ask("order_amendments", symbol=BTC, order_id=plain)
    await ask(
        "order_cancel_replace",
        **LIMIT,
        price=lower,
        cancel_replace_mode="STOP_ON_FAILURE",
        cancel_order_id=order_id,
        new_order_resp_type="FULL",
    )
    trailing = {"symbol": BTC, "side": "SELL", "type": "STOP_LOSS", "quantity": 0.01, "trailing_delta": 500}
    await ask("new_order", **trailing, new_order_resp_type="FULL", new_client_order_id=f"{prefix}-trailing")
    await ask("delete_open_orders", symbol=BTC)
    await ask("my_prevented_matches", symbol=BTC, order_id=order_id)


def told(answer: Any) -> Any:
    """What the venue has said, without the envelope of the WebSocket API."""
    return getattr(answer, "result", answer)


def rest_session(ask: Callable[..., Any]) -> None:
    """Everything a client may want to know and do, with something to be told about."""
    price = float(ask("avg_price", symbol=BTC).price)
    low = round(price * 0.9, 2)
    ask("ping")
    ask("time")
    for arguments in ({}, {"symbol": BTC}, {"symbols": [BTC, "ETHUSDT"]}):
        ask("exchange_info", **arguments)
    ask("depth", symbol=BTC, limit=50)
    ask("get_trades", symbol=BTC)
    ask("historical_trades", symbol=BTC, from_id=1)
    ask("agg_trades", symbol=BTC)
    ask("klines", symbol=BTC, interval="1m")
    ask("ui_klines", symbol=BTC, interval="1h")
    for arguments in ({}, {"symbol": BTC}, {"symbol": BTC, "type": "MINI"}, {"type": "MINI"}):
        ask("ticker24hr", **arguments)
    for name in ("ticker_price", "ticker_book_ticker"):
        for arguments in ({}, {"symbol": BTC}, {"symbols": [BTC, "ETHUSDT"]}):
            ask(name, **arguments)
    ask("order_test", **LIMIT, price=low)
    ask("order_test", **LIMIT, price=low, compute_commission_rates=True)
    ask("new_order", symbol=BTC, side="BUY", type="MARKET", quantity=0.01, new_order_resp_type="FULL")
    ask("new_order", symbol=BTC, side="SELL", type="MARKET", quantity=0.005, new_order_resp_type="RESULT")
    stop = {"symbol": BTC, "side": "SELL", "type": "STOP_LOSS_LIMIT", "time_in_force": "GTC", "quantity": 0.01}
    for detail in ("ACK", "RESULT", "FULL"):
        ask("new_order", **stop, price=low, stop_price=low, new_order_resp_type=detail)
    resting = ask("new_order", **LIMIT, price=low, new_order_resp_type="FULL")
    ask("get_order", symbol=BTC, order_id=resting.order_id)
    ask("get_open_orders")
    ask("delete_order", symbol=BTC, order_id=resting.order_id)
    stopping = ask("get_open_orders")[0]
    ask("delete_order", symbol=BTC, order_id=stopping.order_id)
    ask("delete_open_orders", symbol=BTC)
    ask("all_orders", symbol=BTC)
    ask("my_trades", symbol=BTC)
    for arguments in ({}, {"omit_zero_balances": True}):
        ask("get_account", **arguments)
    ask("account_commission", symbol=BTC)
    ask("rate_limit_order")


async def test_rest(rest: SpotRestAPI) -> None:
    census, called = Census(), set()

    def ask(name: str, **arguments: Any) -> Any:
        called.add(name)
        answer = getattr(rest, name)(**arguments).data()
        census.take(answer)
        return answer

    rest_session(ask)

    async def ask_rest(name: str, **arguments: Any) -> Any:
        return ask(name, **arguments)

    await special_session(ask_rest, float(ask("avg_price", symbol=BTC).price), "rest")
    for name in ("all_orders", "get_open_orders", "my_trades"):
        ask(name, symbol=BTC)
    assert called == methods(SpotRestAPI) - unserved("rest")
    judge(census, "rest")


@pytest.mark.parametrize("name", sorted(unserved("rest")))
def test_rest_refuses_what_it_does_not_serve(rest: SpotRestAPI, name: str) -> None:
    method = getattr(rest, name)
    with pytest.raises(NotFoundError):
        method(**example_arguments(method))


async def socket_session(ask: Callable[..., Any]) -> None:
    price = float((await ask("avg_price", symbol=BTC)).result.price)
    low = round(price * 0.9, 2)
    await ask("ping")
    await ask("time")
    for arguments in ({}, {"symbol": BTC}):
        await ask("exchange_info", **arguments)
    await ask("depth", symbol=BTC, limit=50)
    await ask("trades_recent", symbol=BTC)
    await ask("trades_historical", symbol=BTC, from_id=1)
    await ask("trades_aggregate", symbol=BTC)
    await ask("klines", symbol=BTC, interval="1m")
    await ask("ui_klines", symbol=BTC, interval="1h")
    for name in ("ticker24hr", "ticker_price", "ticker_book"):
        for arguments in ({"symbol": BTC}, {"symbols": [BTC, "ETHUSDT"]}):
            await ask(name, **arguments)
    await ask("session_status")
    await ask("order_test", **LIMIT, price=low)
    await ask("order_test", **LIMIT, price=low, compute_commission_rates=True)
    await ask("order_place", symbol=BTC, side="BUY", type="MARKET", quantity=0.01, new_order_resp_type="FULL")
    stop = {"symbol": BTC, "side": "SELL", "type": "STOP_LOSS_LIMIT", "time_in_force": "GTC", "quantity": 0.01}
    await ask("order_place", **stop, price=low, stop_price=low, new_order_resp_type="FULL")
    resting = await ask("order_place", **LIMIT, price=low, new_order_resp_type="RESULT")
    await ask("order_status", symbol=BTC, order_id=resting.result.order_id)
    await ask("open_orders_status")
    await ask("order_cancel", symbol=BTC, order_id=resting.result.order_id)
    stopping = await ask("order_place", **stop, price=low, stop_price=low)
    await ask("order_cancel", symbol=BTC, order_id=stopping.result.order_id)
    await ask("open_orders_cancel_all", symbol=BTC)
    await ask("all_orders", symbol=BTC)
    await ask("my_trades", symbol=BTC)
    await ask("account_status")
    await ask("account_commission", symbol=BTC)
    await ask("account_rate_limits_orders")


async def test_socket_api(socket: SpotWebSocketAPI) -> None:
    census, called = Census(), set()

    async def ask(name: str, **arguments: Any) -> Any:
        called.add(name)
        answer = (await getattr(socket, name)(**arguments)).data()
        assert "error" not in answer if isinstance(answer, dict) else True, f"{name}: {answer}"
        census.take(answer)
        return answer

    async def subscribe(name: str) -> list[Any]:
        called.add(name)
        subscribed = await getattr(socket, name)()
        census.take(subscribed.response.data())
        events: list[Any] = []
        subscribed.stream.on("message", events.append)
        return events

    heard = await subscribe("user_data_stream_subscribe_signature")
    await ask("session_subscriptions")
    await socket_session(ask)

    async def ask_socket(name: str, **arguments: Any) -> Any:
        return await ask(SOCKET_NAMES.get(name, name), **arguments)

    await special_session(ask_socket, float((await ask("avg_price", symbol=BTC)).result.price), "socket")
    await ask("all_orders", symbol=BTC)
    await eventually(lambda: {"NEW", "TRADE", "CANCELED"} <= {getattr(each.actual_instance, "x", "") for each in heard})
    assert not any(isinstance(event.actual_instance, dict) for event in heard)
    await ask("user_data_stream_unsubscribe")
    await ask("session_logon")
    await ask("session_status")
    await subscribe("user_data_stream_subscribe")
    census.take(heard)
    await ask("session_logout")
    assert called == methods(SpotWebSocketAPI) - unserved("socket_api")
    judge(census, "socket_api")


@pytest.mark.parametrize("name", sorted(unserved("socket_api")))
async def test_the_socket_api_refuses_what_it_does_not_serve(socket: SpotWebSocketAPI, name: str) -> None:
    method = getattr(socket, name)
    answer = (await method(**example_arguments(method))).data()
    assert answer["error"]["code"] == -1135


async def test_streams(streams: SpotWebSocketStreams) -> None:
    census, called = Census(), set()
    wanted: dict[str, dict[str, str]] = {
        "agg_trade": {},
        "avg_price": {},
        "trade": {},
        "kline": {"interval": "1m"},
        "mini_ticker": {},
        "ticker": {},
        "book_ticker": {},
        "partial_book_depth": {"levels": "5"},
        "diff_book_depth": {},
    }
    heard: dict[str, list[Any]] = {name: [] for name in [*wanted, "all_mini_ticker"]}
    troubles: list[Any] = []
    streams.on_connection("error", troubles.append)
    for name, events in heard.items():
        called.add(name)
        symbol = {"symbol": BTC.lower()} if name in wanted else {}
        handle = await getattr(streams, name)(**symbol, **wanted.get(name, {}))
        handle.on("message", events.append)
    await eventually(lambda: troubles or all(heard.values()))
    assert troubles == []
    for events in heard.values():
        census.take(events)
    assert called == methods(SpotWebSocketStreams) - unserved("streams")
    judge(census, "streams")
