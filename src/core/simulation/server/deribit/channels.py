"""What can be subscribed to, and the frames of each channel at a moment.

A channel's frames depend on what was told last, which its subscribers share: all of one channel hear the same.
"""

import re
from dataclasses import dataclass
from typing import Any

from core.simulation.engine.coins.instruments import Instrument, parse
from core.simulation.server.deribit.books import Book, Level
from core.simulation.server.deribit.history_methods import RESOLUTIONS, HistoryMethods, trade_rows
from core.simulation.server.deribit.market import CoinMarket
from core.simulation.server.deribit.market_methods import change_id
from core.simulation.server.deribit.state_payloads import ticker

_INSTRUMENT = r"([A-Z]{2,6}-[A-Z0-9-]+)"
_INTERVAL = r"(raw|100ms|agg2)"
_KINDS = (
    ("ticker", re.compile(rf"(?:ticker|incremental_ticker)\.{_INSTRUMENT}(?:\.{_INTERVAL})?")),
    ("quote", re.compile(rf"quote\.{_INSTRUMENT}")),
    ("book", re.compile(rf"book\.{_INSTRUMENT}\.{_INTERVAL}")),
    ("grouped_book", re.compile(rf"book\.{_INSTRUMENT}\.(none|[0-9]+)\.(1|10|20)\.(100ms|agg2)")),
    ("trades", re.compile(rf"trades\.{_INSTRUMENT}\.{_INTERVAL}")),
    ("chart", re.compile(rf"chart\.trades\.{_INSTRUMENT}\.([0-9]+|1D)")),
    ("index", re.compile(r"deribit_price_index\.([a-z]+)_usd")),
    ("volatility", re.compile(r"deribit_volatility_index\.([a-z]+)_usd")),
)
_SECOND_MS = 1_000
_MOST_TRADES = 1_000


@dataclass(slots=True)
class Channel:
    """`name` as clients write it; `payload`, `book` and `change_id`: what was told last, at `told_ms`."""

    name: str
    kind: str
    coin: str
    instrument: Instrument | None
    argument: str
    told_ms: int = 0
    looked_ms: int = 0
    """When it was last seen whether there is something to tell."""
    payload: object = None
    book: Book | None = None
    change_id: int = 0


def parse_channel(name: str, coins: tuple[str, ...]) -> Channel | None:
    """`None`: there is no such channel. Whether its instrument exists is for `frames` to find out."""
    for kind, pattern in _KINDS:
        match = pattern.fullmatch(name)
        if match is None:
            continue
        if kind in ("index", "volatility"):
            coin = match[1].upper()
            return Channel(name, kind, coin, None, "") if coin in coins else None
        instrument = parse(match[1])
        argument = match[2] or "" if match.re.groups > 1 else ""
        if instrument is None or instrument.coin not in coins or (kind == "chart" and argument not in RESOLUTIONS):
            return None
        if kind == "grouped_book":
            argument = match[3]
        return Channel(name, kind, instrument.coin, instrument, argument)
    return None


class ChannelFrames:
    """In the thread of `MadeData`."""

    def __init__(self, market: CoinMarket, past: HistoryMethods) -> None:
        self._market = market
        self._past = past

    def exists(self, channel: Channel, now_ms: int) -> bool:
        instrument = channel.instrument
        return instrument is None or (
            self._market.derivatives.instruments.exists(instrument, now_ms / 1_000)
            and instrument.expiry_s > now_ms / 1_000
        )

    def frames(self, channel: Channel, now_ms: int) -> list[Any]:
        """What there is to tell since the last time; usually nothing or one payload."""
        if channel.instrument is not None and channel.instrument.expiry_s <= now_ms / 1_000:
            return []
        found: list[Any] = getattr(self, f"_{channel.kind}")(channel, now_ms)
        channel.looked_ms = now_ms
        if found:
            channel.told_ms = now_ms
        return found

    def snapshot(self, channel: Channel, now_ms: int) -> list[Any]:
        """What a new subscriber of a channel that others hear already is told first."""
        if channel.kind != "book" or channel.book is None or channel.instrument is None:
            return []
        return [_whole_book(channel.instrument, channel.book, channel.told_ms, channel.change_id)]

    def _ticker(self, channel: Channel, now_ms: int) -> list[Any]:
        # Marks change with every breath of the index: they are told once a second, quotes at once.
        payload, _ = ticker(self._market, self._instrument(channel), now_ms)
        seen = (payload["best_bid_price"], payload["best_ask_price"], payload["best_bid_amount"])
        if seen == channel.payload and now_ms - channel.told_ms < _SECOND_MS:
            return []
        channel.payload = seen
        return [payload]

    def _quote(self, channel: Channel, now_ms: int) -> list[Any]:
        payload, _ = ticker(self._market, self._instrument(channel), now_ms)
        quote = {name: payload[f"best_{name}"] for name in ("bid_price", "bid_amount", "ask_price", "ask_amount")}
        if quote == channel.payload:
            return []
        channel.payload = quote
        best = {f"best_{name}": value for name, value in quote.items()}
        return [{"timestamp": now_ms, "instrument_name": self._instrument(channel).name, **best}]

    def _book(self, channel: Channel, now_ms: int) -> list[Any]:
        instrument = self._instrument(channel)
        _, book = ticker(self._market, instrument, now_ms)
        before, channel.book = channel.book, book
        number, previous = change_id(now_ms), channel.change_id
        if before is None:
            channel.change_id = number
            return [_whole_book(instrument, book, now_ms, number)]
        bids, asks = _changes(before.bids, book.bids), _changes(before.asks, book.asks)
        if not bids and not asks:
            return []
        # Two looks within a tenth of a second still have numbers of their own.
        channel.change_id = max(number, previous + 1)
        return [
            {
                "type": "change",
                "timestamp": now_ms,
                "prev_change_id": previous,
                "instrument_name": instrument.name,
                "change_id": channel.change_id,
                "bids": bids,
                "asks": asks,
            }
        ]

    def _grouped_book(self, channel: Channel, now_ms: int) -> list[Any]:
        instrument = self._instrument(channel)
        _, book = ticker(self._market, instrument, now_ms)
        if book == channel.book:
            return []
        channel.book = book
        depth = int(channel.argument)
        levels = {"bids": book.bids[:depth], "asks": book.asks[:depth]}
        return [{"timestamp": now_ms, "instrument_name": instrument.name, "change_id": change_id(now_ms), **levels}]

    def _trades(self, channel: Channel, now_ms: int) -> list[Any]:
        instrument, since_ms = self._instrument(channel), channel.looked_ms or now_ms
        found = self._market.tape.between(instrument, since_ms + 1, now_ms, at_most=_MOST_TRADES, newest=True)
        return [trade_rows(instrument, found)] if len(found) else []

    def _chart(self, channel: Channel, now_ms: int) -> list[Any]:
        if now_ms - channel.told_ms < _SECOND_MS:
            return []
        instrument, length_ms = self._instrument(channel), RESOLUTIONS[channel.argument] * 60_000
        begin_ms = now_ms // length_ms * length_ms
        found = self._past.candles(instrument, begin_ms, now_ms, length_ms)
        if len(found.start_ms) == 0:
            return []
        payload = {
            "tick": int(found.start_ms[-1]),
            **{name: float(getattr(found, name)[-1]) for name in ("open", "high", "low", "close")},
            "volume": round(float(found.amount[-1] / found.close[-1]), 8),
            "cost": float(found.amount[-1]),
        }
        if payload == channel.payload:
            return []
        channel.payload = payload
        return [payload]

    def _index(self, channel: Channel, now_ms: int) -> list[Any]:
        price = self._market.derivatives.index(channel.coin, now_ms / 1_000)
        if price == channel.payload:
            return []
        channel.payload = price
        return [{"timestamp": now_ms, "price": price, "index_name": f"{channel.coin.lower()}_usd"}]

    def _volatility(self, channel: Channel, now_ms: int) -> list[Any]:
        level = self._past.volatility_index(channel.coin, now_ms / 1_000)
        if level == channel.payload:
            return []
        channel.payload = level
        return [{"timestamp": now_ms, "volatility": level, "index_name": f"{channel.coin.lower()}_usd"}]

    @staticmethod
    def _instrument(channel: Channel) -> Instrument:
        if channel.instrument is None:
            raise LookupError(channel.name)
        return channel.instrument


def _whole_book(instrument: Instrument, book: Book, now_ms: int, number: int) -> dict[str, object]:
    return {
        "type": "snapshot",
        "timestamp": now_ms,
        "instrument_name": instrument.name,
        "change_id": number,
        "bids": [["new", *level] for level in book.bids],
        "asks": [["new", *level] for level in book.asks],
    }


def _changes(before: tuple[Level, ...], after: tuple[Level, ...]) -> list[list[object]]:
    old, new = dict(before), dict(after)
    gone: list[list[object]] = [["delete", price, 0.0] for price in old.keys() - new.keys()]
    come: list[list[object]] = [["new", price, amount] for price, amount in new.items() if price not in old]
    other: list[list[object]] = [
        ["change", price, amount] for price, amount in new.items() if price in old and old[price] != amount
    ]
    return [*sorted(gone, key=lambda each: str(each[1])), *come, *other]
