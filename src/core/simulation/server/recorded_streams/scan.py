"""Reads a whole recording once: proves that it can be played, and finds what it holds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import gcd
from pathlib import Path
from typing import Any

from core.domain.errors import DataFileError
from core.runtime.recorded_lines import read_lines
from core.simulation.engine.recorded_depth import RecordedDepth
from core.simulation.engine.recorded_events import BestQuoted, Recorded, TradeRecorded
from core.simulation.server.recorded_streams.messages import (
    DepthDiff,
    DepthSnapshot,
    Message,
    Print,
    Quote,
    SymbolList,
    read_message,
)
from core.simulation.server.recorded_streams.playing import PlayingTimes, in_order
from core.simulation.server.recorded_streams.sequence import BookSequence


@dataclass(slots=True)
class SymbolFound:
    """What a recording says of one symbol; prices and quantities in atoms, times in UTC ns of the exchange."""

    name: str
    price_step: int = 0
    """What all prices are multiples of."""
    quantity_step: int = 0
    end_ns: int = 0
    """Time of the last event."""
    price: int = 0
    """The last one seen; 0: none."""
    n_trades: int = 0
    n_aggregates: int = 0
    listed: tuple[str, str, dict[str, dict[str, Any]]] | None = None
    """Base, quote and filters, where the recording has the exchange's list of symbols."""
    _depth: RecordedDepth = field(default_factory=RecordedDepth)

    @property
    def plays_aggregates(self) -> bool:
        """Where single trades were recorded too, the aggregates would say the same again."""
        return not self.n_trades

    def see(self, event: Recorded) -> bool:
        """False: the book is crossed after it."""
        self.end_ns = event.time_ns
        if isinstance(event, TradeRecorded):
            self._steps(((event.price, event.lots),))
            return True
        if isinstance(event, BestQuoted):
            self._steps(((event.bid, event.bid_lots), (event.ask, event.ask_lots)))
        else:
            self._steps(event.bids)
            self._steps(event.asks)
        self._depth.apply(event)
        return not self._depth.is_crossed

    def _steps(self, levels: Iterable[tuple[int, int]]) -> None:
        price_step, quantity_step = self.price_step, self.quantity_step
        for price, quantity in levels:
            price_step, quantity_step = gcd(price_step, price), gcd(quantity_step, quantity)
            self.price = price or self.price
        self.price_step, self.quantity_step = price_step, quantity_step


@dataclass(slots=True)
class Scan:
    start_ns: int = 0
    """Time of the first event."""
    clock_ns: int = 0
    """How far the exchange's clock was ahead of the recorder's, as the quickest message shows it."""
    n_events: int = 0
    n_late_quotes: int = 0
    """Best quotes that a newer change of the book had overtaken for good; they are not played."""
    symbols: dict[str, SymbolFound] = field(default_factory=dict)


def scan(paths: Iterable[Path]) -> Scan:
    """Raises `DataFileError` naming file and line for whatever can't be played."""
    paths = tuple(paths)
    found = Scan(clock_ns=_clock_ns(paths))
    player = Player(paths, found.clock_ns)
    for event, message in player.play():
        symbol = found.symbols.setdefault(event.symbol, SymbolFound(event.symbol))
        if isinstance(message, Print):
            symbol.n_aggregates += message.is_aggregate
            symbol.n_trades += not message.is_aggregate
        if not symbol.see(event):
            raise message.line.error(f"{event.symbol}: best bid and best ask of the recorded book cross")
        found.start_ns = found.start_ns or event.time_ns
        found.n_events += 1
    player.check_end()
    found.n_late_quotes = player.n_late_quotes
    for name, listed in player.listed.items():
        if name in found.symbols:
            found.symbols[name].listed = listed
    if not found.symbols:
        raise DataFileError(
            f"{', '.join(str(path) for path in paths)}: no depthUpdate, bookTicker or trade messages of Binance; "
            "recordings of other exchanges are not played"
        )
    return found


class Player:
    """One reading of a recording's files."""

    def __init__(self, paths: Iterable[Path], clock_ns: int) -> None:
        self._paths = tuple(paths)
        self._times = PlayingTimes(clock_ns)
        self._sequences: dict[str, BookSequence] = {}
        self.listed: dict[str, tuple[str, str, dict[str, dict[str, Any]]]] = {}

    @property
    def n_late_quotes(self) -> int:
        return sum(sequence.n_late_quotes for sequence in self._sequences.values())

    def play(self) -> Iterator[tuple[Recorded, DepthDiff | DepthSnapshot | Quote | Print]]:
        """Events in atoms, with the message that made each. Raises `DataFileError`."""
        for message, exchange_ns in in_order(_messages(self._paths)):
            if isinstance(message, SymbolList):
                self.listed |= message.symbols
                continue
            time_ns = self._times.of(message, exchange_ns)
            for event in self._sequence(message).add(message, time_ns):
                yield event, message

    def check_end(self) -> None:
        for sequence in self._sequences.values():
            sequence.check_end()

    def _sequence(self, message: DepthDiff | DepthSnapshot | Quote | Print) -> BookSequence:
        symbol = message.symbol
        if not symbol:
            if len(self._sequences) != 1:
                raise message.line.error(
                    f"a depth snapshot that doesn't say its symbol, in a recording of {len(self._sequences)} symbols"
                )
            symbol = next(iter(self._sequences))
        sequence = self._sequences.get(symbol)
        if sequence is None:
            sequence = self._sequences[symbol] = BookSequence(symbol)
        return sequence


def _messages(paths: Iterable[Path]) -> Iterator[Message]:
    for line in read_lines(paths):
        message = read_message(line)
        if message is not None:
            yield message


def _clock_ns(paths: Iterable[Path]) -> int:
    ahead = [message.exchange_ns - message.line.local_ns for message in _messages(paths) if message.exchange_ns]
    return max(ahead, default=0)
