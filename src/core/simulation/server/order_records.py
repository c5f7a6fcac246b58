"""Order lists, amendments and prevented matches in the venue's books."""

from collections.abc import Iterable
from typing import Any

import msgspec

from core.simulation.engine.accounts import TRADES_KEPT
from core.simulation.engine.events import ListChanged, ListRecord, ListStatus, OrderChanged
from core.simulation.engine.order_lists import LISTS_KEPT
from core.simulation.engine.special import Amendment, PreventedMatch
from core.simulation.server.records import Record, RecordTable

LIST, AMENDMENT, PREVENTED = "order_list", "amendment", "prevented_match"
"""Kinds of records."""


def order_records(events: Iterable[object]) -> list[Record]:
    """What events say that their orders' own records do not."""
    records = []
    for event in events:
        if isinstance(event, ListChanged):
            each = event.order_list
            is_open = each.status is not ListStatus.ALL_DONE
            records.append(Record(LIST, each.account, each.symbol, each.list_id, each, is_open=is_open))
        elif isinstance(event, OrderChanged) and event.detail is not None:
            records.append(_detail(event.detail))
    return records


def stored_order_records(table: RecordTable, account: str) -> dict[str, Any]:
    """An account's part of what `Exchange.restore_accounts` takes."""
    return {
        "lists": msgspec.to_builtins(table.of(account, LIST, ListRecord, newest=LISTS_KEPT)),
        "amendments": msgspec.to_builtins(table.of(account, AMENDMENT, Amendment, newest=TRADES_KEPT)),
        "prevented": msgspec.to_builtins(table.of(account, PREVENTED, PreventedMatch, newest=TRADES_KEPT)),
    }


def _detail(detail: Amendment | PreventedMatch) -> Record:
    if isinstance(detail, Amendment):
        return Record(AMENDMENT, detail.account, detail.symbol, detail.execution_id, detail)
    return Record(PREVENTED, detail.account, detail.symbol, detail.match_id, detail)
