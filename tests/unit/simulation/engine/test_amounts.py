from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.simulation.engine.amounts import text, to_atoms, to_decimal


@given(st.integers(-(10**18), 10**18))
def test_atoms_survive_the_way_through_decimal_and_text(atoms: int) -> None:
    assert to_atoms(to_decimal(atoms)) == atoms
    assert Decimal(text(atoms)) == to_decimal(atoms)


def test_text_has_eight_decimals() -> None:
    assert [text(1), text(-150_000_000), text(0)] == ["0.00000001", "-1.50000000", "0.00000000"]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "0.000000001"])
def test_amounts_without_atoms_are_refused(amount: str) -> None:
    with pytest.raises(ValueError, match=r"finite|finer"):
        to_atoms(Decimal(amount))
