"""Candles equal their trades, in every interval, however the time is cut."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.simulation.engine.candles import CandleBook
from core.simulation.engine.events import Candle
from core.simulation.engine.intervals import Interval
from core.simulation.engine.series import CANDLES_KEPT, MOST, CandleSeries

START_MS = int(datetime(2024, 2, 28, 23, 57, tzinfo=UTC).timestamp() * 1000)

TradeTuple = tuple[int, int, int, bool]
"""(time ms, price, quantity, buyer is maker)"""

TRADES = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 90_000), st.integers(0, 40 * 3_600_000)),
        st.integers(90, 110),
        st.integers(1, 50),
        st.booleans(),
    ),
    max_size=40,
).map(lambda gaps: [(START_MS + sum(gap for gap, *_ in gaps[: n + 1]), *rest) for n, (_, *rest) in enumerate(gaps)])


def play(book: CandleBook, trades: list[TradeTuple], end_ms: int) -> list[tuple[Interval, Candle]]:
    closed = []
    for trade_id, (time_ms, price, quantity, maker) in enumerate(trades, 1):
        closed += book.close_due(time_ms)
        book.add(price, quantity, trade_id, maker)
    return closed + book.close_due(end_ms)


def expected(trades: list[TradeTuple], interval: Interval) -> dict[int, Candle]:
    """Candles with trades, by open time, made the plain way."""
    groups: dict[int, list[tuple[int, TradeTuple]]] = {}
    for trade_id, trade in enumerate(trades, 1):
        groups.setdefault(interval.open_ms(trade[0]), []).append((trade_id, trade))
    return {open_ms: plain_candle(open_ms, interval, group) for open_ms, group in groups.items()}


def plain_candle(open_ms: int, interval: Interval, group: list[tuple[int, TradeTuple]]) -> Candle:
    prices = [trade[1] for _, trade in group]
    bought = [trade for _, trade in group if not trade[3]]
    return Candle(
        open_ms,
        interval.next_open_ms(open_ms) - 1,
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
        sum(trade[2] for _, trade in group),
        sum(trade[1] * trade[2] for _, trade in group),
        len(group),
        sum(trade[2] for trade in bought),
        sum(trade[1] * trade[2] for trade in bought),
        group[0][0],
        group[-1][0],
    )


@settings(max_examples=60, deadline=None)
@given(TRADES, st.integers(0, 200_000))
def test_closed_candles_equal_their_trades(trades: list[TradeTuple], more_ms: int) -> None:
    book = CandleBook(START_MS)
    end_ms = (trades[-1][0] if trades else START_MS) + more_ms
    closed = play(book, trades, end_ms)
    for interval in Interval:
        wanted = {open_ms: candle for open_ms, candle in expected(trades, interval).items() if candle.close_ms < end_ms}
        got = [candle for kind, candle in closed if kind is interval]
        assert {candle.open_ms: candle for candle in got if candle.n_trades} == wanted
        opens = [candle.open_ms for candle in got]
        assert opens == sorted(set(opens))
        for before, after in pairwise(got):
            assert after.open_ms == before.close_ms + 1
        for candle in got:
            assert candle.n_trades or candle.open == candle.high == candle.low == candle.close
    assert closed == sorted(closed, key=lambda each: each[1].close_ms)


@settings(max_examples=60, deadline=None)
@given(TRADES)
def test_forming_candles_equal_their_trades_so_far(trades: list[TradeTuple]) -> None:
    book = CandleBook(START_MS)
    now_ms = trades[-1][0] if trades else START_MS
    play(book, trades, now_ms)
    for interval in Interval:
        forming = book.forming(interval)
        wanted = expected(trades, interval).get(interval.open_ms(now_ms))
        if wanted is not None:
            assert forming == wanted
        else:
            assert (forming.open_ms, forming.n_trades) == (interval.open_ms(now_ms), 0)


@settings(max_examples=60, deadline=None)
@given(TRADES, st.integers(0, 40))
def test_history_and_live_trades_make_the_candles_that_all_trades_make(trades: list[TradeTuple], cut: int) -> None:
    whole = CandleBook(START_MS)
    end_ms = trades[-1][0] if trades else START_MS
    play(whole, trades, end_ms)
    cut_ms = Interval.M1.open_ms(trades[min(cut, len(trades) - 1)][0]) if trades else START_MS
    before = CandleBook(START_MS)
    play(before, [trade for trade in trades if trade[0] < cut_ms], cut_ms)
    history = {interval: before._series[interval].rows_since(0) for interval in Interval}
    after = CandleBook(cut_ms, history)
    later = [trade for trade in trades if trade[0] >= cut_ms]
    play(after, later, end_ms)
    for interval in Interval:
        got, wanted = after.select(interval, None, None, 1_000), whole.select(interval, None, None, 1_000)
        assert [values(candle) for candle in got] == [values(candle) for candle in wanted]


def values(candle: Candle) -> tuple[int, ...]:
    """All but the trade ids, which history does not keep."""
    return (candle.open_ms, candle.close_ms, candle.open, candle.high, candle.low, candle.close, candle.volume,
            candle.quote_volume, candle.n_trades, candle.taker_buy_volume, candle.taker_buy_quote_volume)  # fmt: skip


def series_book(n_minutes: int) -> CandleBook:
    book = CandleBook(0)
    for minute in range(n_minutes):
        book.close_due(minute * 60_000)
        book.add(100 + minute, 1, minute + 1, False)
    return book


@pytest.mark.parametrize(
    ("start", "end", "limit", "wanted"),
    [
        (None, None, 3, [7, 8, 9]),
        (None, 5, 2, [4, 5]),
        (3, None, 2, [3, 4]),
        (8, None, 5, [8, 9]),
        (2, 3, 5, [2, 3]),
        (9, 9, 5, [9]),
        (10, None, 5, []),
        (None, None, 1, [9]),
        (None, None, 0, []),
    ],
)
def test_a_selection_begins_at_the_start_or_ends_at_the_end(
    start: int | None, end: int | None, limit: int, wanted: list[int]
) -> None:
    minutes = [None if minute is None else minute * 60_000 for minute in (start, end)]
    got = series_book(10).select(Interval.M1, minutes[0], minutes[1], limit)
    assert [candle.open_ms // 60_000 for candle in got] == wanted


def test_a_series_keeps_enough_but_not_all() -> None:
    book = series_book(3 * CANDLES_KEPT)
    kept = len(book.select(Interval.M1, None, None, 10_000))
    assert CANDLES_KEPT <= kept <= 2 * CANDLES_KEPT


def test_sums_beyond_64_bits_stop_growing_instead_of_failing() -> None:
    series = CandleSeries(Interval.M1)
    series.append(Candle(0, 59_999, 1, 1, 1, 1, 10**30, 10**30, 1, 0, 0))
    last = series.last()
    assert last is not None
    assert last.volume == MOST


@given(st.integers(0, 4 * 10**12))
def test_intervals_tile_the_time(time_ms: int) -> None:
    for interval in Interval:
        open_ms = interval.open_ms(time_ms)
        assert open_ms <= time_ms < interval.next_open_ms(open_ms)
        assert interval.open_ms(interval.next_open_ms(open_ms)) == interval.next_open_ms(open_ms)


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    wednesday = int(datetime(2024, 2, 28, 12, tzinfo=UTC).timestamp() * 1000)
    assert datetime.fromtimestamp(Interval.W1.open_ms(wednesday) / 1000, UTC) == datetime(2024, 2, 26, tzinfo=UTC)
    assert datetime.fromtimestamp(Interval.MONTH.open_ms(wednesday) / 1000, UTC) == datetime(2024, 2, 1, tzinfo=UTC)
    march = Interval.MONTH.next_open_ms(Interval.MONTH.open_ms(wednesday))
    assert datetime.fromtimestamp(march / 1000, UTC) == datetime(2024, 3, 1, tzinfo=UTC)
