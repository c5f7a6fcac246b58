from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.errors import SettingsError
from core.domain.instruments import InstrumentId
from core.settings.simulation import SimulationSettings
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.books import Books
from core.simulation.server.doors import VenueStartError
from core.simulation.server.listing import (
    ForwardedListing,
    all_listed,
    encode_instruments,
    read_listing,
    write_listing,
)
from core.simulation.server.resume import resume
from core.simulation.server.venue_market import build_venue
from tests.unit.instruments import spot

BTC, ETH = InstrumentId("BTC/USDT"), InstrumentId("ETH/USDT")


def listing(*instruments: object, source: str = "binance") -> ForwardedListing:
    return ForwardedListing(source, instruments or (spot(),), 1_000, 5_000)


def test_it_survives_the_way_through_a_file(tmp_path: Path) -> None:
    file = tmp_path / "new" / "listing.json"
    written = listing(spot(price_band_up=Decimal("1.5"), max_quantity=None), spot("ETH/USDT"))
    write_listing(written, file)
    assert read_listing(file) == written
    assert [each.name for each in file.parent.iterdir()] == ["listing.json"]


def test_a_file_that_cannot_be_written_or_read_is_named(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")
    with pytest.raises(VenueStartError, match=r"listing .*file/listing\.json can't be written"):
        write_listing(listing(), in_the_way / "listing.json")
    with pytest.raises(VenueStartError, match=r"listing .*file can't be read: JSON is malformed"):
        read_listing(in_the_way)
    with pytest.raises(VenueStartError, match="can't be read"):
        read_listing(tmp_path / "absent")


def test_time_runs_on_from_the_anchor_at_the_venues_speed() -> None:
    assert listing().venue_time_ns(1_000, 20) == 5_000
    assert listing().venue_time_ns(1_100, 20) == 7_000


def test_each_source_has_a_folder_of_its_own() -> None:
    assert listing().folder_name == "forwarded-binance"
    assert listing(source="binance-127.0.0.1:18080").folder_name == "forwarded-binance-127.0.0.1_18080"


def test_what_was_traded_once_stays_listed() -> None:
    stored = encode_instruments([SymbolSpec.of(spot()), SymbolSpec.of(spot("ETH/USDT"))])
    found = all_listed(listing(spot()), stored, (BTC, ETH, InstrumentId("SOL/USDT")), ["ETHUSDT"])
    assert found == {BTC: spot(), ETH: spot("ETH/USDT")}


def test_changed_steps_are_taken_over_where_nothing_was_traded() -> None:
    finer = spot(tick_size=Decimal("0.001"))
    stored = encode_instruments([SymbolSpec.of(spot())])
    assert all_listed(listing(finer), stored, (BTC,), [])[BTC] == finer
    assert all_listed(listing(finer), None, (BTC,), ["BTCUSDT"])[BTC] == finer


def test_changed_steps_of_a_traded_symbol_are_refused_in_words() -> None:
    stored = encode_instruments([SymbolSpec.of(spot())])
    with pytest.raises(
        VenueStartError, match=r"BTC/USDT: binance has changed its steps from tick 0\.01.*to tick 0\.001"
    ):
        all_listed(listing(spot(tick_size=Decimal("0.001"))), stored, (BTC,), ["BTCUSDT"])


def test_without_a_daemon_there_is_no_market_to_forward(tmp_path: Path) -> None:
    books = Books(tmp_path / "venue.sqlite")
    try:
        with pytest.raises(SettingsError, match=r'simulation\.market = "forwarded" needs a daemon'):
            build_venue(SimulationSettings(market="forwarded"), resume(books, 7, [BTC]), 0)
    finally:
        books.close()
