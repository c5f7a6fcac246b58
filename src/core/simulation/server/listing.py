"""What a forwarded venue lists, and from when its time runs: handed over in a file by the daemon that starts it."""

import re
from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec

from core.domain.instruments import Instrument, InstrumentId
from core.runtime.durable_files import make_folder, write_durably
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.doors import VenueStartError


class ForwardedListing(msgspec.Struct, frozen=True):
    source: str
    """Whose market this is; each has books of its own."""
    instruments: tuple[Instrument, ...]
    monotonic_ns: int
    """When the other venue's clock showed `venue_ns`: by the machine's monotonic clock, which processes share."""
    venue_ns: int

    def venue_time_ns(self, monotonic_ns: int, speed: float) -> int:
        return self.venue_ns + int((monotonic_ns - self.monotonic_ns) * speed)

    @property
    def folder_name(self) -> str:
        return "forwarded-" + re.sub(r"[^A-Za-z0-9_.-]", "_", self.source)


def write_listing(listing: ForwardedListing, file: Path) -> None:
    """Whole or not at all. Raises `VenueStartError`."""
    try:
        make_folder(file.parent)
        write_durably(file, msgspec.json.encode(listing), mode=0o600)
    except OSError as error:
        raise VenueStartError(f"the paper venue's listing {file} can't be written: {error.strerror or error}") from None


def read_listing(file: Path) -> ForwardedListing:
    """Raises `VenueStartError`."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=ForwardedListing)
    except (OSError, msgspec.DecodeError) as error:
        raise VenueStartError(f"the paper venue's listing {file} can't be read: {error}") from None


def encode_instruments(specs: Iterable[SymbolSpec]) -> str:
    """What `all_listed` takes as `stored`."""
    return msgspec.json.encode({spec.instrument.id: spec.instrument for spec in specs}).decode()


def all_listed(
    listing: ForwardedListing, stored: str | None, wanted: Collection[InstrumentId], traded: Collection[str]
) -> dict[InstrumentId, Instrument]:
    """The instruments of `wanted`: as listed now or, for those that are listed no more, as they were `stored`.

    Raises `VenueStartError` where the steps of one that was `traded` (the venue's symbols) have changed since: its
    orders and trades are kept in the old ones.
    """
    now = {instrument.id: instrument for instrument in listing.instruments}
    before = {} if stored is None else msgspec.json.decode(stored, type=dict[InstrumentId, Instrument])
    found = {symbol: now.get(symbol) or before[symbol] for symbol in wanted if symbol in now or symbol in before}
    for symbol, instrument in found.items():
        old = before.get(symbol, instrument) if instrument.venue_symbol in traded else instrument
        if (old.tick_size, old.lot_size) != (instrument.tick_size, instrument.lot_size):
            raise VenueStartError(
                f"{symbol}: {listing.source} has changed its steps from tick {old.tick_size}, lot {old.lot_size} to "
                f"tick {instrument.tick_size}, lot {instrument.lot_size}, and the paper books count in the old ones. "
                f"Move the folder {listing.folder_name} of the paper venue's data away to begin new ones."
            )
    return found
