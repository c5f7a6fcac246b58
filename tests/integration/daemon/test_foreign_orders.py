"""Others on the daemon's account: shown always, and left alone, adopted or cancelled as the settings say."""

import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integration.daemon.bot import Bot, Truth, bot
from integration.daemon.others import OtherClient
from integration.daemon.test_kill_switch import told
from tests.venues import VenueProcess

pytestmark = [pytest.mark.processes, pytest.mark.slow]


def listed(daemon: Bot, purpose: str) -> list[dict[str, Any]]:
    return [each for each in daemon.api("/api/v1/orders") if each["purpose"] == purpose]


def at_venue(truth: Truth, name: str) -> dict[str, Any]:
    (found,) = [each for each in truth.ledger()["orders"] if each["clientOrderId"] == name]
    return dict(found)


def test_by_default_they_are_noticed_shown_and_left_alone(tmp_path: Path) -> None:
    with bot(tmp_path) as daemon:
        daemon.next("trading")
        other = OtherClient(daemon.venue.url)
        other.bid("BTC/USDT", "another-bot-1", "0.01")
        said = daemon.next("foreign_order")
        assert (said["client_order_id"], said["has_our_shape"]) == ("another-bot-1", False)
        daemon.until(lambda: daemon.status()["foreign_orders"] == 1)
        (line,) = listed(daemon, "foreign")
        assert (line["client_order_id"], line["state"]) == ("another-bot-1", "accepted")
        assert "foreign" in daemon.command("orders").stdout
        told(daemon, "flatten", "--yes")
        assert at_venue(daemon.venue, "another-bot-1")["status"] == "NEW", "it is not the bot's"
        other.cancel("BTC/USDT", "another-bot-1")
        daemon.until(lambda: daemon.status()["foreign_orders"] == 0)
        assert not listed(daemon, "foreign")
        other.close()


def test_an_adopted_order_outlives_a_kill_and_goes_with_a_flattening(tmp_path: Path, venue: VenueProcess) -> None:
    settings = {"SIMULATION__PORT": str(venue.port), "EXECUTION__FOREIGN_ORDERS": "adopt"}
    truth, other = Truth(venue.url), OtherClient(venue.url)
    with bot(tmp_path, **settings) as daemon:
        daemon.next("trading")
        other.bid("BTC/USDT", "web_1", "0.5")
        adopted = daemon.next("foreign_order_adopted")
        assert adopted["theirs"] == "web_1"
        (mine,) = daemon.until(lambda: listed(daemon, "manual"))
        assert (mine["client_order_id"], mine["state"]) == (adopted["client_order_id"], "accepted")
        daemon.until(lambda: daemon.status()["foreign_orders"] == 0)
        daemon.signal(signal.SIGKILL)
        daemon.end()
    with bot(tmp_path, **settings) as daemon:
        daemon.next("trading")
        assert not daemon.all("foreign_order")
        assert [each["state"] for each in listed(daemon, "manual")] == ["accepted"]
        flat = told(daemon, "flatten", "--yes")
        assert flat["flattening"]["is_proven"]
        assert at_venue(truth, "web_1")["status"] == "CANCELED"
        assert [each["state"] for each in listed(daemon, "manual")] == ["cancelled"]
        verified = daemon.command("journal", "verify")
        assert verified.returncode == 0, verified.stdout
    other.close()


def test_they_are_cancelled_where_the_settings_say_so_also_those_found_at_the_start(
    tmp_path: Path, venue: VenueProcess
) -> None:
    truth, other = Truth(venue.url), OtherClient(venue.url)
    other.bid("ETH/USDT", "early", "0.5")
    settings = {"SIMULATION__PORT": str(venue.port), "EXECUTION__FOREIGN_ORDERS": "cancel"}
    with bot(tmp_path, **settings) as daemon:
        assert daemon.next("foreign_order_cancelled")["client_order_id"] == "early"
        other.bid("BTC/USDT", "late", "0.01")
        said = daemon.next("foreign_order_cancelled")
        assert (said["client_order_id"], said["reason"]) == ("late", 'execution.foreign_orders is "cancel"')
        daemon.until(lambda: daemon.status()["foreign_orders"] == 0)
        assert {at_venue(truth, name)["status"] for name in ("early", "late")} == {"CANCELED"}
        assert truth.ledger()["balances"]["USDT"]["locked"] in ("0", "0.00000000")
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"))
        assert len(daemon.all("foreign_order_cancelled")) == 2, "none of its own"
        assert Decimal(truth.ledger()["balances"]["BTC"]["locked"]) >= 0
    other.close()
