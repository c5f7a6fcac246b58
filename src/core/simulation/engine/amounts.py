"""Money as integers: one atom is 1e-8 of any asset, the precision Binance keeps its balances in."""

from decimal import Decimal

ATOMS = 100_000_000
"""Atoms in one unit of an asset."""

_ATOMS_DECIMAL = Decimal(ATOMS)


def to_atoms(amount: Decimal) -> int:
    """`amount` in atoms. Raises ValueError when it is not finite or finer than one atom."""
    if not amount.is_finite():
        raise ValueError(f"not a finite amount: {amount}")
    scaled = amount * _ATOMS_DECIMAL
    atoms = int(scaled)
    if scaled != atoms:
        raise ValueError(f"finer than 1e-8: {amount}")
    return atoms


def to_decimal(atoms: int) -> Decimal:
    """Atoms as an exact Decimal with eight decimals."""
    return Decimal(atoms).scaleb(-8)


def text(atoms: int) -> str:
    """Atoms as Binance writes amounts: `text(150_000_000) == "1.50000000"`."""
    if atoms < 0:
        return "-" + text(-atoms)
    return f"{atoms // ATOMS}.{atoms % ATOMS:08d}"
