"""The official SDK parses every answer into models made from the venue's own specification."""

from typing import Any

import pytest
from binance_common.configuration import ConfigurationRestAPI
from binance_sdk_spot.rest_api.rest_api import SpotRestAPI
from pydantic import BaseModel

from tests.venues import VenueProcess

BTC = "BTCUSDT"


@pytest.fixture(scope="module")
def sdk(venue: VenueProcess) -> SpotRestAPI:
    credentials = venue.register()
    return SpotRestAPI(
        ConfigurationRestAPI(api_key=credentials.api_key, api_secret=credentials.secret, base_path=venue.url)
    )


def models(value: Any) -> list[BaseModel]:
    """All models in an answer; what the specification does not know lands in `additional_properties`."""
    if isinstance(value, BaseModel):
        inner = getattr(value, "actual_instance", None)
        if inner is not None:
            return models(inner)
        return [value, *(model for name in type(value).model_fields for model in models(getattr(value, name)))]
    if isinstance(value, dict):
        return [model for each in value.values() for model in models(each)]
    return [model for each in value for model in models(each)] if isinstance(value, list) else []


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("time", {}),
        ("exchange_info", {}),
        ("exchange_info", {"symbol": BTC}),
        ("exchange_info", {"symbols": [BTC, "ETHUSDT"]}),
        ("depth", {"symbol": BTC, "limit": 50}),
        ("get_trades", {"symbol": BTC}),
        ("historical_trades", {"symbol": BTC, "from_id": 1}),
        ("agg_trades", {"symbol": BTC}),
        ("klines", {"symbol": BTC, "interval": "1m"}),
        ("ui_klines", {"symbol": BTC, "interval": "1h"}),
        ("avg_price", {"symbol": BTC}),
        ("ticker24hr", {}),
        ("ticker24hr", {"symbol": BTC}),
        ("ticker24hr", {"symbol": BTC, "type": "MINI"}),
        ("ticker_price", {}),
        ("ticker_price", {"symbol": BTC}),
        ("ticker_book_ticker", {}),
        ("ticker_book_ticker", {"symbols": [BTC]}),
        ("get_account", {}),
        ("get_account", {"omit_zero_balances": True}),
        ("account_commission", {"symbol": BTC}),
        ("rate_limit_order", {}),
        ("order_test", {"symbol": BTC, "side": "BUY", "type": "MARKET", "quantity": 0.01}),
    ],
)
def test_questions(sdk: SpotRestAPI, name: str, arguments: dict[str, Any]) -> None:
    answer = getattr(sdk, name)(**arguments).data()
    assert answer is not None
    assert [model for model in models(answer) if getattr(model, "additional_properties", None)] == []


def test_the_life_of_an_order(sdk: SpotRestAPI) -> None:
    price = float(sdk.avg_price(symbol=BTC).data().price)
    limit = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.01}
    filled = sdk.new_order(symbol=BTC, side="BUY", type="MARKET", quantity=0.01, new_order_resp_type="FULL").data()
    resting = sdk.new_order(**limit, price=round(price * 0.9, 2), new_client_order_id="sdk-1").data()
    also = sdk.new_order(**limit, price=round(price * 0.88, 2), new_order_resp_type="ACK").data()
    answers = [
        filled,
        resting,
        also,
        sdk.get_order(symbol=BTC, order_id=resting.order_id).data(),
        sdk.get_open_orders().data(),
        sdk.delete_order(symbol=BTC, orig_client_order_id="sdk-1").data(),
        sdk.delete_open_orders(symbol=BTC).data(),
        sdk.all_orders(symbol=BTC).data(),
        sdk.my_trades(symbol=BTC).data(),
    ]
    found = models(answers)
    assert len(found) > 10
    assert [model for model in found if getattr(model, "additional_properties", None)] == []
    assert (filled.status, resting.status, len(filled.fills) > 0) == ("FILLED", "NEW", True)
