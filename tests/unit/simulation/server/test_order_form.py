import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.simulation.engine.refusals import Refusal, RefusalKind
from core.simulation.server.endpoint import Call
from core.simulation.server.errors import ApiError
from core.simulation.server.limits import OrderLimits
from core.simulation.server.order_endpoints import OrderEndpoints
from core.simulation.server.order_form import ORDER_PARAMS, as_api_error, read_order
from core.simulation.server.parameters import Parameters
from tests.unit.simulation.server.floors import quiet_venue

LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "60000.00",
}
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
STOP = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "0.01", "stopPrice": "59000"}


def place(params: dict[str, str]) -> object:
    """Through the endpoint, on a quiet exchange whose last price is 60000.01."""
    venue = quiet_venue()
    venue.market.trade("BTCUSDT", 10, venue.clock.now_ns())
    return OrderEndpoints(venue.floor, OrderLimits(venue.clock.now_ms)).place(Call(Parameters(params), "alice"))


def answer(params: dict[str, str]) -> tuple[int, str]:
    """Code and text of the refusal."""
    try:
        place(params)
    except ApiError as error:
        return error.code, error.message
    except Refusal as refusal:
        error = as_api_error(refusal)
        return error.code, error.message
    raise AssertionError("the order was taken")


def without(params: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in params.items() if key != name}


def mandatory(name: str) -> tuple[int, str]:
    return -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


@pytest.mark.parametrize("params", [LIMIT, MARKET, STOP])
def test_complete_orders_are_taken(params: dict[str, str]) -> None:
    assert place(params)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (without(LIMIT, "symbol"), mandatory("symbol")),
        (without(LIMIT, "side"), mandatory("side")),
        (without(LIMIT, "type"), mandatory("type")),
        (without(LIMIT, "timeInForce"), mandatory("timeInForce")),
        (without(LIMIT, "quantity"), mandatory("quantity")),
        (without(LIMIT, "price"), mandatory("price")),
        (
            without(STOP, "stopPrice"),
            (-1102, "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!"),
        ),
        (
            without(MARKET, "quantity"),
            (-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!"),
        ),
        (MARKET | {"price": "1"}, (-1106, "Parameter 'price' sent when not required.")),
        (MARKET | {"timeInForce": "GTC"}, (-1106, "Parameter 'timeInForce' sent when not required.")),
        (MARKET | {"quoteOrderQty": "10"}, (-1106, "Parameter 'quoteOrderQty' sent when not required.")),
        (LIMIT | {"stopPrice": "1"}, (-1106, "Parameter 'stopPrice' sent when not required.")),
        (LIMIT | {"side": "HOLD"}, (-1117, "Invalid side.")),
        (LIMIT | {"type": "TWAP"}, (-1116, "Invalid orderType.")),
        (LIMIT | {"timeInForce": "GTX"}, (-1115, "Invalid timeInForce.")),
        (LIMIT | {"symbol": "FOOBAR"}, (-1121, "Invalid symbol.")),
        (LIMIT | {"quantity": "0.010000001"}, (-1111, "Parameter 'quantity' has too much precision.")),
        (LIMIT | {"quantity": "0.010001"}, (-1013, "Filter failure: LOT_SIZE")),
        (LIMIT | {"quantity": "0"}, (-1013, "Filter failure: LOT_SIZE")),
        (LIMIT | {"quantity": "99999"}, (-1013, "Filter failure: LOT_SIZE")),
        (LIMIT | {"price": "60000.001"}, (-1013, "Filter failure: PRICE_FILTER")),
        (LIMIT | {"price": "1"}, (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE")),
        (LIMIT | {"quantity": "0.00001"}, (-1013, "Filter failure: NOTIONAL")),
        (LIMIT | {"quantity": "5"}, (-2010, "Account has insufficient balance for requested action.")),
        (
            without(LIMIT, "timeInForce") | {"type": "LIMIT_MAKER", "price": "60001"},
            (-2010, "Order would immediately match and take."),
        ),
        (STOP | {"stopPrice": "61000"}, (-2010, "Order would trigger immediately.")),
        (LIMIT | {"icebergQty": "1"}, (-2010, "IcebergQty exceeds QTY.")),
        (LIMIT | {"icebergQty": "0.00005"}, (-1013, "Filter failure: ICEBERG_PARTS")),
        (LIMIT | {"icebergQty": "0.000001"}, (-1013, "Filter failure: LOT_SIZE")),
        (LIMIT | {"icebergQty": "0.005", "timeInForce": "IOC"}, (-1014, "Unsupported order combination.")),
        (MARKET | {"icebergQty": "0.005"}, (-1106, "Parameter 'icebergQty' sent when not required.")),
        (MARKET | {"trailingDelta": "100"}, (-1106, "Parameter 'trailingDelta' sent when not required.")),
        (STOP | {"trailingDelta": "9"}, (-1013, "Filter failure: TRAILING_DELTA")),
        (STOP | {"trailingDelta": "2001"}, (-1013, "Filter failure: TRAILING_DELTA")),
        (STOP | {"trailingDelta": "9" * 20}, (-1108, "Parameter 'trailingDelta' overflowed.")),
        (
            LIMIT | {"selfTradePreventionMode": "TRANSFER"},
            (-1013, "This symbol does not allow the specified self-trade prevention mode."),
        ),
        (
            LIMIT | {"selfTradePreventionMode": "SOMETIMES"},
            (-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid."),
        ),
        (LIMIT | {"newOrderRespType": "ALL"}, (-1130, "Data sent for parameter 'newOrderRespType' is not valid.")),
        (LIMIT | {"strategyType": "5"}, (-1134, "strategyType was less than 1000000.")),
    ],
)
def test_what_is_wrong_is_refused_in_the_venues_words(params: dict[str, str], expected: tuple[int, str]) -> None:
    assert answer(params) == expected


def test_a_client_id_is_unique_among_open_orders_only() -> None:
    venue = quiet_venue()
    orders = OrderEndpoints(venue.floor, OrderLimits(venue.clock.now_ms))
    resting = LIMIT | {"price": "50000", "newClientOrderId": "mine"}
    orders.place(Call(Parameters(resting), "alice"))
    with pytest.raises(Refusal) as caught:
        orders.place(Call(Parameters(resting), "alice"))
    assert as_api_error(caught.value).message == "Duplicate order sent."
    orders.cancel(Call(Parameters({"symbol": "BTCUSDT", "origClientOrderId": "mine"}), "alice"))
    assert orders.place(Call(Parameters(resting), "alice"))


def test_every_refusal_of_the_engine_has_words() -> None:
    for kind in (kind for kind in RefusalKind if not kind.is_of_perpetuals):
        error = as_api_error(Refusal(kind, "price"))
        assert error.code < 0
        assert error.message


@given(
    st.dictionaries(st.sampled_from(sorted(ORDER_PARAMS)), st.text(max_size=8) | st.sampled_from(["BUY", "LIMIT", "1"]))
)
def test_any_form_is_read_or_refused(params: dict[str, str]) -> None:
    try:
        read_order(Parameters(params))
    except ApiError as error:
        assert -2011 <= error.code <= -1013
