"""Another venue's instruments, as the embedded venue can list and count them."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.domain.errors import SettingsError
from core.domain.instruments import InstrumentId
from core.paper_instruments import as_listed, on_paper
from core.simulation.engine.symbols import SymbolSpec
from unit.instruments import perpetual, spot

BTC = InstrumentId("BTC/USDT")
_steps = st.builds(
    lambda digit, exponent: Decimal(digit).scaleb(exponent), st.sampled_from([1, 2, 5]), st.integers(-12, 2)
)


@given(tick=_steps, lot=_steps, least=_steps)
def test_whatever_the_steps_the_engine_counts_them(tick: Decimal, lot: Decimal, least: Decimal) -> None:
    assume(tick >= Decimal("1e-8"))
    given_instrument = spot("BTC/USD", venue_symbol="XXBTZUSD", tick_size=tick, lot_size=lot, min_quantity=least)
    listed = as_listed(given_instrument)
    assert listed.venue_symbol == "BTCUSD" and listed.tick_size == tick
    assert listed.lot_size >= lot and listed.lot_size % lot == 0
    assert listed.min_quantity >= least and listed.min_quantity % listed.lot_size == 0
    assert SymbolSpec.of(listed).lot_atoms > 0


def test_steps_that_fit_stay_as_they_are() -> None:
    assert as_listed(spot()) == spot()


def test_what_cannot_be_traded_on_paper_is_said() -> None:
    with pytest.raises(SettingsError, match="BTC/USDT:USDT: paper trading on another venue is for spot"):
        as_listed(perpetual())
    with pytest.raises(SettingsError, match=r"steps of 1E-10"):
        as_listed(spot(tick_size=Decimal("1e-10")))


def test_an_account_needs_what_the_symbols_are_paid_in() -> None:
    instruments = {BTC: spot(), InstrumentId("ETH/EUR"): spot("ETH/EUR", tick_size=Decimal("1e-10"))}
    assert on_paper(instruments, [BTC], ["USDT"]) == instruments, "what is not traded is left alone"
    with pytest.raises(SettingsError, match=r"simulation\.deposit has no USDT"):
        on_paper(instruments, [BTC], ["EUR"])
