"""Another venue's instruments as the embedded venue can list them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from core.domain.errors import SettingsError
from core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from core.domain.money import Rounding, round_to_step

_FINEST = Decimal("1e-8")
"""What the engine counts prices and quantities in."""
_FINEST_VALUE = Decimal("1e-9")
"""The least tick x lot that it multiplies exactly."""


def on_paper(
    instruments: Mapping[InstrumentId, Instrument], symbols: Iterable[InstrumentId], deposit: Iterable[str]
) -> dict[InstrumentId, Instrument]:
    """`instruments`, those of `symbols` as the embedded venue lists them; the daemon sizes orders by the same steps.

    `deposit`: the assets that a new account starts with. Raises `SettingsError` where paper orders cannot be filled.
    """
    listed = {symbol: as_listed(instruments[symbol]) for symbol in symbols}
    quotes = {each.quote for each in listed.values()}
    if listed and quotes.isdisjoint(deposit):
        wanted = min(quotes)
        raise SettingsError(
            f"simulation.deposit has no {wanted}, which {next(iter(listed))} is paid in: "
            f"say simulation.deposit = {{ {wanted} = 10_000 }}"
        )
    return {**instruments, **listed}


def as_listed(instrument: Instrument) -> Instrument:
    """Named as the embedded venue names it, with a lot as fine as it can count. Raises `SettingsError`."""
    if instrument.kind is not InstrumentKind.SPOT:
        raise SettingsError(f"trading.symbols: {instrument.id}: paper trading on another venue is for spot symbols")
    if instrument.tick_size < _FINEST:
        raise SettingsError(
            f"trading.symbols: {instrument.id}: its prices move in steps of {instrument.tick_size}; "
            f"the paper venue counts none finer than {_FINEST:f}"
        )
    lot = instrument.lot_size
    while lot < _FINEST or lot * instrument.tick_size < _FINEST_VALUE:
        lot *= 10
    least = max(instrument.min_quantity, lot)
    return replace(
        instrument,
        venue_symbol=f"{instrument.base}{instrument.quote}",
        lot_size=lot,
        min_quantity=round_to_step(least, lot, Rounding.UP),
    )
