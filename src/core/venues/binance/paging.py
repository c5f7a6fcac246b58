"""Lists that the venue hands out by the page: everything since a moment, oldest first.

`allOrders` and `myTrades` take either a time range of at most 24 hours or a first id, never both. After a full
page there may be more.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")
PAGE = 1_000
"""Rows of a full page."""
DAY_MS = 86_400_000
_MAX_DAYS = 30
"""Further back than this, walking all ids costs less than walking all days."""


def since(
    since_ms: int,
    now_ms: int,
    fetch: Callable[[Mapping[str, int]], Sequence[T]],
    *,
    id_parameter: str,
    id_of: Callable[[T], int],
    time_ms_of: Callable[[T], int],
    page: int = PAGE,
) -> list[T]:
    """Rows from `since_ms` on; `fetch` gets the range parameters of one page, which is full with `page` rows."""
    if now_ms - since_ms > _MAX_DAYS * DAY_MS:
        everything = _by_id(0, fetch, id_parameter, id_of, page)
        return [row for row in everything if time_ms_of(row) >= since_ms]
    found: list[T] = []
    start_ms = since_ms
    while True:
        end_ms = start_ms + DAY_MS - 1
        is_last = end_ms >= now_ms
        rows = fetch({"startTime": start_ms} if is_last else {"startTime": start_ms, "endTime": end_ms})
        found.extend(rows)
        if len(rows) >= page:
            return found + _by_id(id_of(rows[-1]) + 1, fetch, id_parameter, id_of, page)
        if is_last:
            return found
        start_ms = end_ms + 1


def _by_id(
    first: int,
    fetch: Callable[[Mapping[str, int]], Sequence[T]],
    id_parameter: str,
    id_of: Callable[[T], int],
    page: int,
) -> list[T]:
    found: list[T] = []
    while True:
        rows = fetch({id_parameter: first})
        found.extend(rows)
        if len(rows) < page:
            return found
        first = id_of(rows[-1]) + 1
