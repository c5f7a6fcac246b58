import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.simulation.engine.intervals import Interval
from core.simulation.server.stream_names import StreamKind, StreamName, parse_stream_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("btcusdt@trade", StreamName("btcusdt@trade", StreamKind.TRADE, "BTCUSDT")),
        ("btcusdt@aggTrade", StreamName("btcusdt@aggTrade", StreamKind.AGG_TRADE, "BTCUSDT")),
        ("btcusdt@kline_1M", StreamName("btcusdt@kline_1M", StreamKind.KLINE, "BTCUSDT", Interval.MONTH)),
        ("btcusdt@depth", StreamName("btcusdt@depth", StreamKind.DIFF_DEPTH, "BTCUSDT", period_ms=1_000)),
        ("btcusdt@depth@100ms", StreamName("btcusdt@depth@100ms", StreamKind.DIFF_DEPTH, "BTCUSDT", period_ms=100)),
        (
            "btcusdt@depth5@100ms",
            StreamName("btcusdt@depth5@100ms", StreamKind.PARTIAL_DEPTH, "BTCUSDT", levels=5, period_ms=100),
        ),
        ("!miniTicker@arr", StreamName("!miniTicker@arr", StreamKind.MINI_TICKER, None)),
        ("!bookTicker", StreamName("!bookTicker", StreamKind.BOOK_TICKER, None)),
    ],
)
def test_streams_the_venue_has(text: str, expected: StreamName) -> None:
    assert parse_stream_name(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "btcusdt",
        "BTCUSDT@trade",
        "btcusdt@kline_7m",
        "btcusdt@depth7",
        "btcusdt@depth@50ms",
        "@trade",
        "!trade",
    ],
)
def test_streams_it_has_not(text: str) -> None:
    assert parse_stream_name(text) is None


@given(st.text())
def test_any_text_is_a_stream_or_none(text: str) -> None:
    name = parse_stream_name(text)
    assert name is None or name.text == text
