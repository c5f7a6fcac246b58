"""Chunks cover what is missing, each bit once."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.candles import Timeframe
from core.domain.series import SeriesKind, SeriesName
from core.history.coverage import normalised
from core.history.loading.plan import Wanted, plan
from core.ports.history import HistoryAbilities, KindTraits
from unit.history.tables import DAY_MS, JAN_MS


def wanted_of(symbol: str, spans: list[tuple[int, int]], urgency: int, timeframe: Timeframe) -> Wanted:
    name = SeriesName("s", SeriesKind.STOCK_BARS, symbol, timeframe)
    missing = normalised([(JAN_MS + start * DAY_MS, JAN_MS + end * DAY_MS) for start, end in spans])
    return Wanted(name, missing, urgency)


def abilities(batch: int = 100, per_min: float | None = 200.0) -> HistoryAbilities:
    kinds = {SeriesKind.STOCK_BARS: KindTraits(frozenset(Timeframe), batch)}
    return HistoryAbilities("s", kinds, requests_per_min=per_min)


spans = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=3)


@settings(max_examples=60)
@given(
    st.lists(spans, min_size=1, max_size=6),
    st.integers(1, 4),
    st.sampled_from([None, 200.0]),
    st.sampled_from([Timeframe.D1, Timeframe.M1]),
)
def test_every_missing_day_of_every_symbol_is_asked_for_once(
    missing: list[list[tuple[int, int]]], batch: int, per_min: float | None, timeframe: Timeframe
) -> None:
    wanted = [wanted_of(f"S{n}", each, n, timeframe) for n, each in enumerate(missing)]
    asked: Counter[tuple[str, int]] = Counter()
    for chunk in plan(wanted, abilities(batch, per_min), at_once=4):
        assert 1 <= len(chunk.query.symbols) <= chunk.batch <= batch
        for symbol in chunk.query.symbols:
            asked.update((symbol, day) for day in range(chunk.query.start_ms, chunk.query.end_ms, DAY_MS))
    days = {(each.name.symbol, day) for each in wanted for span in each.missing for day in range(*span, DAY_MS)}
    assert set(asked) == days
    assert max(asked.values(), default=1) == 1


def test_the_most_urgent_symbol_shares_its_request_with_nobody() -> None:
    chunks = plan([wanted_of(f"S{n}", [(0, 365)], n, Timeframe.D1) for n in range(9)], abilities(), at_once=4)
    assert [chunk.query.symbols for chunk in chunks] == [("S0",), tuple(f"S{n}" for n in range(1, 9))]


def test_where_the_rate_does_not_matter_requests_are_spread_over_the_threads() -> None:
    wanted = [wanted_of(f"S{n}", [(0, 365)], n, Timeframe.D1) for n in range(9)]
    assert len(plan(wanted, abilities(per_min=None), at_once=4)) == 5


def test_years_of_minutes_are_cut_where_months_end() -> None:
    chunks = plan([wanted_of("S0", [(0, 366)], 0, Timeframe.M1)], abilities(), at_once=4)
    assert len(chunks) > 6
    assert all(chunk.query.end_ms - chunk.query.start_ms < 32 * DAY_MS for chunk in chunks)
