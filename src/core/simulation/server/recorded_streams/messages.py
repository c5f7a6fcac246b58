"""Binance's messages, spot and USD-M, as they are recorded: depth changes, best quotes, trades, depth snapshots and
lists of symbols (https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams,
https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams). All else is passed
over.

Prices and quantities become atoms of 1e-8, times UTC ns of the exchange (0: the message bears none).
"""

from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from core.runtime.recorded_lines import Line
from core.simulation.engine.amounts import ATOMS
from core.simulation.server.clock import NS_PER_MS

_PRICE_DIGITS, _QUANTITY_DIGITS = 10, 18
"""Before the point; a price must fit 64 bits in the smallest steps."""
_KIND_OF_EVENT = {"depthUpdate": "depth", "bookTicker": "bookTicker", "trade": "trade", "aggTrade": "aggTrade"}

Levels = tuple[tuple[int, int], ...]
"""(price, quantity) in atoms; quantity 0: the level is gone."""


class DepthDiff(msgspec.Struct, frozen=True, gc=False):
    """Changes from `first_id` to `last_id`; `previous_id`: `last_id` of the one before (USD-M); `None`: not told."""

    line: Line
    symbol: str
    exchange_ns: int
    first_id: int
    last_id: int
    previous_id: int | None
    bids: Levels
    asks: Levels


class DepthSnapshot(msgspec.Struct, frozen=True, gc=False):
    """`symbol` empty: the answer does not say, and nor does its address."""

    line: Line
    symbol: str
    exchange_ns: int
    last_id: int
    bids: Levels
    asks: Levels


class Quote(msgspec.Struct, frozen=True, gc=False):
    line: Line
    symbol: str
    exchange_ns: int
    update_id: int
    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int


class Print(msgspec.Struct, frozen=True, gc=False):
    """A public trade, or (`is_aggregate`) all trades of one taker at one price."""

    line: Line
    symbol: str
    exchange_ns: int
    trade_id: int
    price: int
    quantity: int
    buyer_is_maker: bool
    is_aggregate: bool


class SymbolList(msgspec.Struct, frozen=True, gc=False):
    """By the venue's symbol: base, quote, and its filters by type."""

    line: Line
    symbols: dict[str, tuple[str, str, dict[str, dict[str, Any]]]]
    exchange_ns: int = 0


Message = DepthDiff | DepthSnapshot | Quote | Print | SymbolList

_Pairs = list[tuple[str, str]]
_Ms = Annotated[int, msgspec.Meta(ge=0, le=10**14)]
_Id = Annotated[int, msgspec.Meta(ge=0)]


class _Head(msgspec.Struct, gc=False):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    e: str = ""
    u: int = 0
    last_id: int = msgspec.field(name="lastUpdateId", default=0)


class _Diff(msgspec.Struct, gc=False):
    s: str
    U: _Id
    u: _Id
    b: _Pairs
    a: _Pairs
    E: _Ms = 0
    T: _Ms = 0
    pu: int | None = None


class _Snapshot(msgspec.Struct, gc=False):
    last_id: _Id = msgspec.field(name="lastUpdateId")
    bids: _Pairs = msgspec.field()
    asks: _Pairs = msgspec.field()
    E: _Ms = 0
    T: _Ms = 0


class _Quote(msgspec.Struct, gc=False):
    s: str
    u: _Id
    b: str
    B: str
    a: str
    A: str
    E: _Ms = 0
    T: _Ms = 0


class _Trade(msgspec.Struct, gc=False):
    s: str
    p: str
    q: str
    T: _Ms
    m: bool
    t: _Id


class _Aggregate(msgspec.Struct, gc=False):
    s: str
    p: str
    q: str
    T: _Ms
    m: bool
    a: _Id


class _Listed(msgspec.Struct, gc=False):
    symbol: str
    base: str = msgspec.field(name="baseAsset")
    quote: str = msgspec.field(name="quoteAsset")
    filters: list[dict[str, Any]] = msgspec.field(default_factory=list)


class _ExchangeInfo(msgspec.Struct, gc=False):
    symbols: list[_Listed]


_head = msgspec.json.Decoder(_Head)
_diff = msgspec.json.Decoder(_Diff)
_snapshot = msgspec.json.Decoder(_Snapshot)
_quote = msgspec.json.Decoder(_Quote)
_trade = msgspec.json.Decoder(_Trade)
_aggregate = msgspec.json.Decoder(_Aggregate)
_exchange_info = msgspec.json.Decoder(_ExchangeInfo)
_T = TypeVar("_T")


def read_message(line: Line) -> Message | None:
    """What a line says; `None`: something that is not needed here. Raises `DataFileError` naming file and line."""
    if line.url:
        return _read_answer(line)
    head = _decoded(_head, line, line.payload, "message")
    body: bytes | msgspec.Raw = head.data if head.stream else line.payload
    kind = _kind(head)
    if kind == "bookTicker":
        return _read_quote(line, body)
    if kind == "depth":
        return _read_diff(line, body)
    if kind == "trade":
        return _read_trade(line, body)
    if kind == "aggTrade":
        return _read_aggregate(line, body)
    return _read_snapshot(line, body, "") if kind == "snapshot" else None


def _kind(head: _Head) -> str:
    if head.stream:
        name = head.stream.partition("@")[2].partition("@")[0]
        return name if name in _KIND_OF_EVENT.values() else ""
    if head.e:
        return _KIND_OF_EVENT.get(head.e, "")
    return "snapshot" if head.last_id else "bookTicker" if head.u else ""


def _read_answer(line: Line) -> Message | None:
    address = urlsplit(line.url)
    if address.path.endswith("/depth"):
        return _read_snapshot(line, line.payload, parse_qs(address.query).get("symbol", [""])[0])
    if address.path.endswith("/exchangeInfo"):
        listed = _decoded(_exchange_info, line, line.payload, "exchangeInfo").symbols
        return SymbolList(
            line,
            {
                each.symbol: (each.base, each.quote, {str(found.get("filterType")): found for found in each.filters})
                for each in listed
            },
        )
    return None


def _read_diff(line: Line, body: bytes | msgspec.Raw) -> DepthDiff:
    read = _decoded(_diff, line, body, "depthUpdate")
    if read.u < read.U:
        raise line.error(f"depthUpdate ends at update {read.u}, before its first, {read.U}")
    time_ns = (read.T or read.E) * NS_PER_MS
    bids, asks = _levels(line, read.b), _levels(line, read.a)
    return DepthDiff(line, read.s, time_ns, read.U, read.u, read.pu, bids, asks)


def _read_snapshot(line: Line, body: bytes | msgspec.Raw, symbol: str) -> DepthSnapshot:
    read = _decoded(_snapshot, line, body, "depth snapshot")
    time_ns = (read.T or read.E) * NS_PER_MS
    return DepthSnapshot(line, symbol, time_ns, read.last_id, _levels(line, read.bids), _levels(line, read.asks))


def _read_quote(line: Line, body: bytes | msgspec.Raw) -> Quote:
    read = _decoded(_quote, line, body, "bookTicker")
    bid, ask = _price(line, read.b), _price(line, read.a)
    bid_quantity, ask_quantity = _quantity(line, read.B), _quantity(line, read.A)
    if bid_quantity and ask_quantity and bid >= ask:
        raise line.error(f"the best bid {read.b} is not below the best ask {read.a}")
    return Quote(line, read.s, (read.T or read.E) * NS_PER_MS, read.u, bid, bid_quantity, ask, ask_quantity)


def _read_trade(line: Line, body: bytes | msgspec.Raw) -> Print | None:
    read = _decoded(_trade, line, body, "trade")
    return _print(line, read, read.t, is_aggregate=False)


def _read_aggregate(line: Line, body: bytes | msgspec.Raw) -> Print | None:
    read = _decoded(_aggregate, line, body, "aggTrade")
    return _print(line, read, read.a, is_aggregate=True)


def _print(line: Line, read: _Trade | _Aggregate, trade_id: int, *, is_aggregate: bool) -> Print | None:
    price, quantity = _price(line, read.p), _quantity(line, read.q)
    if not (price and quantity):
        return None  # USD-M sends such for trades outside of the book.
    return Print(line, read.s, read.T * NS_PER_MS, trade_id, price, quantity, read.m, is_aggregate)


def _decoded(decoder: msgspec.json.Decoder[_T], line: Line, body: bytes | msgspec.Raw, what: str) -> _T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise line.error(f"not a Binance {what}: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise line.error(f"not JSON, or cut off: {error}") from None


def _levels(line: Line, pairs: _Pairs) -> Levels:
    levels = tuple([(_price(line, price), _quantity(line, quantity)) for price, quantity in pairs])
    if not all(price for price, _ in levels):
        raise line.error("a level has no price")
    return levels


def _price(line: Line, text: str) -> int:
    return _atoms(line, text, _PRICE_DIGITS)


def _quantity(line: Line, text: str) -> int:
    return _atoms(line, text, _QUANTITY_DIGITS)


def _atoms(line: Line, text: str, most_digits: int) -> int:
    whole, _, part = text.partition(".")
    if not whole.isdecimal() or not text.isascii() or len(whole) > most_digits or (part and not part.isdecimal()):
        raise line.error(f"not a price or quantity: {text[:40]!r}")
    if len(part) > 8:
        if part[8:].strip("0"):
            raise line.error(f"finer than 1e-8: {text[:40]!r}")
        part = part[:8]
    return int(whole) * ATOMS + int(part.ljust(8, "0"))
