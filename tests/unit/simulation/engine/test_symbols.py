from decimal import Decimal

import pytest

from core.simulation.engine.symbols import SymbolSpec
from tests.unit.instruments import spot


def test_steps_and_limits_become_integers() -> None:
    spec = SymbolSpec.of(spot(max_notional=Decimal(9_000_000), market_max_quantity=Decimal(100)))
    assert (spec.tick_atoms, spec.lot_atoms) == (1_000_000, 1_000)
    assert spec.max_quantity == 900_000_000
    assert spec.market_max_quantity == 10_000_000
    assert spec.min_notional == 500_000_000
    assert spec.price_text(6_000_001) == "60000.01000000"
    assert spec.quantity_text(123) == "0.00123000"
    assert spec.notional(6_000_000, 100_000) == 60_000 * 100_000_000
    assert spec.steps_text(6_000_000 * 100_000) == "60000.00000000"


def test_notional_finer_than_an_atom_is_rounded_down_for_payment_and_up_for_locks() -> None:
    spec = SymbolSpec.of(spot("ETH/BTC", tick_size=Decimal("0.00001"), lot_size=Decimal("0.0001")))
    assert spec.notional(5_123, 7) == 3586  # 0.05123 x 0.0007 = 0.000035861
    assert spec.notional_up(5_123, 7) == 3587
    assert spec.notional(5_000, 10) == spec.notional_up(5_000, 10) == 5_000


@pytest.mark.parametrize(
    "steps",
    [
        {"tick_size": Decimal("0.00000001"), "lot_size": Decimal("0.01")},
        {"tick_size": Decimal("0.000000001")},
        {"lot_size": Decimal(0)},
    ],
)
def test_steps_too_fine_for_the_engine_are_refused_by_name(steps: dict[str, Decimal]) -> None:
    with pytest.raises(ValueError, match=r"BTCUSDT|finer"):
        SymbolSpec.of(spot(**steps))
