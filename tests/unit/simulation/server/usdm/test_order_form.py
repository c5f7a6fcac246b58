from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.orders import OrderType, Side, TimeInForce
from core.simulation.engine.perpetual.orders import ConditionalType, PositionSide, WorkingType
from core.simulation.engine.refusals import Refusal, RefusalKind
from core.simulation.server.errors import ApiError
from core.simulation.server.parameters import Parameters
from core.simulation.server.usdm.order_form import ALGO_PARAMS, ORDER_PARAMS, read_algo_order, read_order
from core.simulation.server.usdm.refusals import in_words

LIMIT = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "type": "LIMIT",
    "timeInForce": "GTX",
    "quantity": "0.014",
    "price": "50000.1",
}
STOP = {
    "symbol": "BTCUSDT",
    "algoType": "CONDITIONAL",
    "side": "BUY",
    "type": "STOP_MARKET",
    "quantity": "1",
    "triggerPrice": "60000",
}


def test_an_order_proper() -> None:
    order = read_order(
        Parameters(
            LIMIT | {"positionSide": "SHORT", "reduceOnly": "true", "newClientOrderId": "mine", "goodTillDate": "1999"}
        )
    )
    assert (order.symbol, order.side, order.order_type) == ("BTCUSDT", Side.SELL, OrderType.LIMIT)
    assert (order.quantity, order.price) == (Decimal("0.014"), Decimal("50000.1"))
    assert (order.time_in_force, order.position_side) == (TimeInForce.GTX, PositionSide.SHORT)
    assert (order.reduce_only, order.client_order_id) == (True, "mine")
    assert order.good_till_ns == 1_000_000_000  # whole seconds


def test_a_conditional_order() -> None:
    order = read_algo_order(Parameters(STOP | {"workingType": "MARK_PRICE", "clientAlgoId": "stop-1"}))
    assert (order.order_type, order.trigger_price) == (ConditionalType.STOP_MARKET, Decimal(60_000))
    assert (order.working_type, order.client_algo_id, order.quantity) == (WorkingType.MARK_PRICE, "stop-1", Decimal(1))
    closing = {key: value for key, value in STOP.items() if key != "quantity"} | {"closePosition": "true"}
    assert read_algo_order(Parameters(closing)).quantity is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": ""}, -1102),
        ({"side": "UP"}, -1117),
        ({"type": "ICEBERG"}, -1116),
        ({"type": "STOP_MARKET"}, -4120),
        ({"timeInForce": ""}, -1102),
        ({"timeInForce": "ABC"}, -1115),
        ({"quantity": "0"}, -4003),
        ({"quantity": "-1"}, -1100),
        ({"quantity": "0.0000000001"}, -1111),
        ({"price": "0"}, -4001),
        ({"positionSide": "UP"}, -4060),
        ({"reduceOnly": "maybe"}, -1130),
        ({"closePosition": "true"}, -4136),
        ({"stopPrice": "1"}, -1106),
        ({"priceMatch": "QUEUE"}, -4188),
        ({"newClientOrderId": "x" * 37}, -1100),
    ],
)
def test_what_is_wrong_with_an_order(changes: dict[str, str], code: int) -> None:
    with pytest.raises(ApiError) as caught:
        read_order(Parameters(LIMIT | changes))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"algoType": "VP"}, -1130),
        ({"type": "LIMIT"}, -1116),
        ({"closePosition": "true"}, -4137),
        ({"triggerPrice": "0"}, -4006),
        ({"workingType": "LAST"}, -1130),
        ({"quantity": ""}, -1102),
    ],
)
def test_what_is_wrong_with_a_conditional_order(changes: dict[str, str], code: int) -> None:
    with pytest.raises(ApiError) as caught:
        read_algo_order(Parameters(STOP | changes))
    assert caught.value.code == code


@given(st.dictionaries(st.sampled_from(sorted(ORDER_PARAMS | ALGO_PARAMS)), st.text(max_size=8)))
def test_any_form_is_an_order_or_a_refusal(changes: dict[str, str]) -> None:
    for read, form in ((read_order, LIMIT), (read_algo_order, STOP)):
        try:
            read(Parameters(form | changes))
        except ApiError as error:
            assert error.code < -1000


@pytest.mark.parametrize("kind", RefusalKind)
def test_every_refusal_has_words(kind: RefusalKind) -> None:
    words = in_words(Refusal(kind, "125"))
    assert words.code < -1000
    assert "{" not in words.message
