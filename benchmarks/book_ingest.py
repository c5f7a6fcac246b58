"""Book stream ingest, from the frame's text to the updated book, against ccxt.pro on the same recorded messages.

Both get the recorded USD-M stream of Binance message by message in the order it came: ours as the adapter does (name of
the stream, typed decode, sequence check, book), ccxt.pro's as its own client does (JSON decode, `handle_message`). The
rounds alternate within one process, CPU time is measured, and the median of the rounds' ratios is claimed. Both books
must end alike. A second claim compares the rebuilt books with every recorded best bid and ask that names the same
update.
"""

import asyncio
import gc
import gzip
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import ccxt.pro
import msgspec
from benchmarks._daemon import claim

from core.domain.instruments import InstrumentId
from core.domain.market import BookChanged, MarketEvent, QuoteChanged
from core.market.book_sync import BookSync, Step
from core.market.books import Books
from core.venues.binance.decode import DepthAnswer
from core.venues.binance.routes import Route, depth_route, quote_route, trade_route

CHECKOUT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("METRONOME_DATA", CHECKOUT.parent / "shared" / "data")) / "hftbacktest"
BTC = InstrumentId("BTC/USDT")
SWAP = "BTC/USDT:USDT"
TARGET = 5.0
ROUNDS = 7
COMPARISONS = {"spot": 564, "usdm": 629}
_NAME_AT = len(b'{"stream":"')
_snapshots = msgspec.json.Decoder(DepthAnswer, strict=False)


def main() -> int:
    if not DATA.is_dir():
        print(f"recorded market data is absent: {DATA}")
        return 0
    frames = recorded("usdm")
    depth = [frame for frame in frames if b"@depth" in frame[:64] or frame.startswith(b'{"lastUpdateId"')]
    return compare("book stream ingest, times ccxt.pro", depth) | agree()


def compare(name: str, frames: Sequence[bytes]) -> int:
    texts = [frame.decode() for frame in frames]
    rounds = []
    for _ in range(ROUNDS):
        ours_us, our_touch = ours(frames)
        theirs_us, their_touch = asyncio.run(theirs(texts))
        if our_touch != their_touch:
            sys.exit(f"the books differ: {our_touch} and {their_touch}")
        rounds.append((theirs_us / ours_us, ours_us, theirs_us))
    ratio = statistics.median(each[0] for each in rounds)
    return claim(
        name,
        round(ratio, 1),
        TARGET,
        ratio >= TARGET,
        lowest=round(min(each[0] for each in rounds), 1),
        ours_us=round(statistics.median(each[1] for each in rounds), 1),
        ccxt_pro_us=round(statistics.median(each[2] for each in rounds), 1),
        messages=len(frames),
        levels=sum(frame.count(b'","') for frame in frames),
    )


def agree() -> int:
    """Every recorded quote that names an update id at which the rebuilt book stands."""
    compared = {market: comparisons(market) for market in COMPARISONS}
    wrong = sum(each[1] for each in compared.values())
    counts = {market: each[0] for market, each in compared.items()}
    return claim(
        "rebuilt books against recorded quotes of the same update, differences",
        wrong,
        0,
        wrong == 0 and counts == COMPARISONS,
        **counts,
    )


def recorded(market: str) -> list[bytes]:
    """Frames in the order they were received; lines are `LOCAL_NS JSON`."""
    with gzip.open(DATA / market / "btcusdt_20240808.gz", "rb") as lines:
        return [line.split(b" ", 1)[1].rstrip() for line in lines]


def routes(frames: Sequence[bytes]) -> dict[bytes, Route]:
    make = {b"bookTicker": quote_route, b"trade": trade_route, b"depth": depth_route}
    names = {stream_name(frame) for frame in frames if frame.startswith(b'{"stream"')}
    return {name: make[name.split(b"@")[1]](BTC) for name in names}


def stream_name(frame: bytes) -> bytes:
    return frame[_NAME_AT : frame.find(b'"', _NAME_AT)]


def snapshot(frame: bytes) -> BookChanged:
    answer = _snapshots.decode(frame)
    number = answer.last_update_id
    return BookChanged(BTC, answer.bids, answer.asks, number, number, True, 0, 0)


def ours(frames: Sequence[bytes]) -> tuple[float, tuple[Any, Any]]:
    """µs of CPU a message, and the best levels at the end."""
    by_name, books, spent = routes(frames), Books(lambda _: None), 0.0
    gc.collect()
    begin = time.process_time()
    for frame in frames:
        route = by_name.get(frame[_NAME_AT : frame.find(b'"', _NAME_AT)])
        if route is not None:
            books.apply(route(frame, 0))
        else:
            books.apply(snapshot(frame))
    spent = time.process_time() - begin
    book = books.book(BTC)
    if book is None:
        sys.exit("our book is not in step with the recording")
    return spent / len(frames) * 1e6, (book.best_bid, book.best_ask)


async def theirs(texts: Sequence[str]) -> tuple[float, tuple[Any, Any]]:
    """The same of ccxt.pro: its client, its order book, its handling of the snapshot."""
    exchange = ccxt.pro.binance({"options": {"defaultType": "swap"}})
    exchange.set_markets([exchange.safe_market_structure(perpetual())])
    client = exchange.client("wss://fstream.binance.com/public/ws/0")
    exchange.orderbooks[SWAP] = exchange.order_book({}, 1_000)
    gc.collect()
    begin = time.process_time()
    for text in texts:
        if text.startswith('{"lastUpdateId"'):
            take_snapshot(exchange, client, json.loads(text))
        else:
            client.handle_text_or_binary_message(text)
    spent = time.process_time() - begin
    book = exchange.orderbooks[SWAP]
    touch = (tuple(book["bids"][0][:2]), tuple(book["asks"][0][:2]))
    await exchange.close()
    return spent / len(texts) * 1e6, touch


def take_snapshot(exchange: Any, client: Any, answer: dict[str, Any]) -> None:
    """What `fetch_order_book_snapshot` does once the answer has come."""
    book = exchange.orderbooks[SWAP]
    parsed = exchange.parse_order_book(answer, SWAP, None, "bids", "asks")
    parsed["nonce"] = answer["lastUpdateId"]
    buffered = book.cache
    book.reset(parsed)
    book.cache = []
    for message in buffered:
        first, last, previous, nonce = message["U"], message["u"], message["pu"], book["nonce"]
        if last >= nonce and (first <= nonce or previous == nonce):
            exchange.handle_order_book_message(client, message, book)


def perpetual() -> dict[str, Any]:
    return {
        "id": "BTCUSDT",
        "lowercaseId": "btcusdt",
        "symbol": SWAP,
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "baseId": "BTC",
        "quoteId": "USDT",
        "settleId": "USDT",
        "type": "swap",
        "spot": False,
        "margin": False,
        "swap": True,
        "future": False,
        "option": False,
        "active": True,
        "contract": True,
        "linear": True,
        "inverse": False,
        "contractSize": 1.0,
        "precision": {"amount": 0.001, "price": 0.1},
    }


def comparisons(market: str) -> tuple[int, int]:
    """(compared, differing)."""
    frames = recorded(market)
    by_name = routes(frames)
    events: list[MarketEvent] = [
        by_name[stream_name(frame)](frame, 0) if frame.startswith(b'{"stream"') else snapshot(frame) for frame in frames
    ]
    quotes = {event.sequence: event for event in events if isinstance(event, QuoteChanged)}
    sync, compared, wrong = BookSync(), 0, 0
    for event in events:
        if not isinstance(event, BookChanged) or sync.apply(event) is not Step.APPLIED or event.is_snapshot:
            continue
        quote = quotes.get(event.last_sequence)
        if quote is not None:
            compared += 1
            touch = ((quote.bid, quote.bid_quantity), (quote.ask, quote.ask_quantity))
            wrong += (sync.book.best_bid, sync.book.best_ask) != touch
    return compared, wrong


if __name__ == "__main__":
    sys.exit(main())
