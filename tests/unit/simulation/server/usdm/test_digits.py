from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.usdm.digits import decimals, price, quantity
from tests.unit.instruments import spot

STEPS = st.sampled_from(
    [Decimal(step) for step in ("100", "5", "1", "0.5", "0.25", "0.1", "0.01", "0.001", "0.00000001")]
)


@given(STEPS, st.integers(-(10**9), 10**9))
def test_text_has_the_decimals_of_the_step_and_loses_nothing(tick: Decimal, ticks: int) -> None:
    spec = SymbolSpec.of(spot(tick_size=tick, lot_size=Decimal(1), min_quantity=Decimal(1)))
    text = price(spec, ticks)
    assert Decimal(text) == ticks * tick
    fraction = text.partition(".")[2]
    assert len(fraction) == decimals(spec.tick_atoms) == max(0, -tick.normalize().as_tuple().exponent)
    assert not text.endswith(".")


def test_quantities_have_those_of_the_lot() -> None:
    spec = SymbolSpec.of(spot(lot_size=Decimal("0.001")))
    assert quantity(spec, 14) == "0.014"
