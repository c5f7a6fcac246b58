"""The bot's own orders, edited by somebody else at the venue: taken as they are there, said, and made good."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integration.daemon.agreement import wait_until_all_agree
from integration.daemon.bot import Bot, Truth, bot
from integration.daemon.others import OtherClient
from integration.daemon.test_tickets import BTC, last_price, placed, price, state, ticket
from tests.venues import VenueProcess

pytestmark = [pytest.mark.processes, pytest.mark.slow]


def listed(daemon: Bot, order: dict[str, Any]) -> dict[str, Any]:
    (line,) = [each for each in daemon.api("/api/v1/orders") if each["client_order_id"] == order["client_order_id"]]
    return dict(line)


def test_orders_amended_and_cancelled_by_hand_are_what_the_venue_says(tmp_path: Path, venue: VenueProcess) -> None:
    truth, other = Truth(venue.url), OtherClient(venue.url)
    settings = {"SIMULATION__PORT": str(venue.port), "EXECUTION__RECONCILE_S": "1"}
    with bot(tmp_path, **settings) as daemon:
        daemon.mood = "hold"
        daemon.next("trading")
        daemon.until(lambda: last_price(daemon))
        order = placed(daemon, ticket("edited", "limit", price=price(daemon, 0.9), quantity="0.05"))
        other.shrink(BTC, order["client_order_id"], "0.03")
        said = daemon.next("order_oddity", code="EDITED_AT_VENUE")
        assert said["client_order_id"] == order["client_order_id"]
        assert said["detail"].startswith("0.05") and "-> 0.03" in said["detail"]
        daemon.until(lambda: Decimal(listed(daemon, order)["quantity"]) == Decimal("0.03"))
        other.cancel(BTC, order["client_order_id"])
        daemon.until(lambda: state(daemon, order) == "cancelled")

        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"))
        daemon.mood = "hold"
        wait_until_all_agree(daemon, truth)
        (stop,) = [each for each in truth.stops() if each["symbol"] == "BTCUSDT"]
        half = (Decimal(stop["origQty"]) / 2).quantize(Decimal("0.00001"))
        other.shrink(BTC, stop["clientOrderId"], str(half))
        daemon.next("order_oddity", code="EDITED_AT_VENUE", client_order_id=stop["clientOrderId"])
        wait_until_all_agree(daemon, truth)  # all that is held is under a stop again
        stop = next(each for each in truth.stops() if each["symbol"] == "BTCUSDT")
        other.cancel(BTC, stop["clientOrderId"])
        daemon.until(lambda: stop["clientOrderId"] not in {each["clientOrderId"] for each in truth.stops()})
        wait_until_all_agree(daemon, truth)  # it is put back
        assert len(daemon.all("order_oddity", code="EDITED_AT_VENUE")) == 2, "each is said once"
        assert daemon.status()["risk_level"] == "NORMAL"
        verified = daemon.command("journal", "verify", "--json")
        assert verified.returncode == 0, json.loads(verified.stdout)
    other.close()
