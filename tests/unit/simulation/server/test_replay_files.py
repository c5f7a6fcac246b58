"""Which files play together, and what a venue knows of the time before it begins."""

from pathlib import Path

import pytest

from core.domain.errors import DataFileError, SettingsError
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.intervals import Interval
from core.simulation.engine.venue import Venue
from core.simulation.server.replay_files import build_replay
from tests.unit.simulation.server.recorded_streams.files import EXCHANGE_MS, quote, text, trade

MINUTE_MS = 60_000
FIRST_MS = EXCHANGE_MS - EXCHANGE_MS % MINUTE_MS
"""When the recording's first minute begins."""


def replay(*paths: Path, played_ms: int = 0) -> Venue:
    return build_replay(paths, fees=FeeSchedule(), seed=1, messages_per_s=1, played_ns=played_ms * 1_000_000)


def streams(file: Path) -> Path:
    """A trade and a quote every 30 s, five minutes long, the price rising by 1 each time."""
    messages = [
        message
        for n in range(10)
        for message in (
            trade(n + 1, f"{100 + n}.00", ms=n * 30_000),
            quote(n + 1, f"{99 + n}.00", f"{101 + n}.00", E=EXCHANGE_MS + n * 30_000),
        )
    ]
    file.write_text(text(messages))
    return file


def candles(file: Path, n_before: int) -> Path:
    """One-minute candles from `n_before` minutes before the recording on, some beyond its beginning."""
    rows = (f"{FIRST_MS + n * MINUTE_MS},90,95,85,92,{n + 200}" for n in range(-n_before, 3))
    file.write_text("timestamp,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    return file


def closes(venue: Venue) -> dict[int, int]:
    """By minutes since the recording's first."""
    spec = venue.exchange.symbols["BTCUSDT"]
    return {
        (candle.open_ms - FIRST_MS) // MINUTE_MS: round(spec.price_float(candle.close))
        for candle in venue.exchange.candles("BTCUSDT", Interval.M1)
    }


def test_streams_alone_have_no_history(tmp_path: Path) -> None:
    assert closes(replay(streams(tmp_path / "any.txt"))) == {}


def test_a_candle_file_beside_them_is_the_history_up_to_their_first_minute(tmp_path: Path) -> None:
    venue = replay(candles(tmp_path / "BTC-USDT-1m.csv", 3), streams(tmp_path / "any.txt"))
    assert closes(venue) == {-3: 92, -2: 92, -1: 92, 0: 92}, "the last one is forming, at the last price"


def test_a_later_start_knows_what_has_been_played(tmp_path: Path) -> None:
    files = candles(tmp_path / "BTC-USDT-1m.csv", 2), streams(tmp_path / "any.txt")
    venue = replay(*files, played_ms=FIRST_MS + 2 * MINUTE_MS + 45_000)
    assert closes(venue) == {-2: 92, -1: 92, 0: 101, 1: 103, 2: 103}
    venue.market.advance(venue.start_ns)
    assert venue.exchange.best("BTCUSDT").bid == 10_300
    events = venue.market.advance(venue.ends_ns["BTCUSDT"])
    assert closes(venue)[4] == 109
    assert events


def test_after_the_end_all_stands_still(tmp_path: Path) -> None:
    venue = replay(streams(tmp_path / "any.txt"), played_ms=FIRST_MS + 100 * MINUTE_MS)
    venue.market.advance(venue.start_ns + MINUTE_MS * 1_000_000)
    best = venue.exchange.best("BTCUSDT")
    assert (best.bid, best.ask) == (10_800, 11_000)


def test_candles_of_another_symbol_do_not_go_with_them(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ETH/USDT has a candle file beside recorded streams of BTC/USDT"):
        replay(streams(tmp_path / "any.txt"), candles(tmp_path / "ETH-USDT-1m.csv", 3))


def test_steps_too_fine_for_the_engine_are_said(tmp_path: Path) -> None:
    file = tmp_path / "any.txt"
    file.write_text(text([trade(1, "0.00000001", "0.00000001")]))
    with pytest.raises(DataFileError, match="can't be played: BTCUSDT: tick x lot is"):
        replay(file)
