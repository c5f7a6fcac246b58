"""From the parameters of an order-list request to the engine's `NewOrderList`.

Each order of a list has its own parameters, told apart by a prefix (`abovePrice`, `pendingBelowStopPrice`); the legacy
OCO request has names of its own. What an order type needs and what it does not take is said here, in those names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from core.domain.orders import OrderType, Side, TimeInForce
from core.simulation.engine.checks import LIMIT_TYPES
from core.simulation.engine.order_lists import NewOrderList
from core.simulation.engine.orders import NewOrder
from core.simulation.engine.special import SelfTradePrevention
from core.simulation.engine.stops import STOP_TYPES
from core.simulation.server import errors
from core.simulation.server.errors import ApiError
from core.simulation.server.order_form import (
    NEEDS_TIME_IN_FORCE,
    read_prevention,
    read_side,
    read_strategy,
    read_time_in_force,
    read_type,
)
from core.simulation.server.parameters import CLIENT_ORDER_ID, SYMBOL, Parameters

_FIELDS = (
    "Type",
    "ClientOrderId",
    "Price",
    "StopPrice",
    "TrailingDelta",
    "IcebergQty",
    "TimeInForce",
    "StrategyId",
    "StrategyType",
)
_COMMON = frozenset({"symbol", "listClientOrderId", "newOrderRespType", "selfTradePreventionMode"})


@dataclass(frozen=True, slots=True)
class _Names:
    """What one order's parameters are called."""

    type: str
    client_id: str
    price: str
    stop_price: str
    trailing_delta: str
    iceberg: str
    time_in_force: str
    strategy_id: str
    strategy_type: str

    @classmethod
    def with_prefix(cls, prefix: str) -> "_Names":
        return cls(*(prefix + field for field in _FIELDS))

    @property
    def all(self) -> frozenset[str]:
        return frozenset(getattr(self, name) for name in self.__slots__)


_ABOVE, _BELOW = _Names.with_prefix("above"), _Names.with_prefix("below")
_WORKING, _PENDING = _Names.with_prefix("working"), _Names.with_prefix("pending")
_PENDING_ABOVE, _PENDING_BELOW = _Names.with_prefix("pendingAbove"), _Names.with_prefix("pendingBelow")
_LEGACY_LIMIT = _Names(
    "", "limitClientOrderId", "price", "", "", "limitIcebergQty", "", "limitStrategyId", "limitStrategyType"
)
_LEGACY_STOP = _Names(
    "",
    "stopClientOrderId",
    "stopLimitPrice",
    "stopPrice",
    "trailingDelta",
    "stopIcebergQty",
    "stopLimitTimeInForce",
    "stopStrategyId",
    "stopStrategyType",
)

OCO_PARAMS = _COMMON | {"side", "quantity"} | _ABOVE.all | _BELOW.all
LEGACY_OCO_PARAMS = _COMMON | {"side", "quantity"} | ((_LEGACY_LIMIT.all | _LEGACY_STOP.all) - {""})
OTO_PARAMS = (
    _COMMON | {"workingSide", "workingQuantity", "pendingSide", "pendingQuantity"} | _WORKING.all | _PENDING.all
)
OTOCO_PARAMS = (
    _COMMON
    | {"workingSide", "workingQuantity", "pendingSide", "pendingQuantity"}
    | _WORKING.all
    | _PENDING_ABOVE.all
    | _PENDING_BELOW.all
)


@dataclass(frozen=True, slots=True)
class _Basis:
    """What an order has in common with its neighbours in the list."""

    symbol: str
    side: Side
    quantity: Decimal
    prevention: SelfTradePrevention | None


def read_oco(params: Parameters) -> NewOrderList:
    """`POST /api/v3/orderList/oco`. All `read_` raise `ApiError`."""
    _require(params, "symbol", "side", "quantity", "aboveType", "belowType")
    basis = _basis(params, "side", "quantity")
    return NewOrderList(
        above=_order(params, _ABOVE, basis), below=_order(params, _BELOW, basis), client_list_id=_list_name(params)
    )


def read_legacy_oco(params: Parameters) -> NewOrderList:
    """`POST /api/v3/order/oco`, deprecated by the venue and still sent by many clients."""
    _require(params, "symbol", "side", "quantity", "price", "stopPrice")
    basis = _basis(params, "side", "quantity")
    stop_type = OrderType.STOP_LOSS_LIMIT if "stopLimitPrice" in params else OrderType.STOP_LOSS
    stop = _order(params, _LEGACY_STOP, basis, stop_type)
    limit = _order(params, _LEGACY_LIMIT, basis, OrderType.LIMIT_MAKER)
    above, below = (stop, limit) if basis.side is Side.BUY else (limit, stop)
    return NewOrderList(above=above, below=below, client_list_id=_list_name(params))


def read_oto(params: Parameters) -> NewOrderList:
    """`POST /api/v3/orderList/oto`."""
    _require_phases(params, "pendingType")
    return NewOrderList(
        working=_order(params, _WORKING, _basis(params, "workingSide", "workingQuantity")),
        below=_order(params, _PENDING, _basis(params, "pendingSide", "pendingQuantity")),
        client_list_id=_list_name(params),
    )


def read_otoco(params: Parameters) -> NewOrderList:
    """`POST /api/v3/orderList/otoco`."""
    _require_phases(params, "pendingAboveType", "pendingBelowType")
    pending = _basis(params, "pendingSide", "pendingQuantity")
    return NewOrderList(
        working=_order(params, _WORKING, _basis(params, "workingSide", "workingQuantity")),
        above=_order(params, _PENDING_ABOVE, pending),
        below=_order(params, _PENDING_BELOW, pending),
        client_list_id=_list_name(params),
    )


def _require(params: Parameters, *names: str) -> None:
    for name in names:
        params.required(name)


def _require_phases(params: Parameters, *types: str) -> None:
    _require(params, "symbol", "workingType", "workingSide", "workingPrice", "workingQuantity")
    _require(params, "pendingSide", "pendingQuantity", *types)


def _list_name(params: Parameters) -> str | None:
    return params.text("listClientOrderId", CLIENT_ORDER_ID)


def _basis(params: Parameters, side: str, quantity: str) -> _Basis:
    amount = params.amount(quantity)
    if amount is None:
        raise errors.mandatory(quantity)
    return _Basis(params.required("symbol", SYMBOL), read_side(params, side), amount, read_prevention(params))


def _order(params: Parameters, names: _Names, basis: _Basis, kind: OrderType | None = None) -> NewOrder:
    """`kind` `None`: as the parameters say."""
    if kind is None:
        kind = read_type(params, names.type)
    _check_fields(params, names, kind)
    iceberg = params.amount(names.iceberg)
    time_in_force = read_time_in_force(params, names.time_in_force)
    if iceberg and time_in_force not in (None, TimeInForce.GTC):
        message = f"Parameter '{names.iceberg}' is not supported if '{names.time_in_force}' is not GTC."
        raise ApiError(-1160, message)
    return NewOrder(
        symbol=basis.symbol,
        side=basis.side,
        order_type=kind,
        quantity=basis.quantity,
        price=params.amount(names.price),
        stop_price=params.amount(names.stop_price),
        time_in_force=time_in_force,
        client_order_id=params.text(names.client_id, CLIENT_ORDER_ID),
        iceberg_quantity=iceberg or None,
        trailing_delta_bips=params.integer(names.trailing_delta),
        prevention=basis.prevention,
        strategy=read_strategy(params, names.strategy_id, names.strategy_type),
    )


def _check_fields(params: Parameters, names: _Names, kind: OrderType) -> None:
    """Refuse what the type lacks, and what it does not take."""
    has_limit, has_stop = kind in LIMIT_TYPES, kind in STOP_TYPES
    taken: Mapping[str, bool] = {
        names.price: has_limit,
        names.time_in_force: kind in NEEDS_TIME_IN_FORCE,
        names.stop_price: has_stop,
        names.trailing_delta: has_stop,
        names.iceberg: has_limit,
    }
    if has_limit:
        params.required(names.price)
    if kind in NEEDS_TIME_IN_FORCE:
        params.required(names.time_in_force)
    if has_stop and names.stop_price not in params and names.trailing_delta not in params:
        raise errors.either(names.stop_price, names.trailing_delta)
    for name, is_taken in taken.items():
        if name in params and not is_taken:
            raise errors.not_required(name)
