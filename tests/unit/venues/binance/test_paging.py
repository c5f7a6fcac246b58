"""Everything since a moment, by a venue that hands out pages."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from core.venues.binance.paging import DAY_MS, PAGE, since

Row = tuple[int, int]
"""(id, time in ms)"""


class Venue:
    """`startTime` with or without `endTime` (at most a day apart; alone it reaches a day at most), or `fromId`."""

    def __init__(self, rows: list[Row], page: int = PAGE) -> None:
        self.rows = rows
        self.page = page
        self.calls = 0

    def fetch(self, bounds: Mapping[str, int]) -> list[Row]:
        self.calls += 1
        assert ("fromId" in bounds) != ("startTime" in bounds)
        if "fromId" in bounds:
            return [row for row in self.rows if row[0] >= bounds["fromId"]][: self.page]
        start = bounds["startTime"]
        end = bounds.get("endTime", start + DAY_MS)
        assert end - start <= DAY_MS
        return [row for row in self.rows if start <= row[1] <= end][: self.page]


def read(venue: Venue, since_ms: int, now_ms: int) -> list[Row]:
    return since(
        since_ms,
        now_ms,
        venue.fetch,
        id_parameter="fromId",
        id_of=lambda row: row[0],
        time_ms_of=lambda row: row[1],
        page=venue.page,
    )


@given(
    st.lists(st.integers(0, DAY_MS // 4), max_size=60),
    st.integers(0, 45 * DAY_MS),
    st.integers(1, 8),
)
def test_every_row_comes_once_and_in_order(gaps: list[int], since_ms: int, page: int) -> None:
    rows: list[Row] = []
    time_ms = 0
    for number, gap in enumerate(gaps):
        time_ms += gap
        rows.append((number * 3 + 1, time_ms))
    now_ms = max(time_ms, since_ms)
    found = read(Venue(rows, page), since_ms, now_ms)
    assert found == [row for row in rows if row[1] >= since_ms]


def test_an_account_without_a_history_costs_one_call() -> None:
    venue = Venue([])
    assert read(venue, DAY_MS, DAY_MS + 5) == []
    assert venue.calls == 1


def test_a_very_old_moment_walks_ids_not_days() -> None:
    venue = Venue([(number, number) for number in range(2_500)])
    assert len(read(venue, 0, 20_000 * DAY_MS)) == 2_500
    assert venue.calls == 3
