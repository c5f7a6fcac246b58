from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.instruments import InstrumentId
from core.simulation.engine.catalogue import KNOWN, asset, first_price, instrument
from core.simulation.engine.symbols import SymbolSpec


def test_well_known_symbols_cost_what_one_expects() -> None:
    assert first_price(InstrumentId("BTC/USDT")) == 60_000
    assert first_price(InstrumentId("ETH/BTC")) == 0.05
    bitcoin = instrument(InstrumentId("BTC/USDT"))
    assert (bitcoin.tick_size, bitcoin.lot_size, bitcoin.min_notional) == (
        Decimal("0.01"),
        Decimal("0.00001"),
        Decimal(5),
    )


@given(
    st.one_of(st.sampled_from(sorted(KNOWN)), st.from_regex(r"[A-Z0-9]{2,8}", fullmatch=True)),
    st.sampled_from(["USDT", "USDC", "BTC", "ETH", "BNB"]),
)
def test_any_symbol_has_an_instrument_one_can_trade(base: str, quote: str) -> None:
    if base == quote:
        return
    symbol = InstrumentId(f"{base}/{quote}")
    listed = instrument(symbol)
    spec = SymbolSpec.of(listed)
    ticks = first_price(symbol) / float(listed.tick_size)
    assert ticks > (200 if quote == "USDT" else 30)
    smallest_lot_usd = asset(base).price_usd * float(listed.lot_size)
    assert smallest_lot_usd < 3
    assert spec.min_quantity <= spec.market_max_quantity <= spec.max_quantity
    assert 0 < listed.min_notional * Decimal(asset(quote).price_usd) < 20


@pytest.mark.parametrize("name", ["SYM000", "SYM499", "PEPE"])
def test_made_up_assets_are_the_same_every_time(name: str) -> None:
    first = asset(name)
    asset.cache_clear()
    assert asset(name) == first
    assert 0.02 <= first.price_usd <= 300
    assert asset("SYM001") != asset("SYM002")


def test_a_made_up_asset_never_changes_its_look() -> None:
    made = asset("SYM042")
    assert (made.price_usd, round(made.traits.sigma_bps, 2)) == (0.468, 13.07)
