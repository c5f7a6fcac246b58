"""What can be asked of USD-M where: parameters, weights and security as in Binance's futures documentation."""

from collections.abc import Mapping

from core.simulation.server.endpoint import Endpoint, Handler, Security, Weight
from core.simulation.server.parameters import Parameters
from core.simulation.server.routes import SIGNED_PARAMS
from core.simulation.server.usdm.account_endpoints import ListenKeyEndpoints, UsdmAccountEndpoints
from core.simulation.server.usdm.algo_endpoints import UsdmAlgoEndpoints
from core.simulation.server.usdm.countdowns import Countdowns
from core.simulation.server.usdm.market_endpoints import UsdmMarketEndpoints, depth_limit
from core.simulation.server.usdm.order_endpoints import ID_LISTS, UsdmOrderEndpoints
from core.simulation.server.usdm.order_form import ALGO_PARAMS, ORDER_PARAMS

Rest = dict[tuple[str, str], Endpoint]
V1, V2, V3 = "/fapi/v1", "/fapi/v2", "/fapi/v3"
SOCKET_API_PATH = "/ws-fapi/v1"
_SOCKET_METHODS = {
    "ping": ("GET", f"{V1}/ping"),
    "time": ("GET", f"{V1}/time"),
    "depth": ("GET", f"{V1}/depth"),
    "ticker.price": ("GET", f"{V1}/ticker/price"),
    "ticker.book": ("GET", f"{V1}/ticker/bookTicker"),
    "order.place": ("POST", f"{V1}/order"),
    "order.modify": ("PUT", f"{V1}/order"),
    "order.cancel": ("DELETE", f"{V1}/order"),
    "order.status": ("GET", f"{V1}/order"),
    "algoOrder.place": ("POST", f"{V1}/algoOrder"),
    "algoOrder.cancel": ("DELETE", f"{V1}/algoOrder"),
    "account.status": ("GET", f"{V3}/account"),
    "v2/account.status": ("GET", f"{V3}/account"),
    "account.balance": ("GET", f"{V3}/balance"),
    "v2/account.balance": ("GET", f"{V3}/balance"),
    "account.position": ("GET", f"{V2}/positionRisk"),
    "v2/account.position": ("GET", f"{V3}/positionRisk"),
    "userDataStream.start": ("POST", f"{V1}/listenKey"),
    "userDataStream.ping": ("PUT", f"{V1}/listenKey"),
    "userDataStream.stop": ("DELETE", f"{V1}/listenKey"),
}
"""What the WebSocket API has, and where REST has the same."""


def socket_methods(rest: Mapping[tuple[str, str], Endpoint]) -> dict[str, Endpoint]:
    return {method: rest[key] for method, key in _SOCKET_METHODS.items()}


def market_routes(market: UsdmMarketEndpoints, time_headers: Mapping[str, str]) -> Rest:
    """`time_headers` go onto the answer to `GET /fapi/v1/time`."""
    spans = "symbol startTime endTime limit"
    price = _public(market.ticker_price, "symbol", _one_or_all(1, 2))
    return {
        ("GET", f"{V1}/ping"): Endpoint(market.ping),
        ("GET", f"{V1}/time"): Endpoint(market.time, headers=time_headers),
        ("GET", f"{V1}/exchangeInfo"): _public(market.exchange_info, "", 1),
        ("GET", f"{V1}/depth"): _public(market.depth, "symbol limit", _depth_weight),
        ("GET", f"{V1}/trades"): _public(market.trades, "symbol limit", 5),
        ("GET", f"{V1}/historicalTrades"): _public(market.trades, "symbol limit fromId", 20),
        ("GET", f"{V1}/aggTrades"): _public(market.aggregate_trades, f"{spans} fromId", 20),
        ("GET", f"{V1}/klines"): _public(market.klines, f"{spans} interval", _klines_weight),
        ("GET", f"{V1}/markPriceKlines"): _public(market.mark_price_klines, f"{spans} interval", _klines_weight),
        ("GET", f"{V1}/ticker/24hr"): _public(market.ticker_24h, "symbol", _one_or_all(1, 40)),
        ("GET", f"{V1}/ticker/price"): price,
        ("GET", f"{V2}/ticker/price"): price,
        ("GET", f"{V1}/ticker/bookTicker"): _public(market.book_ticker, "symbol", _one_or_all(2, 5)),
        ("GET", f"{V1}/premiumIndex"): _public(market.premium_index, "symbol", _one_or_all(1, 10)),
        ("GET", f"{V1}/fundingRate"): _public(market.funding_rates, spans, 1),
        ("GET", f"{V1}/fundingInfo"): _public(market.funding_info, "", 1),
        ("GET", f"{V1}/openInterest"): _public(market.open_interest, "symbol", 1),
    }


def order_routes(orders: UsdmOrderEndpoints, algos: UsdmAlgoEndpoints, countdowns: Countdowns) -> Rest:
    named, spans = "symbol orderId origClientOrderId", "symbol orderId startTime endTime limit"
    amended = f"{named} side quantity price priceMatch"
    algo = "algoId clientAlgoId"
    return {
        ("POST", f"{V1}/order"): _placing(orders.place, ORDER_PARAMS, 1),
        ("PUT", f"{V1}/order"): _placing(orders.amend, frozenset(amended.split()), 1),
        ("POST", f"{V1}/order/test"): Endpoint(orders.test, ORDER_PARAMS | SIGNED_PARAMS, 1, Security.SIGNED),
        ("GET", f"{V1}/order"): _signed(orders.query, named, 1),
        ("DELETE", f"{V1}/order"): _signed(orders.cancel, named, 1),
        ("POST", f"{V1}/batchOrders"): _placing(orders.place_batch, frozenset({"batchOrders"}), 5),
        ("PUT", f"{V1}/batchOrders"): _placing(orders.amend_batch, frozenset({"batchOrders"}), 5),
        ("DELETE", f"{V1}/batchOrders"): _signed(orders.cancel_batch, " ".join(["symbol", *ID_LISTS]), 1),
        ("DELETE", f"{V1}/allOpenOrders"): _signed(orders.cancel_all, "symbol", 1),
        ("POST", f"{V1}/countdownCancelAll"): _signed(countdowns.wind_up, "symbol countdownTime", 10),
        ("GET", f"{V1}/openOrder"): _signed(orders.open_order, named, 1),
        ("GET", f"{V1}/openOrders"): _signed(orders.open_orders, "symbol", _one_or_all(1, 40)),
        ("GET", f"{V1}/allOrders"): _signed(orders.all_orders, spans, 5),
        ("GET", f"{V1}/userTrades"): _signed(orders.my_trades, f"{spans} fromId", 5),
        ("GET", f"{V1}/forceOrders"): _signed(
            orders.forced_orders, "symbol autoCloseType startTime endTime limit", _one_or_all(20, 50)
        ),
        ("POST", f"{V1}/algoOrder"): _placing(algos.place, ALGO_PARAMS, 1),
        ("GET", f"{V1}/algoOrder"): _signed(algos.query, f"{algo} symbol", 1),
        ("DELETE", f"{V1}/algoOrder"): _signed(algos.cancel, f"{algo} symbol", 1),
        ("DELETE", f"{V1}/algoOpenOrders"): _signed(algos.cancel_all, "symbol", 1),
        ("GET", f"{V1}/openAlgoOrders"): _signed(algos.open_orders, "symbol algoId algoType", _one_or_all(1, 40)),
        ("GET", f"{V1}/allAlgoOrders"): _signed(algos.all_orders, "symbol algoId startTime endTime page limit", 5),
    }


def account_routes(accounts: UsdmAccountEndpoints, keys: ListenKeyEndpoints) -> Rest:
    risk_v3 = _signed(accounts.position_risk_v3, "symbol", 5)
    balance = _signed(accounts.balance, "", 5)
    return {
        ("GET", f"{V2}/account"): _signed(accounts.account_v2, "", 5),
        ("GET", f"{V3}/account"): _signed(accounts.account_v3, "", 5),
        ("GET", f"{V2}/balance"): balance,
        ("GET", f"{V3}/balance"): balance,
        ("GET", f"{V2}/positionRisk"): _signed(accounts.position_risk_v2, "symbol", 5),
        ("GET", f"{V3}/positionRisk"): risk_v3,
        ("GET", f"{V1}/leverageBracket"): _signed(accounts.leverage_brackets, "symbol", 1),
        ("GET", f"{V1}/commissionRate"): _signed(accounts.commission_rate, "symbol", 20),
        ("GET", f"{V1}/symbolConfig"): _signed(accounts.symbol_config, "symbol", 5),
        ("GET", f"{V1}/accountConfig"): _signed(accounts.account_config, "", 5),
        ("GET", f"{V1}/income"): _signed(accounts.income, "symbol incomeType startTime endTime page limit", 30),
        ("GET", f"{V1}/rateLimit/order"): _signed(accounts.order_counts, "", 1),
        ("GET", f"{V1}/adlQuantile"): _signed(accounts.adl_quantiles, "symbol", 5),
        ("GET", f"{V1}/feeBurn"): _signed(accounts.fee_burn, "", 1),
        ("POST", f"{V1}/leverage"): _signed(accounts.set_leverage, "symbol leverage", 1),
        ("POST", f"{V1}/marginType"): _signed(accounts.set_margin_type, "symbol marginType", 1),
        ("POST", f"{V1}/positionMargin"): _signed(accounts.change_margin, "symbol positionSide amount type", 1),
        ("GET", f"{V1}/positionSide/dual"): _signed(accounts.position_mode, "", 30),
        ("POST", f"{V1}/positionSide/dual"): _signed(accounts.set_position_mode, "dualSidePosition", 1),
        ("GET", f"{V1}/multiAssetsMargin"): _signed(accounts.assets_mode, "", 30),
        ("POST", f"{V1}/multiAssetsMargin"): _signed(accounts.set_assets_mode, "multiAssetsMargin", 1),
        ("POST", f"{V1}/listenKey"): _keyed(keys.open),
        ("PUT", f"{V1}/listenKey"): _keyed(keys.keep),
        ("DELETE", f"{V1}/listenKey"): _keyed(keys.close),
    }


def _public(handle: Handler, names: str, weight: Weight) -> Endpoint:
    return Endpoint(handle, frozenset(names.split()), weight)


def _signed(handle: Handler, names: str, weight: Weight) -> Endpoint:
    return Endpoint(handle, frozenset(names.split()) | SIGNED_PARAMS, weight, Security.SIGNED)


def _placing(handle: Handler, names: frozenset[str], weight: int) -> Endpoint:
    return Endpoint(handle, names | SIGNED_PARAMS, weight, Security.SIGNED, counts_order=True)


def _keyed(handle: Handler) -> Endpoint:
    """Clients send their key's own name, or sign what needs no signature; the venue does not mind."""
    return Endpoint(handle, SIGNED_PARAMS | {"listenKey"}, 1, Security.KEY)


def _one_or_all(one: int, everything: int) -> Weight:
    return lambda params: one if "symbol" in params else everything


def _depth_weight(params: Parameters) -> int:
    limit = depth_limit(params)
    return 2 if limit <= 50 else 5 if limit <= 100 else 10 if limit <= 500 else 20


def _klines_weight(params: Parameters) -> int:
    limit = params.limit(500, 1_500)
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1_000 else 10
