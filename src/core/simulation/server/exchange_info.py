"""`exchangeInfo`: what can be traded here, within which filters and limits."""

from collections.abc import Iterable

from core.simulation.engine import iceberg
from core.simulation.engine.amending import MOST_AMENDMENTS
from core.simulation.engine.amounts import text
from core.simulation.engine.order_desk import MOST_LISTS
from core.simulation.engine.special import SelfTradePrevention
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.trailing import MAX_DELTA_BIPS, MIN_DELTA_BIPS
from core.simulation.server.limits import RateLimit
from core.simulation.server.payloads import ZERO, Json

ORDER_TYPES = (
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
)
_PRECISION = 8


def symbol_info(spec: SymbolSpec) -> Json:
    return {
        "symbol": spec.name,
        "status": "TRADING",
        "baseAsset": spec.base,
        "baseAssetPrecision": _PRECISION,
        "quoteAsset": spec.quote,
        "quotePrecision": _PRECISION,
        "quoteAssetPrecision": _PRECISION,
        "baseCommissionPrecision": _PRECISION,
        "quoteCommissionPrecision": _PRECISION,
        "orderTypes": list(ORDER_TYPES),
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters(spec),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": spec.prevention.value,
        "allowedSelfTradePreventionModes": [mode.value for mode in SelfTradePrevention],
    }


def filters(spec: SymbolSpec) -> list[Json]:
    found: list[Json] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": spec.price_text(spec.min_price),
            "maxPrice": spec.price_text(spec.max_price),
            "tickSize": spec.price_text(1),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": spec.quantity_text(spec.min_quantity),
            "maxQty": spec.quantity_text(spec.max_quantity),
            "stepSize": spec.quantity_text(1),
        },
        {"filterType": "ICEBERG_PARTS", "limit": iceberg.MOST_PARTS},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": ZERO,
            "maxQty": spec.quantity_text(spec.market_max_quantity),
            "stepSize": ZERO,
        },
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": MIN_DELTA_BIPS,
            "maxTrailingAboveDelta": MAX_DELTA_BIPS,
            "minTrailingBelowDelta": MIN_DELTA_BIPS,
            "maxTrailingBelowDelta": MAX_DELTA_BIPS,
        },
    ]
    if spec.price_band_up is not None and spec.price_band_down is not None:
        up, down = f"{spec.price_band_up:g}", f"{spec.price_band_down:g}"
        found.append(
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": up,
                "bidMultiplierDown": down,
                "askMultiplierUp": up,
                "askMultiplierDown": down,
                "avgPriceMins": 5,
            }
        )
    found += [
        {
            "filterType": "NOTIONAL",
            "minNotional": text(spec.min_notional),
            "applyMinToMarket": True,
            "maxNotional": text(spec.max_notional),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": spec.max_open_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": spec.max_stop_orders},
        {"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": iceberg.MOST_OPEN},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": MOST_LISTS},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": MOST_AMENDMENTS},
    ]
    return found


def exchange_info(rows: Iterable[Json], limits: Iterable[RateLimit], server_time_ms: int) -> Json:
    return {
        "timezone": "UTC",
        "serverTime": server_time_ms,
        "rateLimits": [limit.as_json() for limit in limits],
        "exchangeFilters": [],
        "symbols": list(rows),
    }
