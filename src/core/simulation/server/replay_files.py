"""The venue that plays the files of `simulation.replay_files`: recorded streams, or recorded candles."""

import bisect
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from core.domain.candles import Candle
from core.domain.errors import SettingsError
from core.domain.instruments import Instrument, InstrumentId
from core.runtime.recorded_lines import is_recording
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.intervals import LENGTH_MS, Interval
from core.simulation.engine.recorded import RecordedHistory, interval_of, table, to_rows
from core.simulation.engine.recorded_book import recorded_book_venue
from core.simulation.engine.replay import replay_venue
from core.simulation.engine.series import Rows
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.venue import Venue
from core.simulation.server.candle_files import read_candle_files
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.recorded_streams.recording import Recording

HISTORY_CANDLES = 500
"""Of recorded candles, before their play begins."""
_MINUTE_MS = 60_000

_log = structlog.get_logger(__name__)


def build_replay(
    paths: Sequence[Path], *, fees: FeeSchedule, seed: int, messages_per_s: float, played_ns: int
) -> Venue:
    """The venue, at the time its play begins. `played_ns`: what earlier runs have played already (UTC ns of venue
    time). Files are told apart by what is in them. Raises `DataFileError`, or `SettingsError` for files that don't go
    together."""
    streams = [path for path in paths if is_recording(path)]
    candles = read_candle_files(path for path in paths if path not in streams)
    if streams:
        return _streams(Recording.check(streams), candles, fees=fees, played_ns=played_ns)
    unplayed = {symbol: _not_yet_played(rows, played_ns // NS_PER_MS) for symbol, rows in candles.items()}
    return replay_venue(unplayed, fees=fees, seed=seed, messages_per_s=messages_per_s, history_candles=HISTORY_CANDLES)


def _streams(
    recording: Recording, candles: Mapping[InstrumentId, Sequence[Candle]], *, fees: FeeSchedule, played_ns: int
) -> Venue:
    """Candles of the recording's symbols are the history before it."""
    instruments = {each.id: each for each in recording.instruments.values()}
    for symbol in candles:
        if symbol not in instruments:
            raise SettingsError(
                f"simulation.replay_files: {symbol} has a candle file beside recorded streams of "
                f"{', '.join(instruments)}; streams and candles of different symbols can't play together"
            )
    start_ns = max(recording.start_ns, played_ns)
    minutes = recording.minutes_before(start_ns)
    parts = {
        each.venue_symbol: [
            *_history(each, candles.get(each.id, ()), recording.start_ns // NS_PER_MS),
            (Interval.M1, minutes[each.venue_symbol]),
        ]
        for each in instruments.values()
    }
    _log.info(
        "recording_checked",
        symbols=list(instruments),
        events=recording.found.n_events,
        seconds=round((max(recording.ends_ns.values()) - recording.start_ns) / 1e9, 1),
        clock_ahead_s=round(recording.found.clock_ns / 1e9, 3),
        late_quotes=recording.found.n_late_quotes,
    )
    return recorded_book_venue(
        instruments.values(),
        recording.events(),
        fees=fees,
        start_ns=start_ns,
        ends_ns=recording.ends_ns,
        history=RecordedHistory(parts),
    )


def _history(instrument: Instrument, candles: Sequence[Candle], start_ms: int) -> list[tuple[Interval, Rows]]:
    """The candles that end before the minute in which the recording begins."""
    if not candles:
        return []
    rows = table(candles)
    interval = interval_of(instrument.id, rows)
    ended = rows[rows[:, 0] + LENGTH_MS[interval] <= start_ms - start_ms % _MINUTE_MS]
    return [(interval, to_rows(SymbolSpec.of(instrument), ended))] if len(ended) else []


def _not_yet_played(candles: list[Candle], played_ms: int) -> list[Candle]:
    """The candles after `played_ms` and as many before it as make the history of a fresh start."""
    first = bisect.bisect_right(candles, played_ms, key=lambda candle: candle.open_ms) - 1
    return candles[max(0, min(first - HISTORY_CANDLES, len(candles) - 2 * HISTORY_CANDLES)) :]
