"""Bodies of answers, from the thread that fetched them to the worker that reads them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.candles import Timeframe
from core.domain.series import SeriesKind
from core.ports.history import HistoryPage, HistoryQuery
from core.venues.page_bodies import unpacked, unread

QUERY = HistoryQuery(SeriesKind.STOCK_BARS, ("SPY",), Timeframe.D1, 0, 1)


def decode(body: bytes, _: HistoryQuery) -> HistoryPage:
    return HistoryPage({}, unpacked(body).hex())


@settings(max_examples=25)
@given(st.binary(max_size=2_000))
def test_a_body_arrives_as_it_was(body: bytes) -> None:
    assert unread(decode, body, QUERY).read().next_token == body.hex()


def test_text_that_repeats_takes_a_fraction_of_its_room() -> None:
    assert len(unread(decode, b'{"t": "2024-01-02"}' * 10_000, QUERY).body) < 10_000
