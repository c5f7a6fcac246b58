"""Spot's order lists: a stop and a target of which the venue ends one when the other trades
(`POST /api/v3/orderList/oco`)."""

from core.domain.errors import OrderRefused
from core.domain.orders import OrderReport, OrderRequest, Side
from core.venues.binance.calls import SignedCalls
from core.venues.binance.decode import OrderAnswer, OrderListAnswer
from core.venues.binance.reports import new_order_parameters, order_report

_COMMON = ("symbol", "side", "quantity", "newOrderRespType")
_NAMES = {"newClientOrderId": "ClientOrderId", "type": "Type", "price": "Price", "stopPrice": "StopPrice"} | {
    "timeInForce": "TimeInForce",
    "trailingDelta": "TrailingDelta",
    "icebergQty": "IcebergQty",
}


def new_list_parameters(stop: OrderRequest, target: OrderRequest) -> dict[str, str]:
    """A seller's stop is the order below the market, a buyer's the one above. Raises ValueError for legs that make no
    pair, and for one without the prices that its type needs."""
    below, above = (stop, target) if stop.leg.side is Side.SELL else (target, stop)
    parameters: dict[str, str] = {}
    for prefix, request in (("above", above), ("below", below)):
        of_one = new_order_parameters(request)
        for name in _COMMON:
            if parameters.setdefault(name, of_one[name]) != of_one[name]:
                raise ValueError(f"the orders of a list must have the same {name}")
        parameters |= {prefix + _NAMES[name]: value for name, value in of_one.items() if name not in _COMMON}
    return parameters


class OrderLists:
    """Thread-safe."""

    def __init__(self, calls: SignedCalls) -> None:
        self._calls = calls

    def place(self, stop: OrderRequest, target: OrderRequest) -> tuple[OrderReport, OrderReport]:
        """Legs that make no pair are refused before anything is sent."""
        try:
            parameters = new_list_parameters(stop, target)
        except ValueError as error:
            raise OrderRefused(str(error)) from error
        return self._calls.order(
            parameters,
            lambda ccxt, signed: ccxt.private_post_orderlist_oco(signed),
            OrderListAnswer,
            lambda answer: (_report(answer, stop), _report(answer, target)),
        )


def _report(answer: OrderListAnswer, request: OrderRequest) -> OrderReport:
    """Raises ValueError where the answer does not have the order."""
    return order_report(_found(answer, request), request.leg.instrument_id)


def _found(answer: OrderListAnswer, request: OrderRequest) -> OrderAnswer:
    for each in answer.order_reports:
        if each.client_order_id == request.client_order_id:
            return each
    raise ValueError(f"order list {answer.order_list_id} lacks {request.client_order_id}")
