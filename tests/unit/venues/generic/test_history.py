"""Paging, against exchanges of every manner."""

from hypothesis import given
from hypothesis import strategies as st

from core.venues.generic.history import DAY_MS, MAX_DAYS, Row, since

NOW_MS = 1_800_000_000_000


@given(
    ages_ms=st.lists(st.integers(0, MAX_DAYS * DAY_MS - 1), max_size=60),
    page=st.integers(5, 40),
    span_days=st.sampled_from([None, 1, 7, 10_000]),
    newest_first=st.booleans(),
)
def test_everything_comes_once_oldest_first(
    ages_ms: list[int], page: int, span_days: int | None, newest_first: bool
) -> None:
    """Whatever a page holds and in whichever order, as long as no moment has more rows than a page."""
    ages_ms = [age for age in ages_ms if ages_ms.count(age) < page]
    rows: list[Row] = [{"id": str(n), "timestamp": NOW_MS - age} for n, age in enumerate(ages_ms)]
    rows.sort(key=lambda row: row["timestamp"])

    def fetch(start_ms: int, until_ms: int | None) -> list[Row]:
        end_ms = until_ms if until_ms is not None else NOW_MS
        if span_days == 1:
            assert end_ms - start_ms <= DAY_MS
        found = [row for row in rows if start_ms <= row["timestamp"] <= end_ms][:page]
        return found[::-1] if newest_first else found

    found = since(NOW_MS - MAX_DAYS * DAY_MS, NOW_MS, fetch, span_days=span_days)
    assert [row["timestamp"] for row in found] == [row["timestamp"] for row in rows]
    assert {row["id"] for row in found} == {row["id"] for row in rows}


def test_an_exchange_that_ignores_the_moment_ends_too() -> None:
    row: Row = {"id": "1", "timestamp": NOW_MS - 5 * DAY_MS}
    assert since(NOW_MS - 5 * DAY_MS, NOW_MS, lambda start, until: [row], span_days=1) == [row]
    assert since(NOW_MS - 4 * DAY_MS, NOW_MS, lambda start, until: [row], span_days=1) == []
