"""Lists that an exchange hands out by the page: everything since a moment, oldest first."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

DAY_MS = 86_400_000
MAX_DAYS = 30
"""No further back: few exchanges keep more within reach, and where a span is a day each costs a request."""
_MAX_PAGES = 1_000

Row = Mapping[str, Any]
Fetch = Callable[[int, int | None], Sequence[Row]]
"""(since_ms, until_ms) to rows from `since_ms` on, as many as a page holds; `until_ms` is `None` in the last span."""


def since(since_ms: int, now_ms: int, fetch: Fetch, *, span_days: int | None) -> list[Row]:
    """Rows from `since_ms` on. `span_days`: the longest span that one question may cover; `None`: any.

    How many rows fill a page ccxt does not always know, so each span is asked again from its newest row on until
    nothing new comes.
    """
    found: dict[str, Row] = {}
    start_ms = max(since_ms, now_ms - MAX_DAYS * DAY_MS)
    while True:
        end_ms = None if span_days is None or span_days > MAX_DAYS else start_ms + span_days * DAY_MS - 1
        is_last = end_ms is None or end_ms >= now_ms
        _walk(found, fetch, start_ms, None if is_last else end_ms)
        if is_last or end_ms is None:
            break
        start_ms = end_ms + 1
    rows = [row for row in found.values() if (row.get("timestamp") or now_ms) >= since_ms]
    return sorted(rows, key=lambda row: row.get("timestamp") or 0)


def _walk(found: dict[str, Row], fetch: Fetch, start_ms: int, until_ms: int | None) -> None:
    for _ in range(_MAX_PAGES):
        rows = fetch(start_ms, until_ms)
        fresh = {_name(row): row for row in rows if _name(row) not in found}
        if not fresh:
            return
        found.update(fresh)
        start_ms = max(start_ms, *(int(row.get("timestamp") or 0) for row in fresh.values()))


def _name(row: Row) -> str:
    return str(row.get("id") or f"{row.get('order')}-{row.get('timestamp')}-{row.get('price')}-{row.get('amount')}")
