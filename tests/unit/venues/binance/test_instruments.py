"""exchangeInfo to instruments."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.domain.instruments import InstrumentId, InstrumentKind, InstrumentStatus
from core.venues.binance.decode import UNREADABLE
from core.venues.binance.instruments import Symbols, instruments_of, venue_symbol

BTC = InstrumentId("BTC/USDT")


def symbol(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "quotePrecision": 8,
        "isSpotTradingAllowed": True,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.0", "stepSize": "0.00001000"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": "100.5", "stepSize": "0"},
            {"filterType": "NOTIONAL", "minNotional": "5.0", "maxNotional": "9000000.0", "avgPriceMins": 5},
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": "5",
                "bidMultiplierDown": "0.2",
                "askMultiplierUp": "4",
                "askMultiplierDown": "0.3",
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
        ],
        **changes,
    }


def read(*symbols: object) -> dict[InstrumentId, Any]:
    return instruments_of(json.dumps({"timezone": "UTC", "symbols": symbols}).encode())


def test_filters_become_steps_and_limits() -> None:
    btc = read(symbol())[BTC]
    assert (btc.venue_symbol, btc.kind, btc.base, btc.quote, btc.settle) == (
        "BTCUSDT",
        InstrumentKind.SPOT,
        "BTC",
        "USDT",
        "USDT",
    )
    assert (btc.tick_size, btc.lot_size) == (Decimal("0.01"), Decimal("0.00001"))
    assert str(btc.tick_size) == "0.01"
    assert (btc.min_quantity, btc.max_quantity, btc.market_max_quantity) == (
        Decimal("0.00001"),
        Decimal(9000),
        Decimal("100.5"),
    )
    assert (btc.min_notional, btc.max_notional) == (Decimal(5), Decimal(9_000_000))
    assert (btc.price_band_up, btc.price_band_down) == (Decimal(4), Decimal("0.3"))
    assert btc.max_stop_orders == 5
    assert btc.status is InstrumentStatus.TRADING


def test_filters_that_are_absent_or_off_leave_no_limit() -> None:
    off = [{"filterType": "PRICE_FILTER", "tickSize": "0.00"}, {"filterType": "LOT_SIZE", "stepSize": "100.0"}]
    btc = read(symbol(filters=off))[BTC]
    assert (btc.tick_size, btc.lot_size) == (Decimal("0.00000001"), Decimal(100))
    assert str(btc.lot_size) == "100"
    assert (btc.min_notional, btc.max_notional, btc.max_quantity, btc.price_band_up) == (0, None, None, None)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("TRADING", InstrumentStatus.TRADING),
        ("CANCEL_ONLY", InstrumentStatus.CANCEL_ONLY),
        ("BREAK", InstrumentStatus.HALTED),
        ("HALT", InstrumentStatus.HALTED),
        ("A_WORD_OF_TOMORROW", InstrumentStatus.HALTED),
    ],
)
def test_only_trading_is_trading(word: str, status: InstrumentStatus) -> None:
    assert read(symbol(status=word))[BTC].status is status


def test_a_symbol_that_cannot_be_read_costs_only_itself() -> None:
    eth = symbol(symbol="ETHUSDT", baseAsset="ETH")
    nan = symbol(symbol="XUSDT", baseAsset="X", filters=[{"filterType": "PRICE_FILTER", "tickSize": "NaN"}])
    assert set(read({"symbol": 5}, nan, eth, "no object")) == {InstrumentId("ETH/USDT")}
    body = json.dumps({"symbols": [symbol(), eth]}).encode()
    assert set(instruments_of(body.replace(b"BTCUSDT", b"BTC\xffUSDT"))) == {InstrumentId("ETH/USDT")}


def test_what_is_not_traded_on_spot_is_left_out() -> None:
    assert read(symbol(isSpotTradingAllowed=False)) == {}


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"[]", b'{"symbols":', b'{"symbols":{}}', b"{}", b"\xff"])
def test_an_answer_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(UNREADABLE):
        instruments_of(body)


def test_symbols_go_both_ways() -> None:
    symbols = Symbols()
    assert not symbols
    symbols.learn(read(symbol()).values())
    assert symbols and venue_symbol(BTC) == "BTCUSDT"
    assert symbols.instrument_id("BTCUSDT") == BTC
    symbols.learn(read(symbol(symbol="ETHUSDT", baseAsset="ETH")).values())
    assert symbols.instrument_id("BTCUSDT") == BTC, "delisted, yet its fills may still be asked about"
    assert symbols.instrument_id("NEWUSDT") == "NEWUSDT"


def test_the_recorded_exchange_information_reads_whole(recorded_data: Path) -> None:
    with (recorded_data / "cryptofeed/BINANCE.0").open() as lines:
        body = lines.readline().split(": ", 1)[1]
    listed = [each for each in json.loads(body)["symbols"] if each["isSpotTradingAllowed"]]
    found = instruments_of(body.encode())
    assert len(json.loads(body)["symbols"]) == 1_695
    assert len(found) == len(listed)
    for each in listed:
        instrument = found[InstrumentId(f"{each['baseAsset']}/{each['quoteAsset']}")]
        assert venue_symbol(instrument.id) == each["symbol"]
        assert instrument.tick_size > 0 and instrument.lot_size > 0
