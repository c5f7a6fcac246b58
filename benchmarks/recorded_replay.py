"""Replaying recorded exchange streams on one core: how many times as fast as they were recorded.

The whole way from the file to the engine's events, in process: reading, decoding, ordering, the book, the tape, the
candles; once undisturbed and once with an account that keeps orders in the book, so that queues are followed. CPU time,
so that waiting for the core does not count. Needs `METRONOME_DATA` (or `shared/data` beside the checkout); without it
the verdict is null.
"""

import os
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from benchmarks._daemon import ROOT, claim

from core.domain.orders import OrderType, Side
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.orders import NewOrder
from core.simulation.engine.recorded_book import recorded_book_venue
from core.simulation.engine.venue import Venue
from core.simulation.server.recorded_streams.recording import Recording

DATA = Path(os.environ.get("METRONOME_DATA", ROOT.parent / "shared" / "data")) / "hftbacktest"
RECORDINGS = {"spot": DATA / "spot" / "btcusdt_20240808.gz", "USD-M": DATA / "usdm" / "btcusdt_20240808.gz"}
TARGET = 20
"""Times; the venue's clock runs at most 60 times as fast, with other things to do besides."""
STEP_NS = 1_000_000_000
SYMBOL = "BTCUSDT"
LEVELS = 5


def main() -> int:
    status = 0
    for name, file in RECORDINGS.items():
        title = f"recorded {name} streams, times as fast as recorded, one core"
        if not file.is_file():
            status |= claim(title, None, TARGET, None, reason="recorded market data is absent (METRONOME_DATA)")
            continue
        started_s = time.process_time()
        recording = Recording.check([file])
        checked_s = time.process_time() - started_s
        seconds = (recording.ends_ns[SYMBOL] - recording.start_ns) / 1e9
        alone_s = play(recording, leave_alone)
        quoting_s, fills = played_with_orders(recording)
        ratio = seconds / max(alone_s, quoting_s)
        status |= claim(
            title,
            round(ratio, 1),
            TARGET,
            ratio >= TARGET,
            events=recording.found.n_events,
            seconds=round(seconds),
            alone=round(seconds / alone_s, 1),
            with_orders=round(seconds / quoting_s, 1),
            fills=fills,
            checked_per_s=round(recording.found.n_events / checked_s),
        )
    return status


def play(recording: Recording, each_second: Callable[[Exchange], None]) -> float:
    """CPU seconds."""
    started_s = time.process_time()
    venue = venue_of(recording)
    advance_through(venue, recording, each_second)
    return time.process_time() - started_s


def played_with_orders(recording: Recording) -> tuple[float, int]:
    """CPU seconds, and how many fills an account had that quotes `LEVELS` levels a side anew each second."""
    fills = 0

    def quote(exchange: Exchange) -> None:
        nonlocal fills
        if not exchange.has_account("maker"):
            exchange.open_account("maker", {"BTC": Decimal(1_000), "USDT": Decimal(10**8)}, exchange.now_ns)
        if exchange.open_orders("maker", SYMBOL):
            exchange.cancel_all("maker", SYMBOL, exchange.now_ns)
        spec, depth = exchange.symbols[SYMBOL], exchange.depth(SYMBOL, LEVELS)
        for side, levels in ((Side.BUY, depth.bids), (Side.SELL, depth.asks)):
            for price, _ in levels:
                order = NewOrder(SYMBOL, side, OrderType.LIMIT, Decimal("0.01"), price=spec.price_decimal(price))
                exchange.submit("maker", order, exchange.now_ns)
        fills = len(exchange.trades("maker", SYMBOL))

    return play(recording, quote), fills


def leave_alone(_exchange: Exchange) -> None:
    pass


def venue_of(recording: Recording) -> Venue:
    return recorded_book_venue(
        recording.instruments.values(),
        recording.events(),
        fees=FeeSchedule(),
        start_ns=recording.start_ns,
        ends_ns=recording.ends_ns,
    )


def advance_through(venue: Venue, recording: Recording, each_second: Callable[[Exchange], None]) -> None:
    for now_ns in range(recording.start_ns, recording.ends_ns[SYMBOL] + STEP_NS, STEP_NS):
        venue.market.advance(now_ns)
        each_second(venue.exchange)


if __name__ == "__main__":
    sys.exit(main())
