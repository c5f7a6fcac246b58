"""The recorded streams of Binance, replayed through the adapter's own decoders."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec

from core.domain.instruments import InstrumentId
from core.domain.market import BookChanged, MarketEvent, QuoteChanged
from core.venues.binance.decode import DepthAnswer
from core.venues.binance.routes import Route, depth_route, quote_route, trade_route

INSTRUMENT = InstrumentId("BTC/USDT")
SPOT = "hftbacktest/spot/btcusdt_20240808.gz"
USDM = "hftbacktest/usdm/btcusdt_20240808.gz"
_snapshots = msgspec.json.Decoder(DepthAnswer, strict=False)


@dataclass(frozen=True)
class Recording:
    """Events in the order they were received; quotes by the update id they state."""

    events: list[MarketEvent]
    quotes: dict[int, QuoteChanged]


def frames(path: Path) -> Iterator[bytes]:
    """Lines are `LOCAL_NS JSON`."""
    with gzip.open(path, "rb") as lines:
        for line in lines:
            yield line.split(b" ", 1)[1].rstrip()


@lru_cache(maxsize=2)
def replay(path: Path) -> Recording:
    routes: dict[bytes, Route] = {
        b"bookTicker": quote_route(INSTRUMENT),
        b"trade": trade_route(INSTRUMENT),
        b"depth": depth_route(INSTRUMENT),
    }
    events: list[MarketEvent] = []
    for frame in frames(path):
        if frame.startswith(b'{"lastUpdateId"'):
            events.append(snapshot(frame))
        else:
            kind = frame[: frame.index(b'"', 11)].split(b"@")[1]
            events.append(routes[kind](frame, 0))
    return Recording(events, {event.sequence: event for event in events if isinstance(event, QuoteChanged)})


def snapshot(body: bytes) -> BookChanged:
    answer = _snapshots.decode(body)
    number = answer.last_update_id
    return BookChanged(INSTRUMENT, answer.bids, answer.asks, number, number, True, 0, 0)
