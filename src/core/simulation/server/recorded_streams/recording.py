"""A recording of an exchange's streams that has been checked and can be played."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.domain.instruments import Instrument
from core.simulation.engine.amounts import to_atoms
from core.simulation.engine.recorded_events import BestQuoted, BookStarted, LevelsChanged, Recorded, TradeRecorded
from core.simulation.engine.series import MOST, ROW, Rows
from core.simulation.server.recorded_streams.listing import implied_instrument
from core.simulation.server.recorded_streams.messages import Levels, Print
from core.simulation.server.recorded_streams.scan import Player, Scan, scan

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Recording:
    """Files that belong together: streams, answers to requests, any number of symbols."""

    paths: tuple[Path, ...]
    found: Scan
    instruments: Mapping[str, Instrument]
    """By the venue's symbol."""

    @classmethod
    def check(cls, paths: Iterable[Path]) -> "Recording":
        """Read all of it once. Raises `DataFileError` naming file and line for whatever can't be played."""
        paths = tuple(paths)
        found = scan(paths)
        return cls(paths, found, {name: implied_instrument(symbol) for name, symbol in found.symbols.items()})

    @property
    def start_ns(self) -> int:
        return self.found.start_ns

    @property
    def ends_ns(self) -> dict[str, int]:
        """Time of the last event, by the listed symbol."""
        return {self.instruments[name].venue_symbol: symbol.end_ns for name, symbol in self.found.symbols.items()}

    def events(self) -> Iterator[Recorded]:
        """Read it again, in the instruments' steps. Raises `DataFileError` if the files have changed since."""
        scales = {name: _Scale(each) for name, each in self.instruments.items()}
        unplayed = {name: not symbol.plays_aggregates for name, symbol in self.found.symbols.items()}
        for event, message in Player(self.paths, self.found.clock_ns).play():
            scale = scales.get(event.symbol)
            if scale is None:
                raise message.line.error(f"{event.symbol} was not in the file when it was checked; it has changed")
            if not (isinstance(message, Print) and message.is_aggregate is unplayed[event.symbol]):
                yield scale.of(event)

    def minutes_before(self, end_ns: int) -> dict[str, Rows]:
        """One-minute candles of the recorded trades before `end_ns`, by the listed symbol, in steps."""
        minutes: dict[str, dict[int, list[int]]] = {each.venue_symbol: {} for each in self.instruments.values()}
        for event in self.events() if end_ns > self.start_ns else ():
            if event.time_ns >= end_ns:
                break
            if isinstance(event, TradeRecorded):
                open_ms = event.time_ns // 1_000_000 // _MINUTE_MS * _MINUTE_MS
                _fold(minutes[event.symbol], open_ms, event)
        return {
            name: np.array([[open_ms, *row] for open_ms, row in rows.items()], dtype=np.int64).reshape(-1, ROW)
            for name, rows in minutes.items()
        }


class _Scale:
    """From atoms to ticks and lots."""

    def __init__(self, instrument: Instrument) -> None:
        self._name = instrument.venue_symbol
        self._tick = to_atoms(instrument.tick_size)
        self._lot = to_atoms(instrument.lot_size)

    def of(self, event: Recorded) -> Recorded:
        name, tick, lot = self._name, self._tick, self._lot
        if isinstance(event, BestQuoted):
            prices = event.bid // tick, event.bid_lots // lot, event.ask // tick, event.ask_lots // lot
            return BestQuoted(name, event.time_ns, event.update_id, *prices)
        if isinstance(event, TradeRecorded):
            return TradeRecorded(name, event.time_ns, event.price // tick, event.lots // lot, event.buyer_is_maker)
        kind = BookStarted if isinstance(event, BookStarted) else LevelsChanged
        return kind(name, event.time_ns, event.update_id, self._levels(event.bids), self._levels(event.asks))

    def _levels(self, levels: Levels) -> Levels:
        tick, lot = self._tick, self._lot
        return tuple([(price // tick, quantity // lot) for price, quantity in levels])


def _fold(rows: dict[int, list[int]], open_ms: int, trade: TradeRecorded) -> None:
    """Into a candle's row, its time left out."""
    price, steps = trade.price, trade.price * trade.lots
    row = rows.setdefault(open_ms, [price, price, price, price, 0, 0, 0, 0, 0])
    row[1], row[2], row[3] = max(row[1], price), min(row[2], price), price
    row[4] = min(row[4] + trade.lots, MOST)
    row[5] = min(row[5] + steps, MOST)
    row[6] += 1
    if not trade.buyer_is_maker:
        row[7] = min(row[7] + trade.lots, MOST)
        row[8] = min(row[8] + steps, MOST)
