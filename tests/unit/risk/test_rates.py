"""Rates of assets: what the instruments' prices say, looked up once."""

from decimal import Decimal

import pytest

from core.domain.instruments import InstrumentId
from core.risk.rates import Rates, sources_of
from tests.unit.instruments import perpetual, spot

D = Decimal
BTC, ETH, CROSS, PERPETUAL = spot("BTC/USDT"), spot("ETH/USDT"), spot("ETH/BTC"), perpetual("SOL/USDT:USDT")
LISTED = {each.id: each for each in (BTC, ETH, CROSS, PERPETUAL)}


def rates(prices: dict[InstrumentId, Decimal]) -> Rates:
    return Rates("USDT", sources_of("USDT", LISTED), prices.get)


def test_only_what_is_bought_with_the_currency_has_a_rate() -> None:
    assert dict(rates({each: D(7) for each in LISTED})) == {"USDT": D(1), "BTC": D(7), "ETH": D(7)}


def test_what_has_no_price_has_no_rate() -> None:
    found = rates({BTC.id: D(100)})
    assert dict(found) == {"USDT": D(1), "BTC": D(100)}
    assert len(found) == 2
    assert found.get("ETH") is None
    assert "SOL" not in found
    with pytest.raises(KeyError):
        found["ETH"]


def test_a_rate_stays_what_it_was_told_to_be() -> None:
    prices = {BTC.id: D(100)}
    found = rates(prices)
    assert found["BTC"] == 100
    prices[BTC.id] = D(200)
    assert found["BTC"] == 100
    assert rates(prices)["BTC"] == 200
