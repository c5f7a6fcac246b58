"""USD-M's market streams: which address carries which, and the mark price's frames.

Since April 2026 the venue serves order books' streams under `/public`, all others under `/market` and accounts' under
`/private`.
"""

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from core.domain.instruments import InstrumentId
from core.domain.market import MarkChanged
from core.ports.venue import StreamSubscriptions
from core.runtime.clocks import NS_PER_MS
from core.venues.binance.instruments import venue_symbol
from core.venues.binance.routes import Route, streams_of
from core.venues.binance.streams import Streams
from core.venues.binance.usdm.decode import MarkFrame

ROOT = "wss://fstream.binance.com"
PREFIX = "/fut"
"""Where a configured root, which serves all markets, has the futures' streams."""
MAX_STREAMS = 200
"""Of one connection."""

_marks = msgspec.json.Decoder(MarkFrame, strict=False)


def usdm_endpoints(ws_root: str | None, subscriptions: StreamSubscriptions) -> Mapping[str, Streams]:
    root = root_of(ws_root)
    books = replace(subscriptions, candles=(), marks=())
    others = streams_of(replace(subscriptions, quotes=(), trades=(), books=()))
    for instrument_id in subscriptions.marks:
        name = f"{venue_symbol(instrument_id).lower()}@markPrice@1s"
        others.setdefault(instrument_id, {})[name] = mark_route(instrument_id)
    endpoints = {f"{root}/public/stream": streams_of(books), f"{root}/market/stream": others}
    return {url: streams for url, streams in endpoints.items() if streams}


def root_of(ws_root: str | None) -> str:
    return ROOT if ws_root is None else f"{ws_root.rstrip('/')}{PREFIX}"


def mark_route(instrument_id: InstrumentId) -> Route:
    decode = _marks.decode

    def route(frame: bytes, received_ns: int) -> MarkChanged:
        data = decode(frame).data
        return MarkChanged(
            instrument_id,
            data.mark,
            data.funding_rate or 0.0,
            data.next_funding_ms,
            data.event_ms * NS_PER_MS,
            received_ns,
        )

    return route
