"""Prices and quantities with as many decimals as the symbol's steps have, as futures spell them."""

from functools import cache

from core.simulation.engine.amounts import ATOMS
from core.simulation.engine.symbols import SymbolSpec

_ATOM_DECIMALS = 8


def price(spec: SymbolSpec, ticks: int) -> str:
    return spec.price_text(ticks)[: _end(spec.tick_atoms)]


def quantity(spec: SymbolSpec, lots: int) -> str:
    return spec.quantity_text(lots)[: _end(spec.lot_atoms)]


@cache
def decimals(step_atoms: int) -> int:
    """How many decimals multiples of a step have, at most eight."""
    found = 0
    while step_atoms * 10**found % ATOMS:
        found += 1
    return found


@cache
def _end(step_atoms: int) -> int | None:
    """Where text with eight decimals is cut; `None`: nowhere."""
    kept = decimals(step_atoms)
    if kept == _ATOM_DECIMALS:
        return None
    return kept - _ATOM_DECIMALS if kept else -_ATOM_DECIMALS - 1
