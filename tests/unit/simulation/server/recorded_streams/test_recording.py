"""What a recording plays: made-up ones for each trap, and real ones message by message."""

import gzip
import itertools
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.intervals import Interval
from core.simulation.engine.recorded_book import recorded_book_venue
from core.simulation.engine.recorded_events import BestQuoted, BookStarted, LevelsChanged, Recorded, TradeRecorded
from core.simulation.engine.venue import Venue
from core.simulation.engine.views import Best
from core.simulation.server.recorded_streams.recording import Recording
from tests.unit.simulation.server.recorded_streams.files import (
    EXCHANGE_MS,
    GOOD,
    LOCAL_NS,
    NAMES,
    SPOT,
    aggregate,
    cryptofeed,
    diff,
    quote,
    snapshot,
    text,
    trade,
    write,
    write_gzip,
)

MS = 1_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "btcusdt.txt"


def kinds(recording: Recording) -> list[str]:
    return [type(event).__name__ for event in recording.events()]


def venue_of(recording: Recording, events: Iterator[Recorded] | None = None) -> Venue:
    return recorded_book_venue(
        recording.instruments.values(),
        recording.events() if events is None else events,
        fees=FeeSchedule(),
        start_ns=recording.start_ns,
        ends_ns=recording.ends_ns,
    )


# Made-up recordings


def test_plain_and_gzipped_files_play_alike(tmp_path: Path) -> None:
    plain, zipped = write(tmp_path / "a", GOOD), write_gzip(tmp_path / "b", GOOD)
    assert list(Recording.check([plain]).events()) == list(Recording.check([zipped]).events())


def test_changes_wait_for_the_snapshot_that_comes_after_them(file: Path) -> None:
    recording = Recording.check(
        [write(file, [diff(5, 6), diff(7, 12, [["98.00", "2.000"]]), diff(13, 13), snapshot(10), diff(14, 15, ms=9)])]
    )
    assert kinds(recording) == ["BookStarted", "LevelsChanged", "LevelsChanged", "LevelsChanged"]
    assert [event.update_id for event in recording.events() if not isinstance(event, TradeRecorded)] == [10, 12, 13, 15]


def test_a_snapshot_that_is_too_old_is_passed_over_for_a_later_one(file: Path) -> None:
    recording = Recording.check([write(file, [diff(8, 9), snapshot(5), diff(10, 12), snapshot(11)])])
    assert kinds(recording) == ["BookStarted", "LevelsChanged"]


def test_a_quote_that_a_change_has_overtaken_goes_back_before_it(file: Path) -> None:
    recording = Recording.check(
        [
            write(
                file,
                [diff(1, 5), snapshot(4), quote(6), diff(6, 9, ms=5), trade(1, ms=5), quote(8, "98.00"), quote(11)],
            )
        ]
    )
    played = [event.update_id for event in recording.events() if isinstance(event, BestQuoted | LevelsChanged)]
    assert played == [5, 6, 8, 9, 11]
    assert recording.found.n_late_quotes == 0


def test_one_that_comes_too_late_for_that_is_not_played(file: Path) -> None:
    file.write_text(text([diff(1, 5), snapshot(4), diff(6, 9), quote(8)], step_ms=21))
    recording = Recording.check([file])
    assert "BestQuoted" not in kinds(recording)
    assert recording.found.n_late_quotes == 1


def test_the_local_clock_may_be_wrong(file: Path) -> None:
    recording = Recording.check([write(file, [trade(1), quote(5), trade(2, ms=1), quote(6), trade(3, ms=90)])])
    times = [(event.time_ns - EXCHANGE_MS * MS) / MS for event in recording.events()]
    assert recording.found.clock_ns == EXCHANGE_MS * MS - LOCAL_NS + (90 - 4) * MS
    assert times == [0, 1, 1, 89, 90], "a quote bears no time: its receipt, no later than what follows it"


def test_times_never_go_back(file: Path) -> None:
    recording = Recording.check([write(file, [trade(1, ms=50), trade(2, ms=20), trade(3, ms=60)])])
    assert [event.time_ns - EXCHANGE_MS * MS for event in recording.events()] == [50 * MS, 50 * MS, 60 * MS]


def test_single_trades_are_preferred_to_aggregates(file: Path) -> None:
    both = Recording.check([write(file, [trade(1), aggregate(1), trade(2)])])
    assert len(list(both.events())) == 2
    alone = Recording.check([write(file, [aggregate(1), aggregate(2)])])
    assert len(list(alone.events())) == 2


def test_trades_without_price_or_quantity_and_other_streams_are_passed_over(file: Path) -> None:
    other = {"stream": "btcusdt@kline_1m", "data": {"e": "kline"}}
    levels = {"stream": "btcusdt@depth20@100ms", "data": {"lastUpdateId": 5, "bids": [], "asks": []}}
    recording = Recording.check([write(file, [other, levels, trade(1), trade(2, "0", "0", X="NA"), {"result": None}])])
    assert kinds(recording) == ["TradeRecorded"]


def test_streams_that_were_recorded_one_by_one(file: Path) -> None:
    recording = Recording.check([write(file, [message.get("data", message) for message in GOOD])])
    assert kinds(recording) == kinds(Recording.check([write(file, GOOD)]))


def test_steps_are_those_that_all_prices_and_quantities_keep_to(file: Path) -> None:
    (instrument,) = Recording.check([write(file, GOOD)]).instruments.values()
    assert (instrument.id, instrument.tick_size, instrument.lot_size) == ("BTC/USDT", Decimal("0.01"), Decimal("0.1"))
    finer = [*GOOD, trade(3, "101.015", "0.00250", ms=200)]
    (instrument,) = Recording.check([write(file, finer)]).instruments.values()
    assert (instrument.tick_size, instrument.lot_size) == (Decimal("0.001"), Decimal("0.0001"))


def test_its_trades_make_the_minutes_before_a_time(file: Path) -> None:
    trades = [trade(1, "101.00"), trade(2, "99.00", ms=1), trade(3, "100.00", ms=60_000, m=True), trade(4, ms=120_000)]
    recording = Recording.check([write(file, trades)])
    rows = recording.minutes_before((EXCHANGE_MS + 120_000) * MS)["BTCUSDT"]
    assert [row[1:6] for row in rows.tolist()] == [
        [10_100, 10_100, 9_900, 9_900, 10],
        [10_000, 10_000, 10_000, 10_000, 5],
    ]
    assert len(recording.minutes_before(recording.start_ns)["BTCUSDT"]) == 0


# Real ones


def cases(folder: Path) -> dict[str, list[Path]]:
    return {name: [folder / file] for file, name in NAMES.items()} | {
        name: cryptofeed(folder, name) for name in ("BINANCE", "BINANCE_FUTURES")
    }


class Believed:
    """The recorded best bid and ask of one symbol, worked out without the engine: dictionaries and two ids."""

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.quote: BestQuoted | None = None

    def after(self, event: BookStarted | LevelsChanged | BestQuoted) -> tuple[int, int, int, int]:
        if isinstance(event, BestQuoted):
            self.quote = event
            return event.bid, event.bid_lots, event.ask, event.ask_lots
        if isinstance(event, BookStarted):
            self.bids, self.asks = {}, {}
        for side, levels in ((self.bids, event.bids), (self.asks, event.asks)):
            side.update(levels)
            for price in [price for price, lots in levels if not lots]:
                del side[price]
        quote = self.quote
        if quote is not None and quote.update_id > event.update_id:
            return quote.bid, quote.bid_lots, quote.ask, quote.ask_lots
        bid, ask = max(self.bids, default=0), min(self.asks, default=0)
        return bid, self.bids.get(bid, 0), ask, self.asks.get(ask, 0)


def shown(best: Best) -> tuple[int, int, int, int]:
    return best.bid, best.bid_quantity, best.ask, best.ask_quantity


def proven_updates(recording: Recording, most: int | None = None) -> int:
    """Play event by event and compare after each; how many updates of the book there were."""
    start_ns = recording.start_ns
    # Many events share a time; a microsecond apart each can be looked at alone.
    events = [
        msgspec.structs.replace(event, time_ns=start_ns + index * 1_000)
        for index, event in enumerate(itertools.islice(recording.events(), most))
    ]
    venue = venue_of(recording, iter(events))
    believed = {event.symbol: Believed() for event in events}
    n_updates = 0
    for event in events:
        venue.market.advance(event.time_ns)
        if not isinstance(event, TradeRecorded):
            n_updates += 1
            assert shown(venue.exchange.best(event.symbol)) == believed[event.symbol].after(event), event
    return n_updates


@pytest.mark.parametrize(("name", "updates"), [("BINANCE", 260), ("BINANCE_FUTURES", 1_364)])
def test_best_bid_and_ask_are_the_recorded_ones_at_every_update(recorded_data: Path, name: str, updates: int) -> None:
    assert proven_updates(Recording.check(cases(recorded_data)[name])) == updates


@pytest.fixture(scope="module")
def spot_piece(recorded_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 3,000 lines of the spot recording."""
    file = tmp_path_factory.mktemp("piece") / "btcusdt.txt"
    with gzip.open(recorded_data / SPOT) as lines:
        file.write_bytes(b"".join(itertools.islice(lines, 3_000)))
    return file


def test_so_they_are_in_a_piece_of_a_long_recording(spot_piece: Path) -> None:
    assert proven_updates(Recording.check([spot_piece])) > 2_000


@pytest.mark.slow
@pytest.mark.parametrize(("name", "updates"), [("spot", 31_490), ("usdm", 72_637)])
def test_so_they_are_in_long_recordings(recorded_data: Path, name: str, updates: int) -> None:
    """31,491 and 72,640 messages, some of which wait for the snapshot or are in it already; no quote is left out."""
    recording = Recording.check(cases(recorded_data)[name])
    assert recording.found.n_late_quotes == 0
    assert proven_updates(recording) == updates


def test_the_traps_of_the_spot_recording(spot_piece: Path) -> None:
    recording = Recording.check([spot_piece])
    played = list(recording.events())
    assert 1.26e9 < recording.found.clock_ns < 1.28e9, "the recorder's clock was behind"
    assert recording.start_ns == 1_723_161_255_342 * MS
    snapshot_at = next(index for index, event in enumerate(played) if isinstance(event, BookStarted))
    assert not any(isinstance(event, LevelsChanged) for event in played[:snapshot_at])
    following = played[snapshot_at + 1]
    assert isinstance(following, LevelsChanged)
    assert following.update_id == 50_093_239_224, "of the changes before the snapshot it has all but the last"
    assert following.time_ns == played[snapshot_at].time_ns


def test_candles_are_those_of_the_recorded_trades(spot_piece: Path) -> None:
    recording = Recording.check([spot_piece])
    venue = venue_of(recording)
    venue.market.advance(recording.ends_ns["BTCUSDT"])
    (candle, *_), lots = venue.exchange.candles("BTCUSDT", Interval.M1), recorded_minute(spot_piece, recording)
    assert (candle.open, candle.high, candle.low, candle.close, candle.volume, candle.n_trades) == lots


def recorded_minute(file: Path, recording: Recording) -> tuple[int, ...]:
    """Open, high, low, close, lots and number of the trades of the recording's first minute, by their own times."""
    (instrument,) = recording.instruments.values()
    prices, lots = [], []
    for line in file.read_text().splitlines():
        data = json.loads(line.partition(" ")[2]).get("data", {})
        if data.get("e") == "trade" and data["T"] // 60_000 == recording.start_ns // 60_000_000_000:
            prices.append(int(Decimal(data["p"]) / instrument.tick_size))
            lots.append(int(Decimal(data["q"]) / instrument.lot_size))
    return prices[0], max(prices), min(prices), prices[-1], sum(lots), len(lots)


def test_steps_come_from_the_recorded_list_of_symbols(recorded_data: Path) -> None:
    recording = Recording.check(cases(recorded_data)["BINANCE"])
    steps = {each.id: (each.tick_size, each.lot_size, each.min_notional) for each in recording.instruments.values()}
    assert steps == {
        # The list says 0.0001 and 1, but the book still has orders from before these were made coarser.
        "NKN/USDT": (Decimal("0.00001"), Decimal("0.1"), Decimal(10)),
        "BLZ/ETH": (Decimal("0.00000001"), Decimal(1), Decimal("0.005")),
        "LRC/BTC": (Decimal("0.00000001"), Decimal(1), Decimal("0.0001")),
        "RUNE/EUR": (Decimal("0.001"), Decimal("0.1"), Decimal(10)),
    }
