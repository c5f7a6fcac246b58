"""Frames to events; whatever else comes is a clean skip."""

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.candles import Candle, SeriesKey, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import BookChanged, CandleChanged, QuoteChanged, TradePrinted
from core.ports.venue import StreamSubscriptions
from core.venues.binance.decode import UNREADABLE, ControlFrame, SocketFrame
from core.venues.binance.routes import (
    by_frame_name,
    depth_route,
    kline_route,
    quote_route,
    streams_of,
    trade_route,
)

BTC, ETH = InstrumentId("BTC/USDT"), InstrumentId("ETH/USDT")
QUOTE = b'{"stream":"btcusdt@bookTicker","data":{"u":7,"s":"BTCUSDT","b":"10.10","B":"1.5","a":"10.20","A":"2"}}'
TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1700000000001,"s":"BTCUSDT","t":12,"p":"10.10000000",'
    b'"q":"0.50000000","T":1700000000000,"m":true,"M":true}}'
)
KLINE = (
    b'{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1700000060001,"s":"BTCUSDT","k":{"t":1700000000000,'
    b'"T":1700000059999,"s":"BTCUSDT","i":"1m","f":1,"L":9,"o":"10.1","c":"10.2","h":"10.3","l":"10.0","v":"5.5",'
    b'"n":9,"x":true,"q":"56.1","V":"1","Q":"10","B":"0"}}}'
)
DEPTH = (
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000005,"s":"BTCUSDT","U":5,"u":9,'
    b'"b":[["10.1","1.5"],["10.0","0.0"]],"a":[["10.2","2"]]}}'
)
LINKED = DEPTH.replace(b'"u":9,', b'"u":9,"pu":4,')
ROUTES = {
    QUOTE: quote_route(BTC),
    TRADE: trade_route(BTC),
    KLINE: kline_route(BTC, Timeframe.M1),
    DEPTH: depth_route(BTC),
    LINKED: depth_route(BTC),
}
MS = 1_000_000


def test_each_kind_of_frame_becomes_its_event() -> None:
    candle = Candle(1700000000000, 10.1, 10.3, 10.0, 10.2, 5.5, 56.1, 9)
    levels = ([(10.1, 1.5), (10.0, 0.0)], [(10.2, 2.0)])
    assert [route(frame, 42) for frame, route in ROUTES.items()] == [
        QuoteChanged(BTC, 10.1, 1.5, 10.2, 2.0, 7, None, 42),
        TradePrinted(BTC, 12, "10.10000000", "0.50000000", True, 1700000000000 * MS, 42),
        CandleChanged(BTC, Timeframe.M1, candle, True, 1700000060001 * MS, 42),
        BookChanged(BTC, *levels, 5, 9, False, 1700000000005 * MS, 42, None),
        BookChanged(BTC, *levels, 5, 9, False, 1700000000005 * MS, 42, 4),
    ]


def test_names_of_streams_follow_the_subscriptions() -> None:
    streams = streams_of(
        StreamSubscriptions(
            candles=(SeriesKey(BTC, Timeframe.M1), SeriesKey(BTC, Timeframe.H1)),
            quotes=(BTC, ETH),
            trades=(ETH,),
            books=(ETH,),
        )
    )
    assert {each: tuple(names) for each, names in streams.items()} == {
        BTC: ("btcusdt@kline_1m", "btcusdt@kline_1h", "btcusdt@bookTicker"),
        ETH: ("ethusdt@bookTicker", "ethusdt@trade", "ethusdt@depth@100ms"),
    }
    assert by_frame_name(streams)[b"ethusdt@trade"](TRADE, 0).instrument_id == ETH


@pytest.mark.parametrize("bad", [b'"nan"', b'"inf"', b'"-1"', b'"1e999"', b'""', b"null", b"true", b"[]", b'"0x10"'])
@pytest.mark.parametrize(
    ("frame", "value"),
    [(QUOTE, b'"10.10"'), (TRADE, b'"10.10000000"'), (KLINE, b'"10.3"'), (DEPTH, b'"10.1"'), (KLINE, b'"5.5"')],
)
def test_a_number_that_is_none_is_refused(frame: bytes, value: bytes, bad: bytes) -> None:
    with pytest.raises(UNREADABLE):
        ROUTES[frame](frame.replace(value, bad, 1), 0)


@given(st.binary(max_size=300), st.sampled_from(list(ROUTES)))
def test_arbitrary_bytes_are_refused_cleanly(junk: bytes, kind: bytes) -> None:
    with pytest.raises(UNREADABLE):
        ROUTES[kind](junk, 0)


mutations = st.lists(
    st.tuples(
        st.integers(0, 400), st.sampled_from(["flip", "cut", "insert", "double"]), st.binary(min_size=1, max_size=6)
    ),
    min_size=1,
    max_size=4,
)


@given(st.sampled_from(list(ROUTES)), mutations)
def test_a_damaged_frame_is_an_event_of_sane_numbers_or_refused(
    kind: bytes, damage: list[tuple[int, str, bytes]]
) -> None:
    frame = kind
    for place, how, extra in damage:
        at = place % (len(frame) + 1)
        if how == "flip":
            frame = frame[:at] + extra + frame[at + len(extra) :]
        elif how == "cut":
            frame = frame[:at]
        elif how == "insert":
            frame = frame[:at] + extra + frame[at:]
        else:
            frame = frame + frame[at:]
    try:
        event = ROUTES[kind](frame, 0)
    except UNREADABLE:
        return
    for number in _numbers(msgspec.to_builtins(event)):
        assert math.isfinite(number) and number >= 0


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for each in value.values() for number in _numbers(each)]
    if isinstance(value, list | tuple):
        return [number for each in value for number in _numbers(each)]
    return [float(value)] if isinstance(value, int | float) else []


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["id", "status", "error", "event", "e", "stream", "code", "data"]), inner),
    ),
    max_leaves=12,
)


@given(json_values)
def test_control_frames_are_read_or_refused_cleanly(value: object) -> None:
    for decoder in (msgspec.json.Decoder(ControlFrame), msgspec.json.Decoder(SocketFrame)):
        try:
            decoder.decode(json.dumps(value).encode())
        except UNREADABLE:
            continue


def test_nesting_without_end_is_refused_cleanly() -> None:
    with pytest.raises(UNREADABLE):
        msgspec.json.Decoder(ControlFrame).decode(b'{"x":' * 100_000)
