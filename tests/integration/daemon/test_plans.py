"""A daemon that buys in slices, killed in the middle: it goes on with exactly what is left."""

import signal
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.domain.orders import IntentId
from core.execution.client_order_id import client_order_id
from integration.daemon.agreement import wait_until_all_agree
from integration.daemon.bot import Bot, bot

pytestmark = [pytest.mark.slow, pytest.mark.processes]

SLICED = {
    "TRADING__SYMBOLS": '["BTC/USDT"]',
    "SLICING__ENTRIES": "twap",
    "SLICING__EXITS": "twap",
    "SLICING__ABOVE_USD": "500",
    "SLICING__DURATION_S": "600",
    "SLICING__SLICES": "20",
    "SLICING__ENTRY_REST": "market",
    "SIZING__ENTRY_ORDER": "market",
    "SIMULATION__SPEED": "60",
}


def plans(daemon: Bot) -> list[Mapping[str, Any]]:
    return list(daemon.status()["plans"])


def executed(daemon: Bot, intent_id: str) -> tuple[Decimal, int]:
    """Of the slices of an intent, as the venue has them."""
    ids = {client_order_id(IntentId(intent_id), f"slice-{n}") for n in range(1, 200)}
    mine = [each for each in daemon.venue.ledger()["orders"] if each["clientOrderId"] in ids]
    assert len({each["clientOrderId"] for each in mine}) == len(mine)
    return sum((Decimal(each["executedQty"]) for each in mine), Decimal(0)), len(mine)


def test_a_twap_of_ten_minutes_survives_kills_and_buys_exactly_what_was_decided(tmp_path: Path) -> None:
    with bot(tmp_path, **SLICED) as daemon:
        daemon.next("trading", timeout_s=120)
        daemon.mood = "long"
        daemon.until(lambda: any(int(each["sent"]) >= 4 for each in plans(daemon)), 60)
        (before,) = plans(daemon)
        daemon.mood = "hold"
        daemon.signal(signal.SIGKILL)
        daemon.end()
    with bot(tmp_path, **SLICED) as daemon:
        daemon.next("trading", timeout_s=120)
        (resumed,) = plans(daemon)
        assert (resumed["plan_id"], resumed["quantity"]) == (before["plan_id"], before["quantity"])
        daemon.until(lambda: plans(daemon)[0]["state"] == "over", 60)
        (after,) = plans(daemon)
        assert (after["filled_quantity"], after["note"]) == (before["quantity"], "FILLED")
        wait_until_all_agree(daemon, daemon.venue)
        held = sum(Decimal(each["origQty"]) for each in daemon.venue.stops())
        assert held > Decimal(before["quantity"]) * Decimal("0.99")
        bought = [each for each in daemon.venue.ledger()["orders"] if each["side"] == "BUY"]
        assert sum(Decimal(each["executedQty"]) for each in bought) == Decimal(before["quantity"])
        daemon.mood = "flat"
        daemon.until(lambda: not daemon.venue.stops() and plans(daemon)[-1]["purpose"] == "exit", 60)
        daemon.until(lambda: all(each["state"] == "over" for each in plans(daemon)), 90)
        wait_until_all_agree(daemon, daemon.venue)
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0
