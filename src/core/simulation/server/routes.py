"""What can be asked where: REST paths and WebSocket API methods, with parameters, weights and security.

Weights as Binance's REST documentation states them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from core.simulation.server.account_endpoints import AccountEndpoints
from core.simulation.server.endpoint import Call, Endpoint, Handler, Security, Weight
from core.simulation.server.list_form import LEGACY_OCO_PARAMS, OCO_PARAMS, OTO_PARAMS, OTOCO_PARAMS
from core.simulation.server.market_endpoints import MarketEndpoints
from core.simulation.server.order_change_endpoints import OrderChangeEndpoints
from core.simulation.server.order_endpoints import OrderEndpoints
from core.simulation.server.order_form import ORDER_PARAMS
from core.simulation.server.order_list_endpoints import OrderListEndpoints
from core.simulation.server.parameters import Parameters
from core.simulation.server.wallet_endpoints import WalletEndpoints

SIGNED_PARAMS = frozenset({"timestamp", "recvWindow", "signature", "apiKey"})
"""Clients sign `sapi` requests that need no signature; the venue does not mind."""
_REPLACE_PARAMS = frozenset(
    {
        "cancelReplaceMode",
        "cancelNewClientOrderId",
        "cancelOrigClientOrderId",
        "cancelOrderId",
        "cancelRestrictions",
    }
)


@dataclass(frozen=True, slots=True)
class Routes:
    rest: Mapping[tuple[str, str], Endpoint]
    """By method and path."""
    socket: Mapping[str, Endpoint]
    """By method of the WebSocket API."""


def build_routes(
    market: MarketEndpoints,
    orders: OrderEndpoints,
    changes: OrderChangeEndpoints,
    lists: OrderListEndpoints,
    accounts: AccountEndpoints,
    *,
    time_headers: Mapping[str, str],
) -> Routes:
    """`time_headers` go onto the answer to `GET /api/v3/time`."""
    ping = Endpoint(market.ping)
    time = Endpoint(market.time, headers=time_headers)
    info = _public(market.exchange_info, "symbol symbols permissions showPermissionSets symbolStatus", 20)
    depth = _public(market.depth, "symbol limit symbolStatus", _depth_weight)
    trades = _public(market.trades, "symbol limit", 25)
    old_trades = _public(market.trades, "symbol limit fromId", 25)
    aggregates = _public(market.aggregate_trades, "symbol fromId startTime endTime limit", 4)
    klines = _public(market.klines, "symbol interval startTime endTime timeZone limit", 2)
    average = _public(market.average_price, "symbol", 2)
    day = _public(market.ticker_24h, "symbol symbols type symbolStatus", _day_weight)
    price = _public(market.ticker_price, "symbol symbols symbolStatus", _quote_weight)
    book = _public(market.book_ticker, "symbol symbols symbolStatus", _quote_weight)
    place = _placing(orders.place, ORDER_PARAMS)
    replace = _placing(changes.replace, ORDER_PARAMS | _REPLACE_PARAMS)
    place_oco = _placing(lists.place_oco, OCO_PARAMS)
    place_legacy_oco = _placing(lists.place_legacy_oco, LEGACY_OCO_PARAMS)
    place_oto = _placing(lists.place_oto, OTO_PARAMS)
    place_otoco = _placing(lists.place_otoco, OTOCO_PARAMS)
    test = Endpoint(
        _tested(orders.test, accounts.commission_of_order),
        ORDER_PARAMS | SIGNED_PARAMS | {"computeCommissionRates"},
        1,
        Security.SIGNED,
    )
    cancel = _signed(orders.cancel, "symbol orderId origClientOrderId newClientOrderId cancelRestrictions", 1)
    query = _signed(orders.query, "symbol orderId origClientOrderId", 4)
    cancel_all = _signed(orders.cancel_all, "symbol", 1)
    amend = _signed(changes.amend, "symbol orderId origClientOrderId newClientOrderId newQty", 4)
    amendments = _signed(changes.amendments, "symbol orderId fromExecutionId limit", 4)
    prevented = _signed(
        changes.prevented_matches,
        "symbol preventedMatchId orderId fromPreventedMatchId limit",
        lambda params: 2 if "preventedMatchId" in params else 20,
    )
    cancel_list = _signed(lists.cancel, "symbol orderListId listClientOrderId newClientOrderId", 1)
    query_list = _signed(lists.query, "orderListId origClientOrderId", 4)
    open_lists = _signed(lists.open_lists, "", 6)
    all_lists = _signed(lists.all_lists, "fromId startTime endTime limit", 20)
    open_orders = _signed(orders.open_orders, "symbol", lambda params: 6 if "symbol" in params else 80)
    all_orders = _signed(orders.all_orders, "symbol orderId startTime endTime limit", 20)
    account = _signed(accounts.account, "omitZeroBalances", 20)
    my_trades = _signed(
        accounts.my_trades,
        "symbol orderId startTime endTime fromId limit",
        lambda params: 5 if "orderId" in params else 20,
    )
    commission = _signed(accounts.commission, "symbol", 20)
    counts = _signed(accounts.order_counts, "", 40)
    wallet = WalletEndpoints()
    unlisted = Endpoint(market.nothing_listed)
    gone = Endpoint(accounts.gone, frozenset({"listenKey"}), 2)
    return Routes(
        rest={
            ("GET", "/api/v3/ping"): ping,
            ("GET", "/api/v3/time"): time,
            ("GET", "/api/v3/exchangeInfo"): info,
            ("GET", "/api/v3/depth"): depth,
            ("GET", "/api/v3/trades"): trades,
            ("GET", "/api/v3/historicalTrades"): old_trades,
            ("GET", "/api/v3/aggTrades"): aggregates,
            ("GET", "/api/v3/klines"): klines,
            ("GET", "/api/v3/uiKlines"): klines,
            ("GET", "/api/v3/avgPrice"): average,
            ("GET", "/api/v3/ticker/24hr"): day,
            ("GET", "/api/v3/ticker/price"): price,
            ("GET", "/api/v3/ticker/bookTicker"): book,
            ("POST", "/api/v3/order"): place,
            ("POST", "/api/v3/order/test"): test,
            ("GET", "/api/v3/order"): query,
            ("DELETE", "/api/v3/order"): cancel,
            ("POST", "/api/v3/order/cancelReplace"): replace,
            ("PUT", "/api/v3/order/amend/keepPriority"): amend,
            ("GET", "/api/v3/order/amendments"): amendments,
            ("GET", "/api/v3/myPreventedMatches"): prevented,
            ("POST", "/api/v3/order/oco"): place_legacy_oco,
            ("POST", "/api/v3/orderList/oco"): place_oco,
            ("POST", "/api/v3/orderList/oto"): place_oto,
            ("POST", "/api/v3/orderList/otoco"): place_otoco,
            ("GET", "/api/v3/orderList"): query_list,
            ("DELETE", "/api/v3/orderList"): cancel_list,
            ("GET", "/api/v3/openOrderList"): open_lists,
            ("GET", "/api/v3/allOrderList"): all_lists,
            ("GET", "/api/v3/openOrders"): open_orders,
            ("DELETE", "/api/v3/openOrders"): cancel_all,
            ("GET", "/api/v3/allOrders"): all_orders,
            ("GET", "/api/v3/myTrades"): my_trades,
            ("GET", "/api/v3/account"): account,
            ("GET", "/api/v3/account/commission"): commission,
            ("GET", "/api/v3/rateLimit/order"): counts,
            ("POST", "/api/v3/userDataStream"): gone,
            ("PUT", "/api/v3/userDataStream"): gone,
            ("DELETE", "/api/v3/userDataStream"): gone,
            ("GET", "/sapi/v1/system/status"): Endpoint(accounts.system_status, SIGNED_PARAMS),
            ("GET", "/sapi/v1/capital/config/getall"): _signed(accounts.coins, "", 10),
            ("GET", "/sapi/v1/asset/tradeFee"): _signed(accounts.trade_fees, "symbol", 1),
            ("GET", "/sapi/v1/account/apiRestrictions"): _signed(accounts.api_restrictions, "", 1),
            ("GET", "/sapi/v1/margin/allPairs"): Endpoint(
                accounts.no_pairs, SIGNED_PARAMS | {"symbol"}, security=Security.KEY
            ),
            ("GET", "/sapi/v1/margin/isolated/allPairs"): _signed(accounts.no_pairs, "symbol", 10),
            ("GET", "/sapi/v1/capital/deposit/hisrec"): _signed(
                wallet.deposits, "coin status startTime endTime offset limit includeSource txId", 1
            ),
            ("GET", "/sapi/v1/capital/withdraw/history"): _signed(
                wallet.withdrawals, "coin withdrawOrderId status offset limit idList startTime endTime", 1
            ),
            ("GET", "/sapi/v1/asset/transfer"): _signed(
                wallet.transfers, "type startTime endTime current size fromSymbol toSymbol", 1
            ),
            ("GET", "/sapi/v1/margin/interestHistory"): _signed(
                wallet.margin_interest, "asset isolatedSymbol startTime endTime current size archived", 1
            ),
            **{("GET", f"/{product}/v1/exchangeInfo"): unlisted for product in ("fapi", "dapi", "eapi")},
            **{("GET", f"/{product}/v1/ping"): ping for product in ("fapi", "dapi", "eapi")},
            **{("GET", f"/{product}/v1/time"): time for product in ("fapi", "dapi", "eapi")},
        },
        socket={
            "ping": ping,
            "time": time,
            "exchangeInfo": info,
            "depth": depth,
            "trades.recent": trades,
            "trades.historical": old_trades,
            "trades.aggregate": aggregates,
            "klines": klines,
            "uiKlines": klines,
            "avgPrice": average,
            "ticker.24hr": day,
            "ticker.price": price,
            "ticker.book": book,
            "order.place": place,
            "order.test": test,
            "order.status": query,
            "order.cancel": cancel,
            "order.cancelReplace": replace,
            "order.amend.keepPriority": amend,
            "order.amendments": amendments,
            "myPreventedMatches": prevented,
            "orderList.place": place_legacy_oco,
            "orderList.place.oco": place_oco,
            "orderList.place.oto": place_oto,
            "orderList.place.otoco": place_otoco,
            "orderList.status": query_list,
            "orderList.cancel": cancel_list,
            "openOrderLists.status": open_lists,
            "allOrderLists": all_lists,
            "openOrders.status": open_orders,
            "openOrders.cancelAll": cancel_all,
            "allOrders": all_orders,
            "myTrades": my_trades,
            "account.status": account,
            "account.commission": commission,
            "account.rateLimits.orders": counts,
            "userDataStream.start": gone,
            "userDataStream.ping": gone,
            "userDataStream.stop": gone,
        },
    )


def _tested(test: Handler, commission: Handler) -> Handler:
    def answer(call: Call) -> object:
        tested = test(call)
        return commission(call) if call.params.boolean("computeCommissionRates") else tested

    return answer


def _public(handle: Handler, names: str, weight: Weight) -> Endpoint:
    return Endpoint(handle, frozenset(names.split()), weight)


def _signed(handle: Handler, names: str, weight: Weight) -> Endpoint:
    return Endpoint(handle, frozenset(names.split()) | SIGNED_PARAMS, weight, Security.SIGNED)


def _placing(handle: Handler, params: frozenset[str]) -> Endpoint:
    return Endpoint(handle, params | SIGNED_PARAMS, 1, Security.SIGNED, counts_order=True)


def _depth_weight(params: Parameters) -> int:
    limit = params.limit(100, 5_000)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1_000 else 250


def _day_weight(params: Parameters) -> int:
    if "symbol" in params:
        return 2
    n_symbols = len(params.symbol_list() or ())
    return 80 if n_symbols == 0 or n_symbols > 100 else 2 if n_symbols <= 20 else 40


def _quote_weight(params: Parameters) -> int:
    return 2 if "symbol" in params else 4
