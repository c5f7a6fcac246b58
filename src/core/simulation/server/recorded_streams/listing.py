"""The instruments that a recording implies: with the exchange's own steps and limits where they were recorded.

Without them, and where a book holds old orders in finer steps than are allowed by now, the steps are those that all
recorded prices and quantities are multiples of.
"""

from dataclasses import replace
from decimal import Decimal
from math import floor, log10
from typing import Any

from core.domain.errors import DataFileError
from core.domain.instruments import Instrument, InstrumentId
from core.domain.symbol_names import split_name
from core.simulation.engine.amounts import ATOMS, to_atoms
from core.simulation.engine.catalogue import spot_instrument
from core.simulation.server.recorded_streams.scan import SymbolFound

_FINEST_STEP = -9
"""Exponent of the finest tick x lot that the engine counts in."""
_WORTH = 100.0
"""In quote: what an implied lot costs at most, however few quantities were recorded."""


def implied_instrument(found: SymbolFound) -> Instrument:
    """A spot instrument, whatever was recorded. Raises `DataFileError` where the name doesn't say base and quote."""
    base, quote = _assets(found)
    if not found.price:
        raise DataFileError(f"{found.name}: the recording holds no price of it")
    filters = {} if found.listed is None else found.listed[2]
    price = found.price / ATOMS
    tick = _recorded_step(filters.get("PRICE_FILTER"), "tickSize", found.price_step)
    if tick is None:
        tick = _step(found.price_step, floor(log10(price)) - 4)
    lot = _recorded_step(filters.get("LOT_SIZE"), "stepSize", found.quantity_step)
    if lot is None:
        lot = _step(found.quantity_step, max(floor(log10(_WORTH / price)), _FINEST_STEP - tick.adjusted()))
    instrument = spot_instrument(InstrumentId(f"{base}/{quote}"), tick, lot, price)
    smallest = _recorded(filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL"), "minNotional", "notional")
    return instrument if smallest is None else replace(instrument, min_notional=smallest)


def _assets(found: SymbolFound) -> tuple[str, str]:
    if found.listed is not None:
        return found.listed[0], found.listed[1]
    parts = split_name(found.name)
    if parts is None:
        raise DataFileError(
            f"{found.name}: the recording doesn't say its base and quote; give the file with the answer of "
            "/exchangeInfo as well"
        )
    return parts


def _recorded_step(filter_: dict[str, Any] | None, name: str, step: int) -> Decimal | None:
    """The exchange's step; `None`: there is none, or what was recorded doesn't keep to it."""
    given = _recorded(filter_, name)
    return given if given and step % to_atoms(given) == 0 else None


def _recorded(filter_: dict[str, Any] | None, *names: str) -> Decimal | None:
    """The first of these amounts that the filter has; `None`: none, or no amount that the engine can count in."""
    text = next((str(filter_[name]) for name in names if name in filter_), "") if filter_ else ""
    try:
        given = Decimal(text)
        return given.normalize() if to_atoms(given) >= 0 else None
    except (ArithmeticError, ValueError):
        return None


def _step(atoms: int, coarsest: int) -> Decimal:
    """The largest power of ten that divides `atoms`, no more than 10 to the `coarsest`; at least an atom."""
    exponent = -8
    while exponent < coarsest and atoms % 10 ** (exponent + 9) == 0:
        exponent += 1
    return Decimal(1).scaleb(exponent)
