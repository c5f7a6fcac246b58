"""The store against whatever order candles arrive in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.candles import Candle, SeriesKey, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import CandleChanged
from core.market.candle_ring import attach
from core.market.candle_store import Applied, CandleStore, Gap

ID = InstrumentId("BTC/USDT")
KEY = SeriesKey(ID, Timeframe.M1)
STEP_MS = 60_000


def candle(number: int, close: float | None = None, volume: float = 1.0) -> Candle:
    last = float(number) + 100.0 if close is None else close
    return Candle(number * STEP_MS, float(number) + 99.5, max(last, number + 101.0), 1.0, last, volume)


def event(number: int, *, closed: bool = True, close: float | None = None) -> CandleChanged:
    return CandleChanged(ID, Timeframe.M1, candle(number, close), closed, 0, 0)


def numbers(store: CandleStore) -> list[int]:
    return [int(open_ms) // STEP_MS for open_ms in store.window(KEY, 10_000).open_ms]


def closes(store: CandleStore) -> list[float]:
    return store.window(KEY, 10_000).close.tolist()


deliveries = st.lists(
    st.one_of(
        st.tuples(st.just("stream"), st.integers(0, 40), st.booleans()),
        st.tuples(st.just("rest"), st.integers(0, 40), st.integers(1, 20)),
    ),
    max_size=40,
)


@given(deliveries, st.integers(2, 15))
def test_a_ring_never_has_a_hole_and_never_a_wrong_candle(
    script: list[tuple[str, int, int | bool]], capacity: int
) -> None:
    """Any order of stream candles and REST pages: what is stored is consecutive, and each candle is the venue's."""
    store = CandleStore([KEY], capacity=capacity)
    for what, number, extra in script:
        if what == "stream":
            store.apply(event(number, closed=bool(extra)))
        else:
            page = [candle(later) for later in range(number, number + int(extra))]
            store.backfill(KEY, page, now_ms=(number + int(extra)) * STEP_MS)
        stored = numbers(store)
        assert stored == list(range(stored[0], stored[0] + len(stored))) if stored else True
        assert closes(store) == [candle(each).close for each in stored]
        assert len(stored) <= capacity
        forming = store.forming(KEY)
        last_ms = store.last_closed_ms(KEY)
        assert forming is None or last_ms is None or forming.open_ms > last_ms


@given(st.permutations(range(10)), st.integers(0, 9))
def test_candles_in_any_order_and_one_full_page_give_the_whole_series(order: list[int], lost: int) -> None:
    store = CandleStore([KEY])
    for number in order:
        if number != lost:
            store.apply(event(number))
    store.backfill(KEY, [candle(number) for number in range(10)], now_ms=10 * STEP_MS)
    assert numbers(store) == list(range(10))
    assert store.gap(KEY) is None


def test_closed_candles_append_and_the_forming_one_stays_apart() -> None:
    store = CandleStore([KEY])
    assert store.apply(event(1, closed=False)) is Applied.FORMING
    assert store.count(KEY) == 0 and store.forming(KEY) == candle(1)
    assert store.apply(event(1)) is Applied.CLOSED
    assert store.forming(KEY) is None and numbers(store) == [1]
    assert store.apply(event(1, closed=False)) is Applied.OLDER
    assert store.apply(event(2, closed=False)) is Applied.FORMING
    assert numbers(store) == [1]


def test_a_missing_candle_is_a_gap_that_a_page_closes() -> None:
    store = CandleStore([KEY])
    store.apply(event(1))
    assert store.apply(event(4)) is Applied.GAP
    assert store.gap(KEY) == Gap(KEY, 2 * STEP_MS, 4 * STEP_MS)
    assert numbers(store) == [1], "decisions see the hole as an old last candle, never as a jump"
    assert store.statistics().gapped == 1
    store.backfill(KEY, [candle(number) for number in (1, 2, 3, 4)], now_ms=5 * STEP_MS)
    assert numbers(store) == [1, 2, 3, 4] and store.gap(KEY) is None


def test_a_page_that_repeats_a_waiting_candle_keeps_it() -> None:
    store = CandleStore([KEY], capacity=2)
    store.apply(event(0))
    store.apply(event(2))
    store.backfill(KEY, [candle(number) for number in range(4)], now_ms=4 * STEP_MS)
    assert closes(store) == [102.0, 103.0]
    assert store.statistics().flat == 0


def test_a_candle_that_forms_beyond_a_close_that_never_came_is_a_gap_said_once() -> None:
    store = CandleStore([KEY])
    store.apply(event(1))
    assert store.apply(event(3, closed=False)) is Applied.GAP
    assert store.apply(event(3, closed=False)) is Applied.FORMING
    assert store.gap(KEY) == Gap(KEY, 2 * STEP_MS, 3 * STEP_MS)


def test_a_late_candle_closes_the_gap_by_itself() -> None:
    store = CandleStore([KEY])
    store.apply(event(1))
    store.apply(event(3))
    assert store.apply(event(2)) is Applied.CLOSED
    assert numbers(store) == [1, 2, 3]


def test_a_candle_sent_twice_changes_nothing_and_a_revised_one_is_counted() -> None:
    store = CandleStore([KEY])
    store.apply(event(1))
    store.apply(event(2))
    assert store.apply(event(1)) is Applied.DUPLICATE
    assert store.apply(event(1, close=100.9)) is Applied.REVISED
    assert closes(store) == [100.9, 102.0]
    assert store.apply(event(0)) is Applied.OLDER
    assert (store.statistics().duplicates, store.statistics().revised) == (1, 1)


def test_rest_is_the_auditor() -> None:
    store = CandleStore([KEY])
    store.apply(event(1))
    store.apply(event(2))
    store.backfill(KEY, [candle(1), candle(2, close=102.5)], now_ms=3 * STEP_MS)
    assert closes(store) == [101.0, 102.5]
    assert store.statistics().revised == 1


def test_the_last_candle_of_a_page_may_still_form() -> None:
    store = CandleStore([KEY])
    store.backfill(KEY, [candle(1), candle(2), candle(3)], now_ms=3 * STEP_MS + 1)
    assert numbers(store) == [1, 2]
    assert store.forming(KEY) == candle(3)


def test_history_goes_before_what_the_stream_has_brought() -> None:
    store = CandleStore([KEY])
    store.apply(event(10))
    store.backfill(KEY, [candle(number) for number in range(5, 11)], now_ms=11 * STEP_MS)
    assert numbers(store) == [5, 6, 7, 8, 9, 10]


def test_a_hole_in_the_venues_own_history_is_filled_flat_and_counted() -> None:
    store = CandleStore([KEY])
    store.backfill(KEY, [candle(1), candle(4)], now_ms=5 * STEP_MS)
    assert numbers(store) == [1, 2, 3, 4]
    assert closes(store) == [101.0, 101.0, 101.0, 104.0]
    assert store.window(KEY, 4).volume.tolist() == [1.0, 0.0, 0.0, 1.0]
    assert store.statistics().flat == 2


def test_a_page_that_does_not_reach_back_replaces_what_is_stored() -> None:
    store = CandleStore([KEY])
    store.apply(event(1))
    store.backfill(KEY, [candle(number) for number in (50, 51)], now_ms=52 * STEP_MS)
    assert numbers(store) == [50, 51]


def test_an_old_page_never_takes_away_newer_candles() -> None:
    store = CandleStore([KEY])
    store.backfill(KEY, [candle(number) for number in range(10, 20)], now_ms=20 * STEP_MS)
    store.backfill(KEY, [candle(number) for number in range(3, 7)], now_ms=20 * STEP_MS)
    assert numbers(store) == list(range(10, 20))


def test_an_empty_page_changes_nothing() -> None:
    store = CandleStore([KEY])
    store.backfill(KEY, [], now_ms=0)
    assert numbers(store) == []
    store.apply(event(1))
    store.backfill(KEY, [], now_ms=0)
    assert numbers(store) == [1]


def test_a_series_nobody_asked_for_is_left_out() -> None:
    store = CandleStore([KEY])
    assert (
        store.apply(CandleChanged(InstrumentId("X/Y"), Timeframe.M1, candle(1), True, 0, 0)) is Applied.UNKNOWN_SERIES
    )
    with pytest.raises(KeyError):
        store.window(SeriesKey(InstrumentId("X/Y"), Timeframe.M1), 1)


def test_a_candle_off_its_grid_is_dropped() -> None:
    store = CandleStore([KEY])
    crooked = Candle(STEP_MS + 1, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert store.apply(CandleChanged(ID, Timeframe.M1, crooked, True, 0, 0)) is Applied.MISALIGNED
    store.backfill(KEY, [crooked], now_ms=10 * STEP_MS)
    assert store.count(KEY) == 0


def test_workers_see_what_the_store_has_through_handles_of_many_segments() -> None:
    keys = [SeriesKey(InstrumentId(f"S{number}/USDT"), Timeframe.M1) for number in range(130)]
    store = CandleStore(keys, capacity=20)
    assert store.statistics().segments == 3
    for key in keys:
        for number in range(25):
            store.apply(CandleChanged(key.instrument_id, Timeframe.M1, candle(number), True, 0, 0))
    for key in keys:
        window = attach(store.handle(key)).window(20)
        assert window.close.tolist() == [candle(number).close for number in range(5, 25)]
    store.add(keys[0])
    assert store.keys() == tuple(keys)
    store.close()
