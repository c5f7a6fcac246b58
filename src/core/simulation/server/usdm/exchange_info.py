"""`GET /fapi/v1/exchangeInfo`: which perpetuals there are, within which filters and limits."""

from collections.abc import Iterable

from core.simulation.engine.amounts import text
from core.simulation.engine.fees import MILLION
from core.simulation.engine.perpetual.contracts import Contract
from core.simulation.engine.perpetual.orders import ConditionalType
from core.simulation.server.limits import RateLimit
from core.simulation.server.payloads import Json
from core.simulation.server.usdm.digits import decimals, price, quantity

ORDER_TYPES = ("LIMIT", "MARKET", *ConditionalType)
_NEVER_MS = 4_133_404_800_000
"""Delivery date of what is never delivered (2100-12-25), as the venue gives it."""
_LISTED_MS = 1_569_398_400_000


def symbol_info(contract: Contract) -> Json:
    spec = contract.spec
    return {
        "symbol": spec.name,
        "pair": spec.name,
        "contractType": "PERPETUAL",
        "deliveryDate": _NEVER_MS,
        "onboardDate": _LISTED_MS,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": spec.base,
        "quoteAsset": spec.quote,
        "marginAsset": spec.quote,
        "pricePrecision": decimals(spec.tick_atoms),
        "quantityPrecision": decimals(spec.lot_atoms),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "settlePlan": 0,
        "triggerProtect": "0.0500",
        "liquidationFee": f"{contract.liquidation_fee_millionths / MILLION:.6f}",
        "marketTakeBound": f"{contract.price_band_millionths / MILLION:.2f}",
        "maxMoveOrderLimit": 10_000,
        "filters": filters(contract),
        "orderTypes": list(ORDER_TYPES),
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def filters(contract: Contract) -> list[Json]:
    spec = contract.spec
    band = contract.price_band_millionths / MILLION
    return [
        {
            "minPrice": price(spec, spec.min_price),
            "maxPrice": price(spec, spec.max_price),
            "filterType": "PRICE_FILTER",
            "tickSize": price(spec, 1),
        },
        {
            "stepSize": quantity(spec, 1),
            "filterType": "LOT_SIZE",
            "maxQty": quantity(spec, spec.max_quantity),
            "minQty": quantity(spec, spec.min_quantity),
        },
        {
            "stepSize": quantity(spec, 1),
            "filterType": "MARKET_LOT_SIZE",
            "maxQty": quantity(spec, spec.market_max_quantity),
            "minQty": quantity(spec, spec.min_quantity),
        },
        {"limit": spec.max_open_orders, "filterType": "MAX_NUM_ORDERS"},
        {"limit": spec.max_stop_orders, "filterType": "MAX_NUM_ALGO_ORDERS"},
        {"notional": text(spec.min_notional).rstrip("0").rstrip("."), "filterType": "MIN_NOTIONAL"},
        {
            "multiplierDown": f"{1 - band:.4f}",
            "multiplierUp": f"{1 + band:.4f}",
            "multiplierDecimal": "4",
            "filterType": "PERCENT_PRICE",
        },
    ]


def exchange_info(contracts: Iterable[Contract], limits: Iterable[RateLimit], server_time_ms: int) -> Json:
    contracts = list(contracts)
    return {
        "timezone": "UTC",
        "serverTime": server_time_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": [limit.as_json() for limit in limits],
        "exchangeFilters": [],
        "assets": [
            {"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"}
            for asset in sorted({contract.spec.quote for contract in contracts})
        ],
        "symbols": [symbol_info(contract) for contract in contracts],
    }
