"""Which address carries which stream; recorded frames; a recorded book that stays in step."""

import gzip
import itertools
import json
from pathlib import Path

import msgspec
import pytest

from core.domain.candles import SeriesKey, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import BookChanged, MarkChanged, QuoteChanged
from core.market.book_sync import BookSync, Step, SyncState
from core.ports.venue import StreamSubscriptions
from core.venues.binance.decode import UNREADABLE
from core.venues.binance.routes import depth_route, quote_route
from core.venues.binance.usdm.decode import DepthAnswer
from core.venues.binance.usdm.streams import mark_route, usdm_endpoints

BTC, ETH = InstrumentId("BTC/USDT:USDT"), InstrumentId("ETH/USDT:USDT")


def test_books_and_all_the_rest_have_addresses_of_their_own() -> None:
    wanted = StreamSubscriptions((SeriesKey(BTC, Timeframe.M1),), (BTC, ETH), books=(BTC,), marks=(BTC, ETH))
    found = usdm_endpoints("ws://here/", wanted)
    assert {url: {each: list(names) for each, names in streams.items()} for url, streams in found.items()} == {
        "ws://here/fut/public/stream": {
            BTC: ["btcusdt@bookTicker", "btcusdt@depth@100ms"],
            ETH: ["ethusdt@bookTicker"],
        },
        "ws://here/fut/market/stream": {
            BTC: ["btcusdt@kline_1m", "btcusdt@markPrice@1s"],
            ETH: ["ethusdt@markPrice@1s"],
        },
    }
    assert list(usdm_endpoints(None, StreamSubscriptions((), (BTC,)))) == ["wss://fstream.binance.com/public/stream"]


def test_a_mark_price_frame_is_read(recorded_data: Path) -> None:
    folder = recorded_data / "nautilus/payloads/binance/test_data/futures/market_data_json"
    data = (folder / "mark_price_stream.json").read_bytes()
    mark = mark_route(BTC)(b'{"stream":"btcusdt@markPrice@1s","data":' + data + b"}", 5)
    assert mark == MarkChanged(BTC, 11794.15, 0.00038167, 1562306400000, 1562305380000 * 1_000_000, 5)


@pytest.mark.parametrize("value", ["NaN", "-1", "Infinity", "x"])
def test_a_mark_price_that_is_none_is_refused(value: str) -> None:
    frame = json.dumps({"stream": "s", "data": {"E": 1, "p": value, "r": "0", "T": 2}}).encode()
    with pytest.raises(UNREADABLE):
        mark_route(BTC)(frame, 5)


def test_a_recorded_book_is_joined_and_stays_in_step(recorded_data: Path) -> None:
    """Diffs chain by `pu`; the recording's own snapshot joins them, and its quotes are the book's touch."""
    depth, quote = depth_route(BTC), quote_route(BTC)
    snapshot = msgspec.json.Decoder(DepthAnswer, strict=False)
    sync = BookSync()
    steps: dict[Step, int] = {}
    agreed = 0
    with gzip.open(recorded_data / "hftbacktest/usdm/btcusdt_20240808.gz", "rb") as lines:
        for line in itertools.islice(lines, 6_000):
            frame = line.partition(b" ")[2]
            if b"@depth" in frame[:40]:
                step = sync.apply(depth(frame, 0))
                steps[step] = steps.get(step, 0) + 1
            elif frame.startswith(b'{"lastUpdateId"'):
                answer = snapshot.decode(frame)
                last = answer.last_update_id
                sync.apply(BookChanged(BTC, answer.bids, answer.asks, last, last, True, answer.event_ms, 0))
            elif b"@bookTicker" in frame[:40] and sync.state is SyncState.LIVE:
                agreed += _is_touch(sync, quote(frame, 0))
    assert sync.state is SyncState.LIVE and sync.gaps == 0
    assert steps[Step.APPLIED] > 50 and agreed > 50


def _is_touch(sync: BookSync, quote: QuoteChanged) -> bool:
    bid, ask = sync.book.best_bid, sync.book.best_ask
    return bid is not None and ask is not None and (bid[0], ask[0]) == (quote.bid, quote.ask)
