"""USD-M's exchangeInfo, recorded and broken."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.domain.instruments import InstrumentId, InstrumentKind, InstrumentStatus
from core.venues.binance.instruments import venue_symbol
from core.venues.binance.usdm.instruments import instruments_of

BTC = InstrumentId("BTC/USDT:USDT")


def contract(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "status": "TRADING",
        "contractType": "PERPETUAL",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
            {"filterType": "MIN_NOTIONAL", "notional": "100"},
            {"filterType": "PERCENT_PRICE", "multiplierUp": "1.05", "multiplierDown": "0.95", "multiplierDecimal": "4"},
        ],
        **changes,
    }


def test_a_perpetual_has_its_filters_and_settles_in_its_margin_asset() -> None:
    dated = contract(symbol="BTCUSDT_261225", contractType="CURRENT_QUARTER")
    broken = contract(symbol="ETHUSDT", baseAsset="ETH", filters="?")
    body = json.dumps({"symbols": [contract(), dated, broken]}).encode()
    (found,) = instruments_of(body).values()
    assert (found.id, found.kind, found.settle, found.multiplier) == (BTC, InstrumentKind.PERPETUAL, "USDT", 1)
    assert (found.tick_size, found.lot_size, found.min_quantity) == (Decimal("0.1"), Decimal("0.001"), Decimal("0.001"))
    assert (found.min_notional, found.min_closing_notional, found.market_max_quantity) == (100, 0, 120)
    assert (found.price_band_up, found.price_band_down) == (Decimal("1.05"), Decimal("0.95"))
    assert venue_symbol(found.id) == found.venue_symbol == "BTCUSDT"


def test_a_contract_that_is_being_settled_is_halted() -> None:
    body = json.dumps({"symbols": [contract(status="SETTLING")]}).encode()
    assert instruments_of(body)[BTC].status is InstrumentStatus.HALTED


def test_the_recorded_list_is_read_whole(recorded_data: Path) -> None:
    first_line = (recorded_data / "cryptofeed" / "BINANCE_FUTURES.0").read_text().splitlines()[0]
    body = first_line.partition(": ")[2].encode()
    found = instruments_of(body)
    listed = [each for each in json.loads(body)["symbols"] if each["contractType"] == "PERPETUAL"]
    assert len(found) == len(listed) > 50
    assert all(venue_symbol(each.id) == each.venue_symbol for each in found.values())
